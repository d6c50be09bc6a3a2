// Datagram sockets of a program whose system calls are its own.
#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "static_sockets.h"

void datagrams_have_ends_and_senders(void) {
  int one = datagram_socket(0), other = datagram_socket(0), size = 0;
  char bytes[64];
  struct sockaddr_in to = loopback(port_of(other)), from;
  socklen_t length = sizeof from;
  CHECK(shown(other, POLLIN | POLLOUT, 0) == POLLOUT);
  CHECK(sendto(one, "hello", 5, 0, (struct sockaddr*)&to, sizeof to) == 5);
  CHECK(sendto(one, "", 0, 0, (struct sockaddr*)&to, sizeof to) == 0);
  CHECK(shown(other, POLLIN, -1) == POLLIN);
  CHECK(ioctl(other, FIONREAD, &size) == 0 && size == 5);
  CHECK(recvfrom(other, bytes, 2, MSG_PEEK | MSG_TRUNC, (struct sockaddr*)&from, &length) == 5);
  CHECK(length == sizeof from && ntohs(from.sin_port) == port_of(one) && memcmp(bytes, "he", 2) == 0);
  struct iovec parts[2] = {{bytes, 3}, {bytes + 10, 10}};
  CHECK(readv(other, parts, 2) == 5 && memcmp(bytes, "hel", 3) == 0 && memcmp(bytes + 10, "lo", 2) == 0);
  CHECK(read(other, bytes, 0) == 0);
  CHECK(recv(other, bytes, sizeof bytes, 0) == 0);
  CHECK(shown(other, POLLIN, 0) == 0);
  CHECK_FAILS(recv(other, bytes, sizeof bytes, MSG_DONTWAIT), EAGAIN);
  CHECK_FAILS(send(one, "x", 1, 0), EDESTADDRREQ);
  CHECK(do_connect(one, port_of(other)) == 0 && peer_port_of(one) == port_of(other));
  CHECK(write(one, "written", 7) == 7 && read(other, bytes, sizeof bytes) == 7);
  parts[0] = (struct iovec){(char[]){"wri"}, 3};
  parts[1] = (struct iovec){(char[]){"tev"}, 3};
  CHECK(writev(one, parts, 2) == 6 && read(other, bytes, 4) == 4);
  CHECK_FAILS(accept(one, NULL, NULL), EOPNOTSUPP);
  CHECK_FAILS(listen(one, 1), EOPNOTSUPP);
}

void large_datagrams_arrive_whole(void) {
  static char sent[60000], got[65536];
  int one = datagram_socket(0), other = datagram_socket(0), room = 1 << 20;
  for (size_t i = 0; i < sizeof sent; i++)
    sent[i] = (char)(i * 11 + i / 256);
  CHECK(setsockopt(other, SOL_SOCKET, SO_RCVBUF, &room, sizeof room) == 0);
  CHECK(do_connect(one, port_of(other)) == 0);
  for (size_t size = 1; size <= sizeof sent; size = size * 3 + 1) {
    CHECK(send(one, sent, size, 0) == (ssize_t)size);
    CHECK(recv(other, got, sizeof got, 0) == (ssize_t)size && memcmp(sent, got, size) == 0);
  }
  CHECK_FAILS(send(one, got, sizeof got, 0), EMSGSIZE);
}

void messages_have_names_and_control_data(void) {
  int one = datagram_socket(0), other = datagram_socket(0), on = 1;
  CHECK(setsockopt(other, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) == 0);
  struct sockaddr_in to = loopback(port_of(other)), from;
  char out[] = "message", bytes[32];
  _Alignas(struct cmsghdr) char control[128];
  struct iovec send_iov = {out, 7}, iov = {bytes, 4};
  struct msghdr sending = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &send_iov, .msg_iovlen = 1};
  struct msghdr message = {.msg_name = &from,
                           .msg_namelen = sizeof from,
                           .msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof control};
  CHECK(sendmsg(one, &sending, 0) == 7);
  CHECK(recvmsg(other, &message, 0) == 4);
  CHECK(message.msg_flags == MSG_TRUNC && message.msg_namelen == sizeof from);
  CHECK(ntohs(from.sin_port) == port_of(one) && memcmp(bytes, "mess", 4) == 0);
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  struct in_pktinfo info;
  CHECK(header && header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO);
  memcpy(&info, CMSG_DATA(header), sizeof info);
  CHECK(info.ipi_addr.s_addr == htonl(INADDR_LOOPBACK));
  message.msg_iov = NULL;
  message.msg_iovlen = 2000;
  CHECK_FAILS(recvmsg(other, &message, MSG_DONTWAIT), EMSGSIZE);
}

void many_messages_go_in_one_call(void) {
  enum { COUNT = 20 };
  int one = datagram_socket(0), other = datagram_socket(0);
  struct mmsghdr messages[COUNT];
  struct iovec iovs[COUNT];
  char bytes[COUNT][8];
  CHECK(do_connect(one, port_of(other)) == 0);
  memset(messages, 0, sizeof messages);
  for (int i = 0; i < COUNT; i++) {
    snprintf(bytes[i], sizeof bytes[i], "%d", i);
    iovs[i] = (struct iovec){bytes[i], strlen(bytes[i])};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &iovs[i], .msg_iovlen = 1};
  }
  CHECK(sendmmsg(one, messages, COUNT, 0) == COUNT && messages[COUNT - 1].msg_len == 2);
  for (int i = 0; i < COUNT; i++)
    iovs[i].iov_len = sizeof bytes[i];
  CHECK(recvmmsg(other, messages, 5, 0, NULL) == 5 && messages[4].msg_len == 1 && bytes[4][0] == '4');
  CHECK(recvmmsg(other, messages, COUNT, MSG_WAITFORONE, NULL) == COUNT - 5);
  CHECK(messages[0].msg_len == 1 && bytes[0][0] == '5');
  CHECK_FAILS(recvmmsg(other, messages, COUNT, MSG_DONTWAIT, NULL), EAGAIN);
  struct timespec bad = {.tv_nsec = -1};
  CHECK_FAILS(recvmmsg(other, messages, COUNT, 0, &bad), EINVAL);
}

void lengths_beyond_all_memory_are_cut(void) {
  int one = datagram_socket(0), other = datagram_socket(0);
  char bytes[8];
  volatile size_t most = SIZE_MAX, much = SIZE_MAX / 2;
  struct sockaddr_in to = loopback(port_of(other));
  struct {
    struct sockaddr_in name;
    char more[256];
  } longer = {.name = to};
  struct iovec iov = {(char[]){"x"}, 1};
  struct msghdr message = {
      .msg_name = &longer, .msg_namelen = sizeof longer, .msg_iov = &iov, .msg_iovlen = 1};
  CHECK(sendmsg(one, &message, 0) == 1);  // of the name as much as any has
  CHECK(recv(other, bytes, most, 0) == 1 && bytes[0] == 'x');
  CHECK(do_connect(one, port_of(other)) == 0);
  message.msg_namelen = 0;
  CHECK(sendmsg(one, &message, 0) == 1);
  CHECK_FAILS(read(other, bytes, most), EINVAL);
  CHECK(read(other, bytes, much) == 1);
  CHECK_FAILS(send(one, bytes, most, 0), EMSGSIZE);
  CHECK_FAILS(fcntl(one, F_DUPFD, 1 << 30), EINVAL);
}

void each_datagram_is_an_edge(void) {
  uint32_t events;
  char bytes[8];
  int epoll = epoll_create1(0), one = datagram_socket(0),
      other = watched(epoll, datagram_socket(SOCK_NONBLOCK));
  CHECK(do_connect(one, port_of(other)) == 0);
  await_edge(epoll, EPOLLOUT, &events);
  for (int i = 0; i < 200; i++) {
    CHECK(send(one, &i, sizeof i, 0) == sizeof i);
    await_edge(epoll, EPOLLIN, &events);
    int got;
    CHECK(recv(other, &got, sizeof got, 0) == sizeof got && got == i);
    CHECK_FAILS(recv(other, bytes, sizeof bytes, 0), EAGAIN);
  }
}

void waits_have_their_time(void) {
  struct timeval timeout = {.tv_usec = 50000};
  struct timespec before, after;
  char byte;
  int fd = datagram_socket(0), listener = listener_at_any_port();
  CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0);
  CHECK(setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0);
  clock_gettime(CLOCK_MONOTONIC, &before);
  CHECK_FAILS(recv(fd, &byte, 1, 0), EAGAIN);
  CHECK_FAILS(accept(listener, NULL, NULL), EAGAIN);
  clock_gettime(CLOCK_MONOTONIC, &after);
  CHECK((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 >= 100);
}

void errors_of_datagrams_come_back(void) {
  char byte;
  int fd = datagram_socket(0);
  CHECK(do_connect(fd, NOBODY) == 0 && send(fd, "x", 1, 0) == 1);
  CHECK(shown(fd, POLLIN, -1) & POLLIN);
  CHECK_FAILS(recv(fd, &byte, 1, 0), ECONNREFUSED);
  CHECK(send(fd, "x", 1, 0) == 1);
  CHECK(shown(fd, POLLIN, -1) & POLLIN);
  CHECK(pending_error(fd) == ECONNREFUSED);
  CHECK(shown(fd, POLLIN, 0) == 0);
}

void copies_of_datagram_sockets_are_them(void) {
  char byte;
  int fd = datagram_socket(0), other = datagram_socket(0);
  int copies[] = {dup(fd), fcntl(fd, F_DUPFD, 0), fcntl(fd, F_DUPFD_CLOEXEC, 10)};
  CHECK(fcntl(copies[2], F_GETFD) == FD_CLOEXEC && fcntl(copies[1], F_GETFD) == 0);
  CHECK(do_connect(other, port_of(fd)) == 0);
  for (size_t i = 0; i < LENGTH(copies); i++) {
    CHECK(copies[i] >= 0 && port_of(copies[i]) == port_of(fd));
    CHECK(send(other, "x", 1, 0) == 1 && read(copies[i], &byte, 1) == 1);
  }
  int port = port_of(fd);
  close(fd);
  for (size_t i = 0; i < LENGTH(copies); i++) {
    CHECK(port_of(copies[i]) == port);
    close(copies[i]);
  }
  fd = socket(AF_INET, SOCK_DGRAM, 0);
  CHECK(do_bind(fd, port) == 0);  // it is free again
}

void shutting_down_ends_a_wait(void) {
  char byte;
  int fd = datagram_socket(0);
  CHECK(do_connect(fd, NOBODY) == 0);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    CHECK(recv(fd, &byte, 1, 0) == 0);
    _exit(0);
  }
  CHECK(shutdown(fd, SHUT_RD) == 0);
  wait_for_child(child);
}
