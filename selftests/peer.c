// SPDX-License-Identifier: GPL-2.0-only
/*
 * The peer of peer.h, built for 32 and for 64 bits. It knows nothing of what is
 * tested: it calls and reports.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/shstate.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

static char buffer[PEER_BUFFER] __attribute__((aligned(4096)));
static char *mapping[64];
static int mappings;

/* Layouts, as this program's compiler sees them. */
#define S(type)		sizeof(struct type)
#define O(type, field)	offsetof(struct type, field), sizeof(((struct type *)0)->field)

static const __u32 layout[] = {
	S(shs_ioc_abi), O(shs_ioc_abi, abi_level), O(shs_ioc_abi, features),
	S(shs_ioc_init), O(shs_ioc_init, kind), O(shs_ioc_init, type), O(shs_ioc_init, count),
	O(shs_ioc_init, flags), O(shs_ioc_init, value_size), O(shs_ioc_init, value),
	O(shs_ioc_init, meta), O(shs_ioc_init, meta_size), O(shs_ioc_init, pad),
	S(shs_ioc_op), O(shs_ioc_op, op), O(shs_ioc_op, flags), O(shs_ioc_op, index),
	O(shs_ioc_op, arg), O(shs_ioc_op, expected), O(shs_ioc_op, result), O(shs_ioc_op, addr),
	O(shs_ioc_op, addr2), O(shs_ioc_op, offset), O(shs_ioc_op, len), O(shs_ioc_op, deadline),
	O(shs_ioc_op, clock), O(shs_ioc_op, order), O(shs_ioc_op, order_failure),
	O(shs_ioc_op, pad), O(shs_ioc_op, notice),
	S(shs_ioc_batch), O(shs_ioc_batch, flags), O(shs_ioc_batch, count),
	O(shs_ioc_batch, done), O(shs_ioc_batch, ops), O(shs_ioc_batch, fds),
	S(shs_sqe), O(shs_sqe, addr), O(shs_sqe, size), O(shs_sqe, pad),
	S(shs_ioc_attach), O(shs_ioc_attach, flags), O(shs_ioc_attach, id),
	O(shs_ioc_attach, kind), O(shs_ioc_attach, type), O(shs_ioc_attach, count),
	O(shs_ioc_attach, control_size), O(shs_ioc_attach, shared_size),
	O(shs_ioc_attach, private_size), O(shs_ioc_attach, value_size),
	O(shs_ioc_attach, value_offset), O(shs_ioc_attach, slot_stride),
	O(shs_ioc_attach, lanes), O(shs_ioc_attach, lane_stride), O(shs_ioc_attach, threads),
	O(shs_ioc_attach, threads_offset),
	S(shs_control), O(shs_control, bias), O(shs_control, wpending), O(shs_control, once),
	O(shs_control, waiting),
	S(shs_shared), O(shs_shared, word), O(shs_shared, sequence),
	S(shs_private), O(shs_private, used), O(shs_private, writes),
	S(shs_thread), O(shs_thread, tid), O(shs_thread, lane), O(shs_thread, held),
	S(shs_ioc_lock), O(shs_ioc_lock, flags), O(shs_ioc_lock, mode), O(shs_ioc_lock, lane),
	O(shs_ioc_lock, deadline), O(shs_ioc_lock, clock), O(shs_ioc_lock, pad),
	O(shs_ioc_lock, permits), O(shs_ioc_lock, notice),
	S(shs_ioc_barrier), O(shs_ioc_barrier, cmd), O(shs_ioc_barrier, parties),
	O(shs_ioc_barrier, generation), O(shs_ioc_barrier, state), O(shs_ioc_barrier, notice),
	O(shs_ioc_barrier, deadline), O(shs_ioc_barrier, clock), O(shs_ioc_barrier, pad),
	S(shs_ioc_many), O(shs_ioc_many, flags), O(shs_ioc_many, items), O(shs_ioc_many, nr),
	O(shs_ioc_many, item_size), O(shs_ioc_many, deadline), O(shs_ioc_many, clock),
	O(shs_ioc_many, pad), O(shs_ioc_many, index), O(shs_ioc_many, notice),
	S(shs_many_item), O(shs_many_item, fd), O(shs_many_item, mode), O(shs_many_item, flags),
	O(shs_many_item, lane), O(shs_many_item, permits), O(shs_many_item, index),
	O(shs_many_item, expected), O(shs_many_item, result), O(shs_many_item, pad),
	S(shs_ioc_convert), O(shs_ioc_convert, flags), O(shs_ioc_convert, from),
	O(shs_ioc_convert, to), O(shs_ioc_convert, lane), O(shs_ioc_convert, pad0),
	O(shs_ioc_convert, deadline), O(shs_ioc_convert, clock), O(shs_ioc_convert, pad),
	S(shs_ioc_wait), O(shs_ioc_wait, flags), O(shs_ioc_wait, mutex_fd),
	O(shs_ioc_wait, started), O(shs_ioc_wait, deadline), O(shs_ioc_wait, clock),
	O(shs_ioc_wait, pad),
	S(shs_ioc_once), O(shs_ioc_once, cmd), O(shs_ioc_once, flags), O(shs_ioc_once, state),
	O(shs_ioc_once, deadline), O(shs_ioc_once, clock), O(shs_ioc_once, pad),
	O(shs_ioc_once, value_size), O(shs_ioc_once, value),
	S(shs_ioc_recover), O(shs_ioc_recover, flags), S(shs_ioc_watch), O(shs_ioc_watch, flags),
	S(shs_thread_info), O(shs_thread_info, mode), O(shs_thread_info, flags),
	O(shs_thread_info, pid), O(shs_thread_info, tid), O(shs_thread_info, comm),
	O(shs_thread_info, since_ns), O(shs_thread_info, count), O(shs_thread_info, object),
	S(shs_ioc_threads), O(shs_ioc_threads, flags), O(shs_ioc_threads, capacity),
	O(shs_ioc_threads, count), O(shs_ioc_threads, addr),
	S(shs_ioc_cycle), O(shs_ioc_cycle, flags), O(shs_ioc_cycle, capacity),
	O(shs_ioc_cycle, count), O(shs_ioc_cycle, addr),
	S(shs_ioc_info), O(shs_ioc_info, kind), O(shs_ioc_info, type), O(shs_ioc_info, count),
	O(shs_ioc_info, flags), O(shs_ioc_info, value_size), O(shs_ioc_info, meta_size),
	O(shs_ioc_info, links), O(shs_ioc_info, opens), O(shs_ioc_info, attachments),
	O(shs_ioc_info, waiters), O(shs_ioc_info, state), O(shs_ioc_info, readers),
	O(shs_ioc_info, holder_pid), O(shs_ioc_info, holder_comm), O(shs_ioc_info, created_ns),
	O(shs_ioc_info, deaths), O(shs_ioc_info, holder_tid), O(shs_ioc_info, depth),
	O(shs_ioc_info, held_ns), O(shs_ioc_info, waits), O(shs_ioc_info, wakes),
	S(shs_ioc_death), O(shs_ioc_death, why), O(shs_ioc_death, code), O(shs_ioc_death, mode),
	O(shs_ioc_death, pid), O(shs_ioc_death, pad), O(shs_ioc_death, comm),
	O(shs_ioc_death, when_monotonic_ns), O(shs_ioc_death, when_realtime_ns),
	O(shs_ioc_death, deaths),
	S(shs_ioc_meta), O(shs_ioc_meta, capacity), O(shs_ioc_meta, addr),
	O(shs_ioc_meta, meta_size), O(shs_ioc_meta, pad),
	SHS_IOC_ABI, SHS_IOC_INIT, SHS_IOC_OP, SHS_IOC_ATTACH, SHS_IOC_INFO, SHS_IOC_DEATH,
	SHS_IOC_META, SHS_IOC_BATCH, SHS_IOC_LOCK, SHS_IOC_UNLOCK, SHS_IOC_WAIT, SHS_IOC_ONCE,
	SHS_IOC_CONVERT, SHS_IOC_THREADS, SHS_IOC_RECOVER, SHS_IOC_CYCLE, SHS_IOC_WATCH,
	SHS_IOC_BARRIER, SHS_IOC_ARM, SHS_IOC_COLLECT, SHS_IOC_MANY,
	S(shs_ioc_arm), O(shs_ioc_arm, flags), O(shs_ioc_arm, command), O(shs_ioc_arm, pad),
	O(shs_ioc_arm, addr),
	S(shs_ioc_collect), O(shs_ioc_collect, flags), O(shs_ioc_collect, state),
	O(shs_ioc_collect, pad), O(shs_ioc_collect, result),
};

static void send_reply(const struct peer_reply *reply, int fd)
{
	if (!peer_send(PEER_SOCKET, reply, offsetof(struct peer_reply, data) + reply->len, fd))
		_exit(1);
}

static int receive_request(struct peer_request *request)
{
	struct iovec iov = { request, sizeof(*request) };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	int fd = -1;

	if (recvmsg(PEER_SOCKET, &msg, MSG_CMSG_CLOEXEC) <= 0)
		_exit(0);	/* the test has ended */
	if (msg.msg_controllen >= CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

static __s64 outcome(long ret)
{
	return ret < 0 ? -errno : ret;
}

static __s64 map(const struct peer_request *q)
{
	void *at = mmap(NULL, q->b, q->c, MAP_SHARED, q->fd, q->a);

	if (at == MAP_FAILED)
		return -errno;
	mapping[mappings] = at;
	return mappings++;
}

static __u64 load(const void *at, __u64 width)
{
	switch (width) {
	case 1:
		return __atomic_load_n((__u8 *)at, __ATOMIC_SEQ_CST);
	case 2:
		return __atomic_load_n((__u16 *)at, __ATOMIC_SEQ_CST);
	case 4:
		return __atomic_load_n((__u32 *)at, __ATOMIC_SEQ_CST);
	}
	return __atomic_load_n((__u64 *)at, __ATOMIC_SEQ_CST);
}

static void store(void *at, __u64 width, __u64 value)
{
	switch (width) {
	case 1:
		__atomic_store_n((__u8 *)at, value, __ATOMIC_SEQ_CST);
		break;
	case 2:
		__atomic_store_n((__u16 *)at, value, __ATOMIC_SEQ_CST);
		break;
	case 4:
		__atomic_store_n((__u32 *)at, value, __ATOMIC_SEQ_CST);
		break;
	default:
		__atomic_store_n((__u64 *)at, value, __ATOMIC_SEQ_CST);
	}
}

static __u64 add(void *at, __u64 width, __u64 value)
{
	switch (width) {
	case 1:
		return __atomic_fetch_add((__u8 *)at, value, __ATOMIC_SEQ_CST);
	case 2:
		return __atomic_fetch_add((__u16 *)at, value, __ATOMIC_SEQ_CST);
	case 4:
		return __atomic_fetch_add((__u32 *)at, value, __ATOMIC_SEQ_CST);
	}
	return __atomic_fetch_add((__u64 *)at, value, __ATOMIC_SEQ_CST);
}

static __u64 swap32(__u32 *at, __u32 expected, __u32 new)
{
	__atomic_compare_exchange_n(at, &expected, new, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return expected;
}

static void on_memory(const struct peer_request *q, struct peer_reply *r)
{
	char *at = mapping[q->fd] + q->a;

	switch (q->call) {
	case PEER_LOAD:
		r->value = load(at, q->b);
		break;
	case PEER_STORE:
		store(at, q->b, q->c);
		break;
	case PEER_ADD:
		r->value = add(at, q->b, q->c);
		break;
	case PEER_SWAP32:
		r->value = swap32((__u32 *)at, q->b, q->c);
		break;
	}
}

static void fill(struct peer_reply *r, const void *data, size_t len)
{
	memcpy(r->data, data, len);
	r->len = len;
}

static void call_kernel(const struct peer_request *q, struct peer_reply *r)
{
	size_t size = q->len - q->b;

	memcpy(buffer, q->data + size, q->b);
	fill(r, q->data, q->len);
	r->ret = outcome(ioctl(q->fd, q->a, r->data));
	memcpy(r->data + size, buffer, q->b);
}

static void on_file(const struct peer_request *q, struct peer_reply *r)
{
	char self[40];

	switch (q->call) {
	case PEER_BLANK:
		r->ret = outcome(open(q->data, O_TMPFILE | O_RDWR, 0666));
		break;
	case PEER_OPEN:
		r->ret = outcome(open(q->data, q->a));
		break;
	case PEER_LINK:
		snprintf(self, sizeof(self), "/proc/self/fd/%d", q->fd);
		r->ret = outcome(linkat(AT_FDCWD, self, AT_FDCWD, q->data, AT_SYMLINK_FOLLOW));
		break;
	case PEER_CLOSE:
		r->ret = outcome(close(q->fd));
		break;
	case PEER_IOCTL:
		call_kernel(q, r);
		break;
	case PEER_READ:
		r->ret = outcome(pread(q->fd, r->data, sizeof(r->data), 0));
		r->len = r->ret > 0 ? r->ret : 0;
		break;
	case PEER_WRITE:
		r->ret = outcome(write(q->fd, q->data, q->len));
		break;
	case PEER_MAP:
		r->ret = map(q);
		break;
	}
}

int main(void)
{
	static struct peer_request q;
	static struct peer_reply r;

	for (;;) {
		int taken = receive_request(&q);

		r.ret = 0;
		r.value = 0;
		r.len = 0;
		switch (q.call) {
		case PEER_HELLO:
			r.ret = sizeof(long) * 8;
			r.value = (unsigned long)buffer;
			fill(&r, layout, sizeof(layout));
			break;
		case PEER_PUT:
			memcpy(buffer + q.a, q.data, q.len);
			break;
		case PEER_GET:
			fill(&r, buffer + q.a, q.b);
			break;
		case PEER_TAKE:
			r.ret = taken;
			break;
		case PEER_GIVE:
			break;
		case PEER_LOAD:
		case PEER_STORE:
		case PEER_ADD:
		case PEER_SWAP32:
			on_memory(&q, &r);
			break;
		default:
			on_file(&q, &r);
		}
		send_reply(&r, q.call == PEER_GIVE ? q.fd : -1);
	}
}
