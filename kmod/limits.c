// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits of a mount and of each user in it: numbers of objects, and bytes of kernel
 * memory for values, metadata and mapped pages.  What an object has is charged to
 * its owner, whom only shs_object_chown() changes; an attachment's pages are charged to
 * the user who attached.  What is charged is known under limit_lock alone, so a chown
 * moves also what somebody has just asked for and not yet got.
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

static int charge_user(struct shs_sb_info *sbi, kuid_t uid, u64 objects, u64 bytes)
{
	const struct shs_limits *max = &sbi->max;
	struct shs_user *user = get_user_entry(sbi, uid);
	int ret = 0;

	if (!user)
		return -ENOMEM;
	if (exceeds(user->objects, objects, user_max(max->nr_objects_user, max->nr_objects)) ||
	    exceeds(user->bytes, bytes, user_max(max->size_user, max->size)))
		ret = -EDQUOT;
	if (!ret) {
		user->objects += objects;
		user->bytes += bytes;
	}
	put_user_entry(sbi, uid, user);
	return ret;
}

static void uncharge_user(struct shs_sb_info *sbi, kuid_t uid, u64 objects, u64 bytes)
{
	struct shs_user *user = xa_load(&sbi->users, __kuid_val(uid));

	user->objects -= objects;
	user->bytes -= bytes;
	put_user_entry(sbi, uid, user);
}

static int charge(struct shs_sb_info *sbi, kuid_t uid, u64 objects, u64 bytes)
{
	int ret;

	if (exceeds(sbi->objects, objects, sbi->max.nr_objects) ||
	    exceeds(sbi->bytes, bytes, sbi->max.size))
		return -ENOSPC;
	ret = charge_user(sbi, uid, objects, bytes);
	if (!ret) {
		sbi->objects += objects;
		sbi->bytes += bytes;
	}
	return ret;
}

static void uncharge(struct shs_sb_info *sbi, kuid_t uid, u64 objects, u64 bytes)
{
	if (!objects && !bytes)
		return;			/* there may be no such user */
	uncharge_user(sbi, uid, objects, bytes);
	sbi->objects -= objects;
	sbi->bytes -= bytes;
}

/* 0, -ENOSPC (mount), -EDQUOT (user) or -ENOMEM; all or nothing. */
int shs_charge(struct super_block *sb, kuid_t uid, u64 objects, u64 bytes)
{
	struct shs_sb_info *sbi = shs_sbi(sb);
	int ret;

	mutex_lock(&sbi->limit_lock);
	ret = charge(sbi, uid, objects, bytes);
	mutex_unlock(&sbi->limit_lock);
	return ret;
}

void shs_uncharge(struct super_block *sb, kuid_t uid, u64 objects, u64 bytes)
{
	struct shs_sb_info *sbi = shs_sbi(sb);

	mutex_lock(&sbi->limit_lock);
	uncharge(sbi, uid, objects, bytes);
	mutex_unlock(&sbi->limit_lock);
}

/* As shs_charge(), to the owner, for what the object will have. */
int shs_object_charge(struct shs_object *obj, u64 bytes)
{
	struct shs_sb_info *sbi = shs_sbi(obj->sb);
	int ret;

	mutex_lock(&sbi->limit_lock);
	ret = charge(sbi, obj->uid, 0, bytes);
	if (!ret)
		obj->charged += bytes;
	mutex_unlock(&sbi->limit_lock);
	return ret;
}

void shs_object_uncharge(struct shs_object *obj, u64 bytes)
{
	struct shs_sb_info *sbi = shs_sbi(obj->sb);

	mutex_lock(&sbi->limit_lock);
	uncharge(sbi, obj->uid, 0, bytes);
	obj->charged -= bytes;
	mutex_unlock(&sbi->limit_lock);
}

/* 0, -EDQUOT (the new owner) or -ENOMEM: then the owner is who it was. */
int shs_object_chown(struct shs_object *obj, kuid_t uid)
{
	struct shs_sb_info *sbi = shs_sbi(obj->sb);
	int ret = 0;

	mutex_lock(&sbi->limit_lock);
	if (uid_eq(uid, obj->uid))
		goto unlock;
	ret = charge_user(sbi, uid, 1, obj->charged);
	if (!ret) {
		uncharge_user(sbi, obj->uid, 1, obj->charged);
		obj->uid = uid;
	}
unlock:
	mutex_unlock(&sbi->limit_lock);
	return ret;
}
