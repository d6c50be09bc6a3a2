// Sending, receiving, polling and asking, by every name the C library has for it.
#include <net/if.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "fdio_fixture.h"

START_TEST(every_way_to_send_and_receive_carries_the_datagram) {
  int fd = udp();
  struct sockaddr_in echo = to_port(PORT_ECHO);
  char data[16];
  ck_assert_int_eq(connect(fd, (struct sockaddr*)&echo, sizeof(echo)), 0);
  ck_assert_int_eq(send(fd, "one", 3, MSG_NOSIGNAL), 3);
  ck_assert_int_eq(recv(fd, data, sizeof(data), 0), 3);
  ck_assert_int_eq(write(fd, "four", 4), 4);
  ck_assert_int_eq(read(fd, data, sizeof(data)), 4);
  char text[] = "abcde";
  struct iovec parts[2] = {{text, 2}, {text + 2, 3}};
  ck_assert_int_eq(writev(fd, parts, 2), 5);
  char first[2];
  char second[8];
  struct iovec into[2] = {{first, 2}, {second, 8}};
  ck_assert_int_eq(readv(fd, into, 2), 5);
  ck_assert_mem_eq(second, "cde", 3);
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
  ck_assert_int_eq(sendmsg(fd, &message, 0), 5);
  struct sockaddr_in from;
  socklen_t length = sizeof(from);
  ck_assert_int_eq(recvfrom(fd, data, sizeof(data), 0, (struct sockaddr*)&from, &length), 5);
  ck_assert_uint_eq(length, sizeof(from));
  ck_assert_uint_eq(ntohs(from.sin_port), PORT_ECHO);
  close(fd);
}
END_TEST

START_TEST(half_a_name_is_none_in_a_message) {
  int fd = udp();
  struct sockaddr_in echo = to_port(PORT_ECHO);
  char data[4];
  char text[] = "half";
  struct iovec part = {text, 4};
  struct mmsghdr messages[2] = {
      {.msg_hdr = {.msg_name = &echo, .msg_iov = &part, .msg_iovlen = 1}},
      {.msg_hdr = {.msg_namelen = sizeof(echo), .msg_iov = &part, .msg_iovlen = 1}},
  };
  ck_assert_int_eq(connect(fd, (struct sockaddr*)&echo, sizeof(echo)), 0);
  ck_assert_int_eq(sendmsg(fd, &messages[0].msg_hdr, 0), 4);
  ck_assert_int_eq(sendmmsg(fd, messages, 2, 0), 2);
  ck_assert_int_eq(sendto(fd, "half", 4, 0, NULL, sizeof(echo)), 4);
  for (int i = 0; i < 4; i++)
    ck_assert_int_eq(recv(fd, data, sizeof(data), 0), 4);
  EXPECT_ERRNO(sendto(fd, "half", 4, 0, (struct sockaddr*)&echo, 0), EINVAL);
  close(fd);
}
END_TEST

START_TEST(batches_stop_where_the_queue_does) {
  int fd = udp();
  struct sockaddr_in echo = to_port(PORT_ECHO);
  char text[] = "abbccc";
  struct iovec out[3] = {{text, 1}, {text + 1, 2}, {text + 3, 3}};
  struct mmsghdr sent[3];
  memset(sent, 0, sizeof(sent));
  for (int i = 0; i < 3; i++) {
    sent[i].msg_hdr =
        (struct msghdr){.msg_name = &echo, .msg_namelen = sizeof(echo), .msg_iov = &out[i], .msg_iovlen = 1};
  }
  char data[5][8];
  struct iovec in[5];
  struct mmsghdr got[5];
  for (int round = 0; round < 2; round++) {
    memset(got, 0, sizeof(got));
    for (int i = 0; i < 5; i++) {
      in[i] = (struct iovec){data[i], sizeof(data[i])};
      got[i].msg_hdr = (struct msghdr){.msg_iov = &in[i], .msg_iovlen = 1};
    }
    if (round == 0) {
      ck_assert_int_eq(sendmmsg(fd, sent, 3, 0), 3);
      ck_assert_int_eq(recvmmsg(fd, got, 5, MSG_WAITFORONE, NULL), 3);
    } else {
      // As libuv calls them.
      ck_assert_int_eq(syscall(SYS_sendmmsg, fd, sent, 3, 0), 3);
      ck_assert_int_eq(syscall(SYS_recvmmsg, fd, got, 5, MSG_DONTWAIT, NULL), 3);
    }
    ck_assert_uint_eq(sent[2].msg_len, 3);
    ck_assert_uint_eq(got[1].msg_len, 2);
    ck_assert_mem_eq(data[2], "ccc", 3);
  }
  EXPECT_ERRNO(recvmmsg(fd, got, 5, MSG_DONTWAIT, NULL), EAGAIN);
  struct timespec left = {60, 0};
  ck_assert_int_eq(sendmmsg(fd, sent, 1, 0), 1);
  ck_assert_int_eq(recvmmsg(fd, got, 1, 0, &left), 1);
  ck_assert_int_lt(left.tv_sec, 60);
  struct timespec bad = {0, 1000000000};
  EXPECT_ERRNO(recvmmsg(fd, got, 5, 0, &bad), EINVAL);
  close(fd);
}
END_TEST

START_TEST(reading_nothing_takes_nothing_and_sending_nothing_sends) {
  int fd = udp();
  struct sockaddr_in echo = to_port(PORT_ECHO);
  char byte = 'x';
  ck_assert_int_eq(connect(fd, (struct sockaddr*)&echo, sizeof(echo)), 0);
  ck_assert_int_eq(write(fd, NULL, 0), 0);
  ck_assert_int_eq(read(fd, &byte, 0), 0);
  ck_assert_int_eq(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
  EXPECT_ERRNO(recv(fd, &byte, 1, MSG_DONTWAIT), EAGAIN);
  EXPECT_ERRNO(recv(fd, &byte, 1, MSG_ERRQUEUE), EAGAIN);
  close(fd);
}
END_TEST

START_TEST(nonblocking_is_the_descriptors_flag) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
  char byte;
  ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
  ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
  EXPECT_ERRNO(recv(fd, &byte, 1, 0), EAGAIN);
  int off = 0;
  ck_assert_int_eq(ioctl(fd, FIONBIO, &off), 0);
  ck_assert(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
  int copy = dup(fd);
  ck_assert_int_eq(fcntl(copy, F_SETFL, O_NONBLOCK), 0);
  EXPECT_ERRNO(recv(fd, &byte, 1, 0), EAGAIN);
  close(copy);
  close(fd);
  fd = udp();
  ck_assert(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
  ck_assert(!(fcntl(fd, F_GETFD) & FD_CLOEXEC));
  close(fd);
}
END_TEST

START_TEST(poll_select_and_epoll_see_a_datagram_come_and_go) {
  int fd = udp();
  int set = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  ck_assert_int_eq(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
  struct pollfd pollfd = {.fd = fd, .events = POLLIN | POLLOUT};
  ck_assert_int_eq(poll(&pollfd, 1, 0), 1);
  ck_assert_int_eq(pollfd.revents, POLLOUT);
  ck_assert_int_eq(epoll_wait(set, &event, 1, 0), 0);
  for (int i = 0; i < 3; i++) {
    send_to(fd, PORT_ECHO, "x");
    pollfd.events = POLLIN;
    ck_assert_int_eq(poll(&pollfd, 1, -1), 1);
    ck_assert_int_eq(epoll_wait(set, &event, 1, -1), 1);
    ck_assert_uint_eq(event.events, EPOLLIN);
    fd_set readable;
    FD_ZERO(&readable);
    FD_SET(fd, &readable);
    ck_assert_int_eq(select(fd + 1, &readable, NULL, NULL, NULL), 1);
    expect_text(fd, "x");
    ck_assert_int_eq(poll(&pollfd, 1, 0), 0);
    ck_assert_int_eq(epoll_wait(set, &event, 1, 0), 0);
  }
  close(fd);
  ck_assert_int_eq(epoll_wait(set, &event, 1, 0), 0);
  close(set);
}
END_TEST

START_TEST(errors_of_the_peer_reach_the_next_call) {
  int fd = udp();
  struct sockaddr_in nobody = to_port(1);
  char byte;
  ck_assert_int_eq(connect(fd, (struct sockaddr*)&nobody, sizeof(nobody)), 0);
  ck_assert_int_eq(send(fd, "x", 1, 0), 1);
  struct pollfd pollfd = {.fd = fd, .events = POLLIN};
  ck_assert_int_eq(poll(&pollfd, 1, -1), 1);
  EXPECT_ERRNO(recv(fd, &byte, 1, 0), ECONNREFUSED);
  EXPECT_ERRNO(recv(fd, &byte, 1, MSG_DONTWAIT), EAGAIN);
  close(fd);
}
END_TEST

START_TEST(success_leaves_errno_alone) {
  int fd = udp();
  char byte;
  int value;
  socklen_t length = sizeof(value);
  struct sockaddr_in in = to_port(5000);
  errno = 4321;
  ck_assert_int_eq(bind(fd, (struct sockaddr*)&in, sizeof(in)), 0);
  send_to(fd, PORT_ECHO, "x");
  ck_assert_int_eq(recv(fd, &byte, 1, 0), 1);
  ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length), 0);
  int copy = dup(fd);
  close(copy);
  close(fd);
  close(udp());
  ck_assert_int_eq(errno, 4321);
}
END_TEST

START_TEST(ioctls_know_the_queue_and_the_interfaces) {
  int fd = udp();
  int bytes = -1;
  ck_assert_int_eq(ioctl(fd, FIONREAD, &bytes), 0);
  ck_assert_int_eq(bytes, 0);
  send_to(fd, PORT_ECHO, "12345");
  ck_assert_int_eq(ioctl(fd, FIONREAD, &bytes), 0);
  ck_assert_int_eq(bytes, 5);
  ck_assert_int_eq(ioctl(fd, TIOCOUTQ, &bytes), 0);
  ck_assert_int_eq(bytes, 0);
  struct ifreq request = {.ifr_name = "eth0"};
  ck_assert_int_eq(ioctl(fd, SIOCGIFINDEX, &request), 0);
  ck_assert_int_eq(request.ifr_ifindex, 2);
  ck_assert_int_eq(ioctl(fd, SIOCGIFNETMASK, &request), 0);
  ck_assert_uint_eq(ntohl(((struct sockaddr_in*)&request.ifr_addr)->sin_addr.s_addr), 0xffffff00);
  ck_assert_int_eq(ioctl(fd, SIOCGIFBRDADDR, &request), 0);
  ck_assert_uint_eq(ntohl(((struct sockaddr_in*)&request.ifr_addr)->sin_addr.s_addr), 0x0a0002ff);
  request = (struct ifreq){.ifr_ifindex = 1};
  ck_assert_int_eq(ioctl(fd, SIOCGIFNAME, &request), 0);
  ck_assert_str_eq(request.ifr_name, "lo");
  request = (struct ifreq){.ifr_name = "none"};
  EXPECT_ERRNO(ioctl(fd, SIOCGIFFLAGS, &request), ENODEV);
  struct ifreq entries[4];
  struct ifconf list = {.ifc_len = sizeof(entries), .ifc_req = entries};
  ck_assert_int_eq(ioctl(fd, SIOCGIFCONF, &list), 0);
  ck_assert_int_eq(list.ifc_len, 2 * sizeof(entries[0]));
  EXPECT_ERRNO(ioctl(fd, SIOCSIFFLAGS, &request), ENOTTY);
  close(fd);
}
END_TEST

START_TEST(interfaces_have_numbers_and_names) {
  char name[IF_NAMESIZE];
  errno = 0;
  ck_assert_uint_eq(if_nametoindex("eth0"), 2);
  ck_assert_str_eq(if_indextoname(1, name), "lo");
  ck_assert_int_eq(errno, 0);
  ck_assert_uint_eq(if_nametoindex("none"), 0);
  ck_assert_int_eq(errno, ENODEV);
  ck_assert_uint_eq(if_nametoindex("a name longer than any"), 0);
  ck_assert_ptr_null(if_indextoname(9, name));
  ck_assert_int_eq(errno, ENXIO);
}
END_TEST

START_TEST(what_no_socket_can_do_fails_as_with_any_socket) {
  int fd = udp();
  char byte;
  EXPECT_ERRNO(pread(fd, &byte, 1, 0), ESPIPE);
  EXPECT_ERRNO(pwrite(fd, &byte, 1, 0), ESPIPE);
  EXPECT_ERRNO(lseek(fd, 0, SEEK_SET), ESPIPE);
  int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  EXPECT_ERRNO(sendfile(fd, file, NULL, 10), EINVAL);
  close(file);
  EXPECT_ERRNO(listen(fd, 1), EOPNOTSUPP);
  EXPECT_ERRNO(accept(fd, NULL, NULL), EOPNOTSUPP);
  EXPECT_ERRNO(accept4(fd, NULL, NULL, 1), EINVAL);
  EXPECT_ERRNO(shutdown(fd, SHUT_RD), ENOTCONN);
  close(fd);
  EXPECT_ERRNO(socket(AF_INET, SOCK_RAW, 0), EPROTONOSUPPORT);
  EXPECT_ERRNO(socket(AF_INET6, SOCK_DGRAM, IPPROTO_TCP), EPROTONOSUPPORT);
}
END_TEST

START_TEST(a_stream_over_a_socket_reads_and_writes_datagrams) {
  int fd = udp();
  struct sockaddr_in echo = to_port(PORT_ECHO);
  ck_assert_int_eq(connect(fd, (struct sockaddr*)&echo, sizeof(echo)), 0);
  FILE* stream = fdopen(fd, "r+");
  ck_assert_ptr_nonnull(stream);
  ck_assert_int_eq(fileno(stream), fd);
  fprintf(stream, "line %d\n", 7);
  ck_assert_int_eq(fflush(stream), 0);
  char line[32];
  ck_assert_ptr_nonnull(fgets(line, sizeof(line), stream));
  ck_assert_str_eq(line, "line 7\n");
  fclose(stream);
  EXPECT_ERRNO(send(fd, "x", 1, 0), EBADF);
}
END_TEST

START_TEST(other_families_are_the_kernels) {
  int ends[2];
  char byte = 0;
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
  ck_assert_int_eq(send(ends[0], "x", 1, 0), 1);
  ck_assert_int_eq(recv(ends[1], &byte, 1, 0), 1);
  ck_assert_int_eq(byte, 'x');
  close(ends[0]);
  close(ends[1]);
  int fd = socket(AF_NETLINK, SOCK_RAW, 0);
  int domain = 0;
  socklen_t length = sizeof(domain);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length), 0);
  ck_assert_int_eq(domain, AF_NETLINK);
  close(fd);
}
END_TEST

START_TEST(the_queue_of_errors_shows_as_an_error_until_it_is_fetched) {
  int fd = udp(), on = 1, error = 0;
  struct sockaddr_in nobody = to_port(4444);
  struct pollfd pollfd = {.fd = fd, .events = POLLIN};
  char data[8], control[256];
  struct iovec iov = {data, sizeof(data)};
  struct msghdr message = {
      .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
  socklen_t length = sizeof(error);
  EXPECT_ERRNO(recvmsg(fd, &message, MSG_ERRQUEUE), EAGAIN);  // and does not wait
  ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)), 0);
  ck_assert_int_eq(sendto(fd, "gone", 4, 0, (struct sockaddr*)&nobody, sizeof(nobody)), 4);
  ck_assert_int_eq(poll(&pollfd, 1, 50000), 1);
  ck_assert_int_eq(pollfd.revents, POLLERR);
  ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length), 0);
  ck_assert_int_eq(error, ECONNREFUSED);
  // Nothing is pending any more, but the queue has it still; who waits for datagrams only is not held up by
  // it.
  ck_assert_int_eq(ppoll(&pollfd, 1, NULL, NULL), 1);
  ck_assert_int_eq(pollfd.revents, POLLERR);
  EXPECT_ERRNO(recv(fd, data, sizeof(data), MSG_DONTWAIT), EAGAIN);
  struct sockaddr_in echo = to_port(PORT_ECHO);
  ck_assert_int_eq(sendto(fd, "x", 1, 0, (struct sockaddr*)&echo, sizeof(echo)), 1);
  ck_assert_int_eq(poll(&pollfd, 1, 50000), 1);
  ck_assert_int_eq(pollfd.revents, POLLERR | POLLIN);
  ck_assert_int_eq(recv(fd, data, sizeof(data), 0), 1);
  ck_assert_int_eq(recvmsg(fd, &message, MSG_ERRQUEUE), 4);
  ck_assert_int_eq(message.msg_flags, MSG_ERRQUEUE);
  ck_assert_mem_eq(data, "gone", 4);
  ck_assert_int_eq(CMSG_FIRSTHDR(&message)->cmsg_type, IP_RECVERR);
  ck_assert_int_eq(poll(&pollfd, 1, 0), 0);
  EXPECT_ERRNO(recvmsg(fd, &message, MSG_ERRQUEUE), EAGAIN);
  close(fd);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("fdio messages");
  TCase* tc = test_case(suite, "messages");
  tcase_add_test(tc, every_way_to_send_and_receive_carries_the_datagram);
  tcase_add_test(tc, half_a_name_is_none_in_a_message);
  tcase_add_test(tc, batches_stop_where_the_queue_does);
  tcase_add_test(tc, reading_nothing_takes_nothing_and_sending_nothing_sends);
  tcase_add_test(tc, nonblocking_is_the_descriptors_flag);
  tcase_add_test(tc, poll_select_and_epoll_see_a_datagram_come_and_go);
  tcase_add_test(tc, errors_of_the_peer_reach_the_next_call);
  tcase_add_test(tc, the_queue_of_errors_shows_as_an_error_until_it_is_fetched);
  tcase_add_test(tc, success_leaves_errno_alone);
  tcase_add_test(tc, ioctls_know_the_queue_and_the_interfaces);
  tcase_add_test(tc, interfaces_have_numbers_and_names);
  tcase_add_test(tc, what_no_socket_can_do_fails_as_with_any_socket);
  tcase_add_test(tc, a_stream_over_a_socket_reads_and_writes_datagrams);
  tcase_add_test(tc, other_families_are_the_kernels);
  return jx_test_run(suite);
}
