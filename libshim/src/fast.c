// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/* The functions of shstate_fast.h, once more, for whoever cannot include them. */
#define SHS_INLINE
#define SHS_HELPER static inline
#include "internal.h"
