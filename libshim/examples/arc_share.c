// SPDX-License-Identifier: MIT
/*
 * Arc: an object without a name is sent over a socket, and lives as long as somebody
 * has it. A weak descriptor tells when it is gone.
 */
#include <sys/socket.h>

#include "parties.h"

union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

static void send_fd(int socket, int fd)
{
	union control control = { 0 };
	struct iovec byte = { "", 1 };
	struct msghdr message = {
		.msg_iov = &byte,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
	must(sendmsg(socket, &message, 0) < 0 ? -errno : 0);
}

static int receive_fd(int socket)
{
	union control control;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	must(recvmsg(socket, &message, MSG_CMSG_CLOEXEC) < 1 ? -EPIPE : 0);
	must(message.msg_controllen ? 0 : -EPIPE);
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(int));
	return fd;
}

/* Makes it, adds 1, sends it, and is gone. */
static int giver(int socket)
{
	struct shs_object *number = anonymous(SHS_KIND_ATOMIC, SHS_TYPE_I32, 1, &(int){ 41 });

	must(shs_atomic_fetch_add(number, 0, 1, SHS_SEQ_CST, NULL));
	send_fd(socket, shs_object_fd(number));
	shs_object_close(number);
	return 0;
}

int main(void)
{
	struct shs_object *number, *again;
	struct shs_ioc_info info;
	int sockets[2], weak, alive, gone, status;
	int64_t value;

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) < 0 ? -errno : 0);
	if (must(fork()) == 0)
		_exit(giver(sockets[1]));
	close(sockets[1]);
	must(shs_object_from_fd(receive_fd(sockets[0]), &number));
	wait(&status);

	must(shs_atomic_load(number, 0, SHS_SEQ_CST, &value));
	must(shs_object_info(number, &info));
	printf("Result: %d, strong: %u, names: %u\n", (int)value, info.opens, info.links);

	weak = must(shs_object_weak_fd(number));
	alive = shs_object_upgrade(weak, 0, &again);
	must(alive);
	shs_object_close(again);
	shs_object_close(number);
	gone = shs_object_upgrade(weak, 0, &again);
	printf("after the last drop: %s\n", gone < 0 ? strerror(-gone) : "still there");
	return status || value != 42 || info.opens != 1 || info.links || gone != -ENOENT;
}
