/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a test and its peers say to each other: a peer is a process, of 32 or of 64
 * bits, that makes the calls it is asked to make and answers with their outcome.
 *
 * One message is one packet of a socket pair: struct peer_request there, struct
 * peer_reply back, each cut after its data. Structs for the kernel travel as bytes;
 * addresses in them are the peer's own, within its buffer, which PEER_HELLO tells.
 */
#ifndef SHS_PEER_H
#define SHS_PEER_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#define PEER_DATA	8448	/* bytes of a message */
#define PEER_BUFFER	16384	/* bytes of the buffer */
#define PEER_SOCKET	3	/* the peer's end */

enum peer_call {
	PEER_HELLO,	/* -> address of the buffer; data: sizes and offsets of all structs */
	PEER_PUT,	/* data to the buffer at a */
	PEER_GET,	/* -> data: b bytes of the buffer at a */
	PEER_BLANK,	/* a file that is no object yet in directory data -> fd */
	PEER_OPEN,	/* name data, flags a -> fd */
	PEER_LINK,	/* gives fd the name data */
	PEER_CLOSE,
	PEER_GIVE,	/* sends fd along with the reply */
	PEER_TAKE,	/* the one that came with the request -> fd */
	PEER_IOCTL,	/* command a with the struct data, the last b bytes of it for the
			   start of the buffer -> data: what both became */
	PEER_READ,	/* -> data */
	PEER_WRITE,	/* data */
	PEER_MAP,	/* b bytes at offset a of fd, protection c -> number of the mapping */
	PEER_LOAD,	/* of mapping fd, offset a, width b -> the number, in value */
	PEER_STORE,	/* c there */
	PEER_ADD,	/* c there, atomically; -> what was there, in value */
	PEER_SWAP32,	/* c there if it is b, 32 bits -> what was there, in value */
};

struct peer_request {
	__u32 call;
	__s32 fd;
	__u64 a, b, c;
	__u32 len;	/* of data */
	__u32 pad;
	char data[PEER_DATA];
};

struct peer_reply {
	__s64 ret;	/* negative: an errno */
	__u64 value;
	__u32 len;	/* of data */
	__u32 pad;
	char data[PEER_DATA];
};

/* A packet, with a descriptor if there is one (fd >= 0). */
static inline bool peer_send(int socket, const void *packet, size_t size, int fd)
{
	struct iovec iov = { (void *)packet, size };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .header = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_LEN(sizeof(int));
	}
	return sendmsg(socket, &msg, MSG_NOSIGNAL) >= 0;
}

#endif /* SHS_PEER_H */
