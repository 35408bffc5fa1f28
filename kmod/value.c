// SPDX-License-Identifier: GPL-2.0-only
/*
 * Numbers of the element types.  In the interface a number is a u64: sign-extended
 * for the signed types, zero-extended for the others.
 */
#include "core.h"

u32 shs_type_size(u32 type)
{
	switch ((enum shs_type)type) {
	case SHS_TYPE_NONE:
		break;
	case SHS_TYPE_BYTES:
	case SHS_TYPE_BOOL:
	case SHS_TYPE_U8:
	case SHS_TYPE_I8:
		return 1;
	case SHS_TYPE_U16:
	case SHS_TYPE_I16:
		return 2;
	case SHS_TYPE_U32:
	case SHS_TYPE_I32:
		return 4;
	case SHS_TYPE_U64:
	case SHS_TYPE_I64:
		return 8;
	}
	return 0;
}

bool shs_type_is_number(u32 type)
{
	return type >= SHS_TYPE_BOOL && type <= SHS_TYPE_I64;
}

bool shs_type_is_signed(u32 type)
{
	return type == SHS_TYPE_I8 || type == SHS_TYPE_I16 || type == SHS_TYPE_I32 ||
	       type == SHS_TYPE_I64;
}

/* Whether bytes from user space can be elements: of a bool only 0 and 1 can. */
bool shs_bytes_valid(u32 type, const u8 *bytes, size_t n)
{
	size_t i;

	if (type == SHS_TYPE_BOOL)
		for (i = 0; i < n; i++)
			if (bytes[i] > 1)
				return false;
	return true;
}

/* What v becomes when it is kept in an element of this type. */
u64 shs_number_wrap(u32 type, u64 v)
{
	switch ((enum shs_type)type) {
	case SHS_TYPE_BOOL:
		return v & 1;
	case SHS_TYPE_BYTES:
	case SHS_TYPE_U8:
		return (u8)v;
	case SHS_TYPE_I8:
		return (s64)(s8)v;
	case SHS_TYPE_U16:
		return (u16)v;
	case SHS_TYPE_I16:
		return (s64)(s16)v;
	case SHS_TYPE_U32:
		return (u32)v;
	case SHS_TYPE_I32:
		return (s64)(s32)v;
	case SHS_TYPE_NONE:
	case SHS_TYPE_U64:
	case SHS_TYPE_I64:
		break;
	}
	return v;
}

bool shs_number_fits(u32 type, u64 v)
{
	return shs_number_wrap(type, v) == v;
}

/* p may lie in a shared page: one access, and any bit pattern may come. */
u64 shs_number_load(u32 type, const void *p)
{
	switch (shs_type_size(type)) {
	case 1:
		return shs_number_wrap(type, READ_ONCE(*(const u8 *)p));
	case 2:
		return shs_number_wrap(type, READ_ONCE(*(const u16 *)p));
	case 4:
		return shs_number_wrap(type, READ_ONCE(*(const u32 *)p));
	}
	return READ_ONCE(*(const u64 *)p);
}

void shs_number_store(u32 type, void *p, u64 v)
{
	switch (shs_type_size(type)) {
	case 1:
		WRITE_ONCE(*(u8 *)p, v);
		break;
	case 2:
		WRITE_ONCE(*(u16 *)p, v);
		break;
	case 4:
		WRITE_ONCE(*(u32 *)p, v);
		break;
	default:
		WRITE_ONCE(*(u64 *)p, v);
	}
}
