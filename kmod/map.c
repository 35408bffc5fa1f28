// SPDX-License-Identifier: GPL-2.0-only
/*
 * The regions of an attachment, each with one protection of its own: a read-only
 * page inside a writable PFN mapping would become writable at the first write fault.
 *
 *   region    offset              protection
 *   control   SHS_MMAP_CONTROL    read; VM_MAYWRITE cleared
 *   shared    SHS_MMAP_SHARED     read and write; read if the object fd was O_RDONLY
 *   private   SHS_MMAP_PRIVATE    read and write; its VMAs are the attachment's life
 *
 * VM_IO | VM_PFNMAP keep GUP out, VM_DONTCOPY the children of fork (and with VM_IO
 * madvise cannot undo it), VM_DONTEXPAND and ->mremap and ->may_split refuse every
 * change of shape.  A refused mremap has already opened a copy and closes it again,
 * so VMAs are counted and death is the count reaching 0.
 *
 * close runs after the page tables are cleared and TLBs flushed, with mmap_lock
 * held, possibly in a foreign task (reaper, kernel thread): it only takes
 * object->lock.
 */
#include <linux/io.h>
#include "shstate.h"

enum shs_region { REGION_CONTROL, REGION_SHARED, REGION_PRIVATE };

static int region_at(unsigned long pgoff)
{
	switch (pgoff) {
	case SHS_MMAP_CONTROL >> PAGE_SHIFT:
		return REGION_CONTROL;
	case SHS_MMAP_SHARED >> PAGE_SHIFT:
		return REGION_SHARED;
	case SHS_MMAP_PRIVATE >> PAGE_SHIFT:
		return REGION_PRIVATE;
	}
	return -EINVAL;
}

/* The pages of paged objects do not move; the attachment paged them in. */
static void *region_memory(const struct shs_attachment *att, enum shs_region region, size_t *size)
{
	const struct shs_object *obj = att->obj;

	switch (region) {
	case REGION_CONTROL:
		*size = PAGE_ALIGN(obj->geo.control_bytes);
		return obj->control;
	case REGION_SHARED:
		*size = PAGE_ALIGN(obj->geo.shared_bytes);
		return obj->shared;
	case REGION_PRIVATE:
		break;
	}
	*size = shs_private_size(obj);
	return att->private_mem;
}

static bool region_writable(const struct shs_attachment *att, enum shs_region region)
{
	return region == REGION_PRIVATE || (region == REGION_SHARED && att->may_write);
}

static int region_may_split(struct vm_area_struct *vma, unsigned long addr)
{
	return -EINVAL;
}

static int region_mremap(struct vm_area_struct *vma)
{
	return -EINVAL;
}

/* For debuggers, which cannot pin these pages: read only. */
static int region_access(struct vm_area_struct *vma, unsigned long addr, void *buf, int len,
			 int write)
{
	struct shs_attachment *att = vma->vm_private_data;
	unsigned long offset = addr - vma->vm_start;
	size_t size;
	void *memory = region_memory(att, region_at(vma->vm_pgoff), &size);

	if (write || offset >= size)
		return -EACCES;
	len = min_t(size_t, len, size - offset);
	memcpy(buf, memory + offset, len);
	return len;
}

static void private_open(struct vm_area_struct *vma)
{
	struct shs_attachment *att = vma->vm_private_data;

	atomic_inc(&att->vmas);
}

static void private_close(struct vm_area_struct *vma)
{
	struct shs_attachment *att = vma->vm_private_data;
	struct shs_wakes wakes = { };

	if (!atomic_dec_and_test(&att->vmas))
		return;
	spin_lock(&att->obj->lock);
	shs_att_die(att, &wakes);
	spin_unlock(&att->obj->lock);
	shs_wakes_flush(&wakes);
	wake_up_poll(&att->polled, EPOLLHUP);
}

static const struct vm_operations_struct region_vm_ops = {
	.may_split = region_may_split,
	.mremap = region_mremap,
	.access = region_access,
};

static const struct vm_operations_struct private_vm_ops = {
	.open = private_open,
	.close = private_close,
	.may_split = region_may_split,
	.mremap = region_mremap,
	.access = region_access,
};

/* Each region once; whatever happens later, it is not given back. */
static int claim(struct shs_attachment *att, enum shs_region region)
{
	int ret = 0;

	spin_lock(&att->obj->lock);
	if (att->mapped & BIT(region))
		ret = -EBUSY;
	att->mapped |= BIT(region);
	spin_unlock(&att->obj->lock);
	return ret;
}

static void unclaim(struct shs_attachment *att, enum shs_region region)
{
	spin_lock(&att->obj->lock);
	att->mapped &= ~BIT(region);
	spin_unlock(&att->obj->lock);
}

static int check_vma(const struct shs_attachment *att, const struct vm_area_struct *vma,
		     int region, size_t size)
{
	if (!(vma->vm_flags & VM_MAYSHARE) || vma->vm_end - vma->vm_start != size)
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EACCES;
	if (vma->vm_flags & VM_WRITE && !region_writable(att, region))
		return -EACCES;
	return 0;
}

static void begin_life(struct shs_attachment *att)
{
	atomic_set(&att->vmas, 1);
	spin_lock(&att->obj->lock);
	att->state = SHS_ATT_LIVE;
	spin_unlock(&att->obj->lock);
}

int shs_att_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct shs_attachment *att = file->private_data;
	int region, ret = shs_att_check(att);
	size_t size;
	void *memory;

	if (ret)
		return ret;
	region = region_at(vma->vm_pgoff);
	if (region < 0)
		return region;
	memory = region_memory(att, region, &size);
	if (!memory)
		return -EINVAL;
	ret = check_vma(att, vma, region, size);
	if (!ret)
		ret = claim(att, region);
	if (ret)
		return ret;
	vm_flags_set(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP);
	vm_flags_clear(vma, region_writable(att, region) ? VM_MAYEXEC : VM_MAYEXEC | VM_MAYWRITE);
	ret = remap_pfn_range(vma, vma->vm_start, virt_to_phys(memory) >> PAGE_SHIFT, size,
			      vma->vm_page_prot);
	if (ret) {
		unclaim(att, region);
		return ret;
	}
	vma->vm_private_data = att;
	vma->vm_ops = region == REGION_PRIVATE ? &private_vm_ops : &region_vm_ops;
	if (region == REGION_PRIVATE)
		begin_life(att);
	return 0;
}
