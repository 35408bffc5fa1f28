/* SPDX-License-Identifier: GPL-2.0-only */
/* Included for what the kernel declares elsewhere, or does not need. */
