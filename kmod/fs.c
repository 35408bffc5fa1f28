// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file system: one flat directory of objects, its own instance for each mount.
 *
 * A name is made by open(O_TMPFILE), SHS_IOC_INIT and linkat(), so nobody sees a
 * half-made object; making one by O_CREAT is refused.  Sizes mean nothing: i_size
 * stays 0, and O_TRUNC and ftruncate succeed and change nothing (the default would
 * unmap everybody's pages).
 */
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/statfs.h>
#include "shstate.h"

#define DEFAULT_OBJECTS	65536
#define DEFAULT_MODE	(S_ISVTX | 0777)

/* The charge goes where the owner goes, and after it nothing fails. */
static int shs_setattr(struct shs_idmap *idmap, struct dentry *dentry, struct iattr *attr)
{
	struct inode *inode = d_inode(dentry);
	int ret;

	attr->ia_valid &= ~ATTR_SIZE;
	ret = setattr_prepare(idmap, dentry, attr);
	if (!ret && attr->ia_valid & ATTR_UID)
		ret = shs_object_chown(inode->i_private, attr->ia_uid);
	if (ret)
		return ret;
	setattr_copy(idmap, inode, attr);
	mark_inode_dirty(inode);
	return 0;
}

static const struct inode_operations object_iops = {
	.setattr = shs_setattr,
};

static struct inode *new_object_inode(struct super_block *sb, struct shs_idmap *idmap,
				      struct inode *dir, umode_t mode)
{
	struct shs_object *obj = shs_object_new(sb, current_fsuid());
	struct inode *inode;

	if (IS_ERR(obj))
		return ERR_CAST(obj);
	inode = new_inode(sb);
	if (!inode) {
		shs_object_free(obj);
		return ERR_PTR(-ENOMEM);
	}
	inode->i_ino = obj->serial;
	inode_init_owner(idmap, inode, dir, mode);
	shs_inode_init_ts(inode);
	inode->i_op = &object_iops;
	inode->i_fop = &shs_object_fops;
	inode->i_private = obj;
	return inode;
}

static int shs_tmpfile(struct shs_idmap *idmap, struct inode *dir, struct file *file, umode_t mode)
{
	struct inode *inode = new_object_inode(dir->i_sb, idmap, dir, mode | S_IFREG);

	if (IS_ERR(inode))
		return finish_open_simple(file, PTR_ERR(inode));
	d_tmpfile(file, inode);
	return finish_open_simple(file, 0);
}

static int shs_create(struct shs_idmap *idmap, struct inode *dir, struct dentry *dentry,
		      SHS_CREATE_MODE)
{
	return -EOPNOTSUPP;
}

static int shs_link(struct dentry *old, struct inode *dir, struct dentry *dentry)
{
	int ret = shs_object_link(d_inode(old)->i_private);

	return ret ?: simple_link(old, dir, dentry);
}

static int shs_unlink(struct inode *dir, struct dentry *dentry)
{
	struct shs_object *obj = d_inode(dentry)->i_private;
	int ret = simple_unlink(dir, dentry);

	if (!ret)
		shs_object_unlink(obj);
	return ret;
}

/*
 * Of an ephemeral object whose last file is being released; that file keeps the
 * super block.  The directory's lock keeps the name still.
 */
void shs_remove_name(struct inode *inode)
{
	struct inode *dir = d_inode(inode->i_sb->s_root);
	struct dentry *dentry;

	inode_lock_nested(dir, I_MUTEX_PARENT);
	dentry = d_find_alias(inode);
	if (dentry && !shs_unlink(dir, dentry))
		d_invalidate(dentry);	/* also what is mounted on it goes */
	inode_unlock(dir);
	dput(dentry);
}

static int shs_rename(struct shs_idmap *idmap, struct inode *old_dir, struct dentry *old_dentry,
		      struct inode *new_dir, struct dentry *new_dentry, unsigned int flags)
{
	struct inode *replaced = flags & RENAME_EXCHANGE ? NULL : d_inode(new_dentry);
	int ret;

	ret = simple_rename(idmap, old_dir, old_dentry, new_dir, new_dentry, flags);
	if (!ret && replaced)
		shs_object_unlink(replaced->i_private);
	return ret;
}

static const struct inode_operations dir_iops = {
	.lookup = simple_lookup,
	.create = shs_create,
	.tmpfile = shs_tmpfile,
	.link = shs_link,
	.unlink = shs_unlink,
	.rename = shs_rename,
};

static long dir_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return cmd == SHS_IOC_ABI ? shs_abi((void __user *)arg) : -ENOTTY;
}

static const struct file_operations dir_fops = {
	.owner		= THIS_MODULE,
	.open		= dcache_dir_open,
	.release	= dcache_dir_close,
	.llseek		= dcache_dir_lseek,
	.read		= generic_read_dir,
	.iterate_shared	= dcache_readdir,
	.fsync		= noop_fsync,
	.unlocked_ioctl	= dir_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

static void shs_evict_inode(struct inode *inode)
{
	truncate_inode_pages_final(&inode->i_data);
	clear_inode(inode);
	if (inode->i_private)
		shs_object_free(inode->i_private);
}

static int shs_statfs(struct dentry *dentry, struct kstatfs *st)
{
	struct shs_sb_info *sbi = shs_sbi(dentry->d_sb);
	u64 used;

	simple_statfs(dentry, st);
	mutex_lock(&sbi->limit_lock);
	used = DIV_ROUND_UP_ULL(sbi->bytes, st->f_bsize);
	st->f_blocks = div_u64(sbi->max.size, st->f_bsize);
	st->f_bfree = st->f_blocks - min(used, st->f_blocks);
	st->f_bavail = st->f_bfree;
	st->f_files = sbi->max.nr_objects;
	st->f_ffree = st->f_files - min(sbi->objects, st->f_files);
	mutex_unlock(&sbi->limit_lock);
	return 0;
}

static int shs_show_options(struct seq_file *m, struct dentry *root)
{
	const struct inode *inode = d_inode(root);
	struct shs_limits max;

	mutex_lock(&shs_sbi(root->d_sb)->limit_lock);
	max = shs_sbi(root->d_sb)->max;
	mutex_unlock(&shs_sbi(root->d_sb)->limit_lock);

	if (!uid_eq(inode->i_uid, GLOBAL_ROOT_UID))
		seq_printf(m, ",uid=%u", from_kuid_munged(&init_user_ns, inode->i_uid));
	if (!gid_eq(inode->i_gid, GLOBAL_ROOT_GID))
		seq_printf(m, ",gid=%u", from_kgid_munged(&init_user_ns, inode->i_gid));
	if ((inode->i_mode & S_IALLUGO) != DEFAULT_MODE)
		seq_printf(m, ",mode=%03ho", (unsigned short)(inode->i_mode & S_IALLUGO));
	seq_printf(m, ",nr_objects=%llu,size=%llu", max.nr_objects, max.size);
	if (max.nr_objects_user)
		seq_printf(m, ",nr_objects_user=%llu", max.nr_objects_user);
	if (max.size_user)
		seq_printf(m, ",size_user=%llu", max.size_user);
	return 0;
}

static const struct super_operations shs_sops = {
	.statfs = shs_statfs,
	.show_options = shs_show_options,
	.evict_inode = shs_evict_inode,
};

/* What the mount or remount names; what it does not name keeps its value. */
struct shs_options {
	struct shs_limits max;		/* 0: not given */
	kuid_t uid;
	kgid_t gid;
	umode_t mode;
	bool has_uid, has_gid, has_mode;
};

enum { OPT_UID, OPT_GID, OPT_MODE, OPT_OBJECTS, OPT_SIZE, OPT_OBJECTS_USER, OPT_SIZE_USER };

static const struct fs_parameter_spec shs_parameters[] = {
	fsparam_u32("uid", OPT_UID),
	fsparam_u32("gid", OPT_GID),
	fsparam_u32oct("mode", OPT_MODE),
	fsparam_u64("nr_objects", OPT_OBJECTS),
	fsparam_string("size", OPT_SIZE),
	fsparam_u64("nr_objects_user", OPT_OBJECTS_USER),
	fsparam_string("size_user", OPT_SIZE_USER),
	{}
};

static int parse_size(struct fs_context *fc, struct fs_parameter *param, u64 *size)
{
	char *end;

	*size = memparse(param->string, &end);
	if (*end || !*size)
		return invalfc(fc, "%s must be a positive number of bytes (K, M, G)", param->key);
	return 0;
}

static int parse_count(struct fs_context *fc, struct fs_parameter *param, u64 given, u64 *count)
{
	*count = given;
	return given ? 0 : invalfc(fc, "%s must be positive", param->key);
}

static int shs_parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct shs_options *o = fc->fs_private;
	struct fs_parse_result result;
	int opt = fs_parse(fc, shs_parameters, param, &result);

	switch (opt) {
	case OPT_UID:
		o->uid = make_kuid(current_user_ns(), result.uint_32);
		o->has_uid = true;
		if (!uid_valid(o->uid) || !kuid_has_mapping(fc->user_ns, o->uid))
			return invalfc(fc, "no such uid here: %u", result.uint_32);
		return 0;
	case OPT_GID:
		o->gid = make_kgid(current_user_ns(), result.uint_32);
		o->has_gid = true;
		if (!gid_valid(o->gid) || !kgid_has_mapping(fc->user_ns, o->gid))
			return invalfc(fc, "no such gid here: %u", result.uint_32);
		return 0;
	case OPT_MODE:
		o->mode = result.uint_32;
		o->has_mode = true;
		return result.uint_32 & ~S_IALLUGO ? invalfc(fc, "bad mode") : 0;
	case OPT_OBJECTS:
		return parse_count(fc, param, result.uint_64, &o->max.nr_objects);
	case OPT_SIZE:
		return parse_size(fc, param, &o->max.size);
	case OPT_OBJECTS_USER:
		return parse_count(fc, param, result.uint_64, &o->max.nr_objects_user);
	case OPT_SIZE_USER:
		return parse_size(fc, param, &o->max.size_user);
	}
	return opt;
}

static void apply(struct super_block *sb, const struct shs_options *o)
{
	struct shs_sb_info *sbi = shs_sbi(sb);
	struct inode *root = d_inode(sb->s_root);

	mutex_lock(&sbi->limit_lock);
	sbi->max.nr_objects = o->max.nr_objects ?: sbi->max.nr_objects;
	sbi->max.size = o->max.size ?: sbi->max.size;
	sbi->max.nr_objects_user = o->max.nr_objects_user ?: sbi->max.nr_objects_user;
	sbi->max.size_user = o->max.size_user ?: sbi->max.size_user;
	mutex_unlock(&sbi->limit_lock);

	inode_lock(root);
	if (o->has_uid)
		root->i_uid = o->uid;
	if (o->has_gid)
		root->i_gid = o->gid;
	if (o->has_mode)
		root->i_mode = S_IFDIR | o->mode;
	inode_unlock(root);
}

static struct inode *new_root_inode(struct super_block *sb)
{
	struct inode *inode = new_inode(sb);

	if (!inode)
		return NULL;
	inode->i_ino = SHS_ROOT_INO;
	inode_init_owner(shs_nop_idmap, inode, NULL, S_IFDIR | DEFAULT_MODE);
	inode->i_uid = make_kuid(sb->s_user_ns, 0);
	inode->i_gid = make_kgid(sb->s_user_ns, 0);
	shs_inode_init_ts(inode);
	inode->i_op = &dir_iops;
	inode->i_fop = &dir_fops;
	inc_nlink(inode);
	return inode;
}

static int shs_fill_super(struct super_block *sb, struct fs_context *fc)
{
	struct shs_sb_info *sbi = kzalloc(sizeof(*sbi), GFP_KERNEL_ACCOUNT);

	if (!sbi)
		return -ENOMEM;
	mutex_init(&sbi->limit_lock);
	shs_graph_init(&sbi->graph);
	mutex_init(&sbi->attempts);
	INIT_LIST_HEAD(&sbi->waits_for_all);
	xa_init(&sbi->users);
	sbi->max.nr_objects = DEFAULT_OBJECTS;
	sbi->max.size = (u64)totalram_pages() << PAGE_SHIFT >> 3;
	sb->s_fs_info = sbi;

	sb->s_maxbytes = MAX_LFS_FILESIZE;
	sb->s_blocksize = PAGE_SIZE;
	sb->s_blocksize_bits = PAGE_SHIFT;
	sb->s_magic = SHS_SUPER_MAGIC;
	sb->s_op = &shs_sops;
	sb->s_time_gran = 1;
	sb->s_iflags |= SB_I_NOEXEC | SB_I_NODEV;
	sb->s_root = d_make_root(new_root_inode(sb));
	if (!sb->s_root)
		return -ENOMEM;
	apply(sb, fc->fs_private);
	return 0;
}

static int shs_get_tree(struct fs_context *fc)
{
	return get_tree_nodev(fc, shs_fill_super);
}

static int shs_reconfigure(struct fs_context *fc)
{
	apply(fc->root->d_sb, fc->fs_private);
	return 0;
}

static void shs_free_fc(struct fs_context *fc)
{
	kfree(fc->fs_private);
}

static const struct fs_context_operations shs_context_ops = {
	.parse_param = shs_parse_param,
	.get_tree = shs_get_tree,
	.reconfigure = shs_reconfigure,
	.free = shs_free_fc,
};

static int shs_init_fs_context(struct fs_context *fc)
{
	struct shs_options *options = kzalloc(sizeof(*options), GFP_KERNEL);

	if (!options)
		return -ENOMEM;
	fc->fs_private = options;
	fc->ops = &shs_context_ops;
	return 0;
}

/* Evicting the last inodes uncharges, so the limits go after them. */
static void shs_kill_super(struct super_block *sb)
{
	struct shs_sb_info *sbi = shs_sbi(sb);

	shs_kill_sb(sb);
	if (sbi) {
		WARN_ON_ONCE(!xa_empty(&sbi->users));
		xa_destroy(&sbi->users);
		kfree(sbi);
	}
}

struct file_system_type shs_fs_type = {
	.owner = THIS_MODULE,
	.name = "shstate",
	.init_fs_context = shs_init_fs_context,
	.parameters = shs_parameters,
	.kill_sb = shs_kill_super,
};
