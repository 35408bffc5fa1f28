/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The loops of <linux/list.h> and <linux/xarray.h>, for cppcheck, which reads
 * the sources without the kernel's headers.
 */
void *shs_lint_next(void *head);

#define list_for_each_entry(pos, head, member) \
	for (pos = shs_lint_next(head); pos; pos = shs_lint_next(pos))
#define list_for_each_entry_safe(pos, next, head, member) \
	for (pos = shs_lint_next(head); pos; pos = next = shs_lint_next(pos))
#define xa_for_each(xa, index, entry) \
	for (entry = shs_lint_next(xa); entry; entry = shs_lint_next(&index))
