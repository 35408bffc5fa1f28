// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits of a mount and of each user in it: numbers of objects, and bytes of kernel
 * memory for values, metadata and mapped pages.  What an object has is charged to
 * the user who made it, an attachment's pages to the user who attached; the charge
 * stays with them whatever chown does.
 */
#include "shstate.h"

struct shs_user {
	u64 objects, bytes;
};

static u64 user_max(u64 own, u64 mount)
{
	return own ?: max_t(u64, mount / 4, 1);
}

static bool exceeds(u64 used, u64 more, u64 max)
{
	return more && (used > max || more > max - used);
}

static struct shs_user *get_user_entry(struct shs_sb_info *sbi, kuid_t uid)
{
	struct shs_user *user = xa_load(&sbi->users, __kuid_val(uid));

	if (user)
		return user;
	/* not GFP_KERNEL: reclaim may evict an inode, and that uncharges */
	user = kzalloc(sizeof(*user), GFP_NOFS | __GFP_ACCOUNT);
	if (user && xa_err(xa_store(&sbi->users, __kuid_val(uid), user,
				    GFP_NOFS | __GFP_ACCOUNT))) {
		kfree(user);
		user = NULL;
	}
	return user;
}

static void put_user_entry(struct shs_sb_info *sbi, kuid_t uid, struct shs_user *user)
{
	if (user->objects || user->bytes)
		return;
	xa_erase(&sbi->users, __kuid_val(uid));
	kfree(user);
}

/* 0, -ENOSPC (mount), -EDQUOT (user) or -ENOMEM; all or nothing. */
int shs_charge(struct super_block *sb, kuid_t uid, u64 objects, u64 bytes)
{
	struct shs_sb_info *sbi = shs_sbi(sb);
	struct shs_limits *max = &sbi->max;
	struct shs_user *user;
	int ret = 0;

	mutex_lock(&sbi->limit_lock);
	user = get_user_entry(sbi, uid);
	if (!user) {
		ret = -ENOMEM;
		goto unlock;
	}
	if (exceeds(sbi->objects, objects, max->nr_objects) ||
	    exceeds(sbi->bytes, bytes, max->size))
		ret = -ENOSPC;
	else if (exceeds(user->objects, objects,
			 user_max(max->nr_objects_user, max->nr_objects)) ||
		 exceeds(user->bytes, bytes, user_max(max->size_user, max->size)))
		ret = -EDQUOT;
	if (!ret) {
		sbi->objects += objects;
		sbi->bytes += bytes;
		user->objects += objects;
		user->bytes += bytes;
	}
	put_user_entry(sbi, uid, user);
unlock:
	mutex_unlock(&sbi->limit_lock);
	return ret;
}

void shs_uncharge(struct super_block *sb, kuid_t uid, u64 objects, u64 bytes)
{
	struct shs_sb_info *sbi = shs_sbi(sb);
	struct shs_user *user;

	if (!objects && !bytes)
		return;
	mutex_lock(&sbi->limit_lock);
	user = xa_load(&sbi->users, __kuid_val(uid));
	sbi->objects -= objects;
	sbi->bytes -= bytes;
	user->objects -= objects;
	user->bytes -= bytes;
	put_user_entry(sbi, uid, user);
	mutex_unlock(&sbi->limit_lock);
}
