// SPDX-License-Identifier: GPL-2.0-only
/* The module, and the ioctls of object and attachment files. */
#include <linux/fault-inject-usercopy.h>
#include <linux/module.h>
#include "shstate.h"

/* First word of every struct: how long the caller's version is. */
int shs_size_in(u32 *usize, size_t min, void __user *argp)
{
	if (get_user(*usize, (u32 __user *)argp))
		return -EFAULT;
	if (*usize < min)
		return -EINVAL;
	if (*usize > PAGE_SIZE)
		return -E2BIG;
	return 0;
}

/*
 * Whether to copy a struct by words: fewer instructions than a string copy of so few
 * bytes, with its look at which kernel object they lie in.
 */
static bool by_words(size_t size)
{
	return IS_ENABLED(CONFIG_HAVE_EFFICIENT_UNALIGNED_ACCESS) && size % sizeof(long) == 0;
}

static int words_in(unsigned long *to, const unsigned long __user *from, size_t size)
{
	size_t i;

	if (should_fail_usercopy() || !user_read_access_begin(from, size))
		return -EFAULT;
	for (i = 0; i < size / sizeof(*to); i++)
		unsafe_get_user(to[i], from + i, fault);
	user_read_access_end();
	return 0;
fault:
	user_read_access_end();
	return -EFAULT;
}

static int words_out(unsigned long __user *to, const unsigned long *from, size_t size)
{
	size_t i;

	if (should_fail_usercopy() || !user_write_access_begin(to, size))
		return -EFAULT;
	for (i = 0; i < size / sizeof(*from); i++)
		unsafe_put_user(from[i], to + i, fault);
	user_write_access_end();
	return 0;
fault:
	user_write_access_end();
	return -EFAULT;
}

int shs_struct_in(void *dst, size_t ksize, u32 usize, const void __user *argp)
{
	int ret = usize == ksize && by_words(usize) ? words_in(dst, argp, usize) :
		  copy_struct_from_user(dst, ksize, argp, usize);

	if (!ret)
		*(u32 *)dst = usize;	/* it was read twice */
	return ret;
}

/* A struct whose first published size was min. */
int shs_copy_in_from(void *dst, size_t ksize, size_t min, void __user *argp)
{
	u32 usize;

	return shs_size_in(&usize, min, argp) ?: shs_struct_in(dst, ksize, usize, argp);
}

/* A struct whose first published size is its present one. */
int shs_copy_in(void *dst, size_t ksize, void __user *argp)
{
	return shs_copy_in_from(dst, ksize, ksize, argp);
}

/* As much as the caller has, by the size it gave. */
int shs_copy_out(void __user *argp, const void *src, size_t ksize)
{
	size_t size = min_t(size_t, *(const u32 *)src, ksize);

	if (by_words(size))
		return words_out(argp, src, size);
	return copy_to_user(argp, src, size) ? -EFAULT : 0;
}

static long object_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct shs_object *obj = file_inode(file)->i_private;
	void __user *argp = (void __user *)arg;
	u32 size;
	int ret;

	switch (cmd) {
	case SHS_IOC_ABI:
		return shs_abi(argp);
	case SHS_IOC_INIT:
		if (!(file->f_mode & FMODE_WRITE))
			return -EACCES;
		return shs_init(obj, argp);
	case SHS_IOC_OP:
	case SHS_IOC_CANCEL:
	case SHS_IOC_BATCH:
	case SHS_IOC_ATTACH:
	case SHS_IOC_INFO:
	case SHS_IOC_DEATH:
	case SHS_IOC_META:
	case SHS_IOC_THREADS:
		break;
	default:
		return -ENOTTY;
	}
	if (!shs_is_ready(obj))
		return -EUNATCH;
	switch (cmd) {
	case SHS_IOC_OP:
		ret = shs_size_in(&size, sizeof(struct shs_ioc_op), argp);
		return ret ?: shs_op(file, NULL, argp, size, NULL);
	case SHS_IOC_CANCEL:
		return shs_cancel_wait(obj, argp);
	case SHS_IOC_BATCH:
		return shs_batch(file, argp);
	case SHS_IOC_ATTACH:
		return shs_attach(file, obj, argp);
	case SHS_IOC_INFO:
		return shs_info(obj, argp);
	case SHS_IOC_DEATH:
		return shs_death(obj, argp);
	case SHS_IOC_THREADS:
		return file->f_mode & FMODE_READ ? shs_threads(obj, argp) : -EACCES;
	}
	return shs_meta(obj, argp);
}

static int object_open(struct inode *inode, struct file *file)
{
	return shs_object_open(inode->i_private);
}

static int object_release(struct inode *inode, struct file *file)
{
	if (shs_object_release(inode->i_private))
		shs_remove_name(inode);
	return 0;
}

static void object_fdinfo(struct seq_file *m, struct file *file)
{
	shs_show_object(m, file_inode(file)->i_private, file->f_mode & FMODE_READ);
}

const struct file_operations shs_object_fops = {
	.owner		= THIS_MODULE,
	.open		= object_open,
	.release	= object_release,
	.read		= shs_text_read,
	.write		= shs_text_write,
	.llseek		= generic_file_llseek,
	.unlocked_ioctl	= object_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.show_fdinfo	= object_fdinfo,
#if IS_ENABLED(CONFIG_IO_URING)
	.uring_cmd	= shs_uring_cmd,
#endif
};

static int __init shstate_init(void)
{
	int ret = shs_await_init();

	if (ret)
		return ret;
	ret = shs_requests_init();
	if (ret)
		goto exit_await;
	ret = -ENOMEM;
	shs_object_cache = KMEM_CACHE(shs_object, SLAB_ACCOUNT);
	shs_att_cache = KMEM_CACHE(shs_attachment, SLAB_ACCOUNT);
	if (shs_object_cache && shs_att_cache)
		ret = register_filesystem(&shs_fs_type);
	if (ret) {
		kmem_cache_destroy(shs_att_cache);
		kmem_cache_destroy(shs_object_cache);
		shs_requests_exit();
		goto exit_await;
	}
	return 0;
exit_await:
	shs_await_exit();
	return ret;
}

static void __exit shstate_exit(void)
{
	unregister_filesystem(&shs_fs_type);
	shs_requests_exit();
	rcu_barrier();		/* inodes are freed by RCU */
	shs_await_exit();
	kmem_cache_destroy(shs_att_cache);
	kmem_cache_destroy(shs_object_cache);
}

module_init(shstate_init);
module_exit(shstate_exit);
MODULE_ALIAS_FS("shstate");
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("shared state for processes: locks, atomics and counters as named objects");
MODULE_VERSION("0.1");
