/* SPDX-License-Identifier: GPL-2.0-only */
/* For code in documents: headers, and what a fragment has from around it. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <unistd.h>
#include <liburing.h>
#include <linux/shstate.h>
#include <shstate.h>
#include <shstate_uring.h>

#ifdef FRAGMENT
extern struct shs_object *mutex, *left, *right, *jobs;
extern struct shs_wanted want[2];
extern struct shs_call call;
extern struct io_uring ring;
extern struct io_uring_sqe *sqe;
extern struct io_uring_cqe *cqe;
extern struct __kernel_timespec timeout;
extern char self[64];
extern int fd, ret;
#endif
