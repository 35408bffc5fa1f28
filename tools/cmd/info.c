// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <mntent.h>
#include <string.h>
#include <sys/vfs.h>

#include "cmd.h"

static const char help[] =
	"Usage: shstate info [FOLDER]\n"
	"Tell about the module and about the mount at FOLDER: limits and use.\n\n"
	"  -h, --help\n";

/* A mount may hide another: the last one counts. */
static void show_options(const char *folder)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	char options[256] = "";
	struct mntent *entry;

	if (!mounts)
		return;
	while ((entry = getmntent(mounts))) {
		if (strcmp(entry->mnt_dir, folder) == 0)
			snprintf(options, sizeof(options), "%s", entry->mnt_opts);
	}
	endmntent(mounts);
	if (*options)
		printf("%-14s %s\n", "Options:", options);
}

static void show_use(const struct statfs *fs)
{
	unsigned long long block = fs->f_bsize;

	printf("%-14s %llu of %llu\n", "Objects:",
	       (unsigned long long)(fs->f_files - fs->f_ffree), (unsigned long long)fs->f_files);
	printf("%-14s %llu of %llu KiB\n", "Memory:", (fs->f_blocks - fs->f_bfree) * block / 1024,
	       fs->f_blocks * block / 1024);
}

static void show_abi(const struct shs_ioc_abi *abi)
{
	printf("%-14s %u, this command's is %d\n", "ABI level:", abi->abi_level, SHS_ABI_LEVEL);
	printf("%-14s%s\n", "Features:",
	       abi->features & SHS_FEATURE_URING ? " io_uring" : " none");
}

int cmd_info(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	struct args args = {
		argc, argv, help, "-h", options, .least = 0, .most = 1,
	};
	const char *folder = usual_folder();
	struct shs_ioc_abi abi;
	struct statfs fs;
	int ret;

	next_option(&args);
	if (args.count)
		folder = args.operands[0];
	ret = shs_abi(folder, &abi);
	if (ret >= 0 && statfs(folder, &fs) < 0)
		ret = -errno;
	if (ret < 0)
		return explain_folder(folder, ret);
	printf("%-14s %s\n", "Folder:", folder);
	show_abi(&abi);
	show_use(&fs);
	show_options(folder);
	return SUCCESS;
}
