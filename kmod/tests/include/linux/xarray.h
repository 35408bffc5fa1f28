/* SPDX-License-Identifier: GPL-2.0-only */
/* A handful of small ids is all that the tests store. */
#ifndef _SHS_TESTS_XARRAY_H
#define _SHS_TESTS_XARRAY_H

#include <linux/types.h>

#define XA_SLOTS 16

struct xarray {
	void *slot[XA_SLOTS];
};

static inline void *xa_load(const struct xarray *xa, unsigned long index)
{
	return index < XA_SLOTS ? xa->slot[index] : NULL;
}

static inline void *xa_store(struct xarray *xa, unsigned long index, void *entry)
{
	void *old = xa->slot[index];

	xa->slot[index] = entry;
	return old;
}

static inline void *xa_erase(struct xarray *xa, unsigned long index)
{
	return xa_store(xa, index, NULL);
}

/* The first entry at *index or behind. */
static inline void *xa_find(const struct xarray *xa, unsigned long *index)
{
	while (*index < XA_SLOTS && !xa->slot[*index])
		++*index;
	return xa_load(xa, *index);
}

#define xa_for_each_marked(xa, index, entry, mark) \
	for (index = 0; (entry = xa_find(xa, &(index))); index++)

#endif
