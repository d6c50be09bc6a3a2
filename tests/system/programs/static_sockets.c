// What a program sees whose system calls are its own: linked statically, it has no fdio, and all of its calls
// on sockets are made for it. Run with the names of cases.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define PORT 7654
#define NOBODY 7655  // whom nobody listens for

static void die(const char* what, int line) {
  fprintf(stderr, "line %d: %s: %s\n", line, what, strerror(errno));
  exit(1);
}

#define CHECK(condition) ((condition) ? (void)0 : die(#condition, __LINE__))
#define CHECK_FAILS(call, code) CHECK((errno = 0, (call) < 0 && errno == (code)))

static struct sockaddr_in loopback(int port) {
  return (struct sockaddr_in){
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int do_bind(int fd, int port) {
  struct sockaddr_in address = loopback(port);
  return bind(fd, (struct sockaddr*)&address, sizeof address);
}

static int do_connect(int fd, int port) {
  struct sockaddr_in address = loopback(port);
  return connect(fd, (struct sockaddr*)&address, sizeof address);
}

static int port_of(int fd) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  CHECK(getsockname(fd, (struct sockaddr*)&address, &length) == 0);
  CHECK(length == sizeof address && address.sin_family == AF_INET);
  return ntohs(address.sin_port);
}

static int peer_port_of(int fd) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  CHECK(getpeername(fd, (struct sockaddr*)&address, &length) == 0);
  CHECK(length == sizeof address && address.sin_family == AF_INET);
  return ntohs(address.sin_port);
}

static int listener_with(int flags, int backlog) {
  int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
  CHECK(fd >= 0);
  CHECK(do_bind(fd, 0) == 0);
  CHECK(listen(fd, backlog) == 0);
  return fd;
}

static int listener_at_any_port(void) {
  return listener_with(0, 16);
}

static int connected_to(int port) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(fd >= 0);
  CHECK(do_connect(fd, port) == 0);
  return fd;
}

static int datagram_socket(int flags) {
  int fd = socket(AF_INET, SOCK_DGRAM | flags, 0);
  CHECK(fd >= 0);
  CHECK(do_bind(fd, 0) == 0);
  return fd;
}

static int pending_error(int fd) {
  int error = -1;
  socklen_t length = sizeof error;
  CHECK(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0);
  CHECK(length == sizeof error);
  return error;
}

static short shown(int fd, short events, int timeout_ms) {
  struct pollfd pollfd = {.fd = fd, .events = events};
  CHECK(poll(&pollfd, 1, timeout_ms) >= 0);
  return pollfd.revents;
}

static void wait_for_child(pid_t child) {
  int status;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void write_all(int fd, const char* bytes, size_t size) {
  while (size > 0) {
    ssize_t count = write(fd, bytes, size);
    CHECK(count > 0);
    bytes += count;
    size -= (size_t)count;
  }
}

static void read_all(int fd, char* bytes, size_t size) {
  while (size > 0) {
    ssize_t count = read(fd, bytes, size);
    CHECK(count > 0);
    bytes += count;
    size -= (size_t)count;
  }
}

// Streams

static void streams_carry_bytes_both_ways(void) {
  enum { BYTES = 3000000 };
  static char sent[BYTES], got[BYTES];
  for (size_t i = 0; i < BYTES; i++)
    sent[i] = (char)(i * 7 + i / 251);
  int listener = listener_at_any_port(), port = port_of(listener);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    int fd = connected_to(port);
    CHECK(peer_port_of(fd) == port);
    read_all(fd, got, BYTES);
    write_all(fd, got, BYTES);
    CHECK(shutdown(fd, SHUT_WR) == 0);
    CHECK(read(fd, got, 1) == 0);
    _exit(0);
  }
  struct sockaddr_in from;
  socklen_t length = sizeof from;
  int fd = accept(listener, (struct sockaddr*)&from, &length);
  CHECK(fd >= 0 && length == sizeof from && from.sin_family == AF_INET);
  CHECK(ntohs(from.sin_port) == peer_port_of(fd) && port_of(fd) == port);
  write_all(fd, sent, BYTES);
  read_all(fd, got, BYTES);
  CHECK(memcmp(sent, got, BYTES) == 0);
  CHECK(read(fd, got, 1) == 0);
  CHECK(close(fd) == 0);
  wait_for_child(child);
}

enum { MUCH = 4 << 20 };

static void* send_much(void* context) {
  char* bytes = calloc(1, MUCH);
  int fd = *(int*)context;
  CHECK(bytes);
  write_all(fd, bytes, MUCH);
  CHECK(shutdown(fd, SHUT_WR) == 0);
  free(bytes);
  return NULL;
}

static void* receive_much(void* context) {
  char bytes[65536];
  ssize_t count;
  size_t total = 0;
  while ((count = read(*(int*)context, bytes, sizeof bytes)) > 0)
    total += (size_t)count;
  CHECK(count == 0 && total == MUCH);
  return NULL;
}

static void each_direction_ends_by_itself(void) {
  int listener = listener_at_any_port();
  for (int round = 0; round < 5; round++) {
    int ends[] = {connected_to(port_of(listener)), accept(listener, NULL, NULL)};
    pthread_t threads[4];
    for (int i = 0; i < 2; i++) {
      CHECK(pthread_create(&threads[i], NULL, send_much, &ends[i]) == 0);
      CHECK(pthread_create(&threads[2 + i], NULL, receive_much, &ends[i]) == 0);
    }
    for (int i = 0; i < 4; i++)
      CHECK(pthread_join(threads[i], NULL) == 0);
    close(ends[0]);
    close(ends[1]);
  }
}

static void others_memory_is_not_to_be_seen(void) {
  char byte;
  struct iovec iov = {&byte, 1};
  int pidfd = (int)syscall(SYS_pidfd_open, getppid(), 0);
  CHECK_FAILS(process_vm_readv(getpid(), &iov, 1, &iov, 1, 0), EPERM);
  CHECK_FAILS(process_vm_writev(getpid(), &iov, 1, &iov, 1, 0), EPERM);
  CHECK_FAILS(syscall(SYS_pidfd_getfd, pidfd, 0, 0), EPERM);
}

static void streams_have_the_lowest_numbers(void) {
  int lowest = dup(0), next = dup(0);
  CHECK(lowest >= 0 && next >= 0 && close(lowest) == 0 && close(next) == 0);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  CHECK(fd == lowest);
  CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(fd, F_GETFL) & O_NONBLOCK);
  int other = socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP);
  CHECK(other == next && fcntl(other, F_GETFD) == 0 && !(fcntl(other, F_GETFL) & O_NONBLOCK));
  int value = 0;
  socklen_t length = sizeof value;
  CHECK(getsockopt(other, SOL_SOCKET, SO_DOMAIN, &value, &length) == 0 && value == AF_INET6);
  CHECK(getsockopt(other, SOL_SOCKET, SO_TYPE, &value, &length) == 0 && value == SOCK_STREAM);
  CHECK(getsockopt(other, SOL_SOCKET, SO_PROTOCOL, &value, &length) == 0 && value == IPPROTO_TCP);
  CHECK_FAILS(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
  CHECK_FAILS(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), EPROTONOSUPPORT);
}

static void options_are_the_network_stacks(void) {
  int fd = socket(AF_INET, SOCK_STREAM, 0), value = 1;
  socklen_t length = sizeof value;
  CHECK(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value) == 0);
  value = 0;
  CHECK(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &length) == 0 && value == 1);
  CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, sizeof value) == 0);
  struct timeval set = {.tv_sec = 5}, timeout;
  length = sizeof timeout;
  CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &set, sizeof set) == 0);
  CHECK(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, &length) == 0 && timeout.tv_sec == 5);
  CHECK_FAILS(setsockopt(fd, IPPROTO_TCP, 9999, &value, sizeof value), ENOPROTOOPT);
  struct tcp_info info;
  length = sizeof info;
  CHECK(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 && info.tcpi_state == TCP_CLOSE);
}

static void a_connection_to_nobody_is_refused(void) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  CHECK_FAILS(do_connect(fd, NOBODY), ECONNREFUSED);
  int listener = listener_at_any_port();
  CHECK(do_connect(fd, port_of(listener)) == 0);  // it may try again
  CHECK_FAILS(do_connect(fd, port_of(listener)), EISCONN);
  CHECK(pending_error(fd) == 0);
}

static void await_edge(int epoll, uint32_t wanted, uint32_t* out) {
  struct epoll_event event;
  do {
    CHECK(epoll_wait(epoll, &event, 1, -1) == 1);
  } while (!(event.events & wanted));
  *out = event.events;
}

static int watched(int epoll, int fd) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.fd = fd};
  CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
  return fd;
}

static void edges_tell_of_connecting_and_accepting(void) {
  uint32_t events;
  char bytes[8];
  int accepting = epoll_create1(0), connecting = epoll_create1(0);
  int listener = watched(accepting, listener_with(SOCK_NONBLOCK, 16));
  CHECK_FAILS(accept(listener, NULL, NULL), EAGAIN);
  for (int round = 0; round < 50; round++) {
    int fd = watched(connecting, socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    CHECK(do_connect(fd, port_of(listener)) == 0 || errno == EINPROGRESS);
    await_edge(connecting, EPOLLOUT, &events);
    CHECK(pending_error(fd) == 0);
    await_edge(accepting, EPOLLIN, &events);
    int accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    CHECK(accepted >= 0 && fcntl(accepted, F_GETFL) & O_NONBLOCK && fcntl(accepted, F_GETFD) == FD_CLOEXEC);
    CHECK_FAILS(accept(listener, NULL, NULL), EAGAIN);
    watched(accepting, accepted);
    CHECK(write(fd, "words", 5) == 5);
    await_edge(accepting, EPOLLIN, &events);
    CHECK(read(accepted, bytes, sizeof bytes) == 5);
    CHECK_FAILS(read(accepted, bytes, sizeof bytes), EAGAIN);
    CHECK(close(fd) == 0);
    await_edge(accepting, EPOLLRDHUP, &events);
    CHECK(read(accepted, bytes, sizeof bytes) == 0);
    CHECK(close(accepted) == 0);
  }
  int fd = watched(connecting, socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  CHECK(do_connect(fd, NOBODY) < 0);
  if (errno != ECONNREFUSED) {
    CHECK(errno == EINPROGRESS);
    await_edge(connecting, EPOLLOUT, &events);
    CHECK(pending_error(fd) == ECONNREFUSED);
  }
}

// What is written the moment a connection is there goes out at full size: nothing is left of its making.
static void a_new_connection_takes_much_at_once(void) {
  static char bytes[100000];
  int listener = listener_at_any_port();
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  CHECK(do_connect(fd, port_of(listener)) == 0 || errno == EINPROGRESS);
  CHECK(shown(fd, POLLOUT, -1) == POLLOUT);
  CHECK(write(fd, bytes, sizeof bytes) == sizeof bytes);
}

static void children_serve_connections(void) {
  enum { CLIENTS = 30 };
  int listener = listener_at_any_port(), port = port_of(listener);
  pid_t clients = fork();
  CHECK(clients >= 0);
  if (clients == 0) {
    for (int i = 0; i < CLIENTS; i++) {
      char text[32], got[32];
      int fd = connected_to(port), size = snprintf(text, sizeof text, "client %d", i);
      write_all(fd, text, (size_t)size);
      read_all(fd, got, (size_t)size);
      CHECK(memcmp(text, got, (size_t)size) == 0 && read(fd, got, 1) == 0);
      close(fd);
    }
    _exit(0);
  }
  for (int i = 0; i < CLIENTS; i++) {
    int fd = accept(listener, NULL, NULL);
    CHECK(fd >= 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {  // as an inetd does it
      char bytes[32];
      CHECK(dup2(fd, 0) == 0 && dup2(fd, 1) == 1);
      close(fd);
      close(listener);
      CHECK(port_of(0) == port && peer_port_of(1) > 0);
      ssize_t size = read(0, bytes, sizeof bytes);
      CHECK(size > 0);
      write_all(1, bytes, (size_t)size);
      _exit(0);
    }
    close(fd);
    wait_for_child(child);
  }
  wait_for_child(clients);
}

static void descriptors_travel_between_processes(void) {
  int pair[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  int listener = listener_at_any_port();
  int near = connected_to(port_of(listener)), far = accept(listener, NULL, NULL);
  CHECK(far >= 0);
  union {
    char bytes[CMSG_SPACE(sizeof far)];
    struct cmsghdr header;
  } control = {
      .header = {.cmsg_len = CMSG_LEN(sizeof far), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
  memcpy(CMSG_DATA(&control.header), &far, sizeof far);
  char byte = 'x';
  struct iovec iov = {&byte, 1};
  struct msghdr message = {
      .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  CHECK(sendmsg(pair[0], &message, 0) == 1);
  int port = port_of(far);
  close(far);
  close(listener);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    close(near);
    CHECK(recvmsg(pair[1], &message, 0) == 1);
    memcpy(&far, CMSG_DATA(&control.header), sizeof far);
    CHECK(port_of(far) == port);
    write_all(far, "passed", 6);
    _exit(0);
  }
  close(pair[0]);
  close(pair[1]);
  char got[8];
  read_all(near, got, 6);
  CHECK(read(near, got, 1) == 0);  // nobody holds it any more
  wait_for_child(child);
}

// Executes a program with two numbers behind its arguments: of a listener and of a datagram socket.
static void execute(char** argv) {
  char listener[16], datagrams[16], *arguments[16];
  size_t count = 0;
  snprintf(listener, sizeof listener, "%d", listener_at_any_port());
  snprintf(datagrams, sizeof datagrams, "%d", datagram_socket(0));
  while (argv[count] && count + 3 < LENGTH(arguments)) {
    arguments[count] = argv[count];
    count++;
  }
  arguments[count] = listener;
  arguments[count + 1] = datagrams;
  arguments[count + 2] = NULL;
  execv(arguments[0], arguments);
  die("exec", __LINE__);
}

// The other side of that.
static void executed(char** argv) {
  int listener = atoi(argv[0]), datagrams = atoi(argv[1]), value;
  char byte;
  int fd = connected_to(port_of(listener)), far = accept(listener, NULL, NULL);
  CHECK(far >= 0 && write(fd, "x", 1) == 1 && read(far, &byte, 1) == 1);
  CHECK(getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &value, &(socklen_t){sizeof value}) == 0 &&
        value == 1);
  if (datagrams < 0) return;
  int other = datagram_socket(0);
  CHECK(do_connect(other, port_of(datagrams)) == 0 && send(other, "y", 1, 0) == 1);
  CHECK(recv(datagrams, &byte, 1, 0) == 1 && byte == 'y');
}

static void kernel_sockets_stay_the_kernels(void) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  snprintf(name.sun_path, sizeof name.sun_path, "/tmp/static_sockets.%d", (int)getpid());
  int listener = socket(AF_UNIX, SOCK_STREAM, 0), fd = socket(AF_UNIX, SOCK_STREAM, 0), size = 0;
  CHECK(bind(listener, (struct sockaddr*)&name, sizeof name) == 0 && listen(listener, 1) == 0);
  CHECK(connect(fd, (struct sockaddr*)&name, sizeof name) == 0);
  int accepted = accept(listener, NULL, NULL);
  CHECK(unlink(name.sun_path) == 0 && accepted >= 0);
  CHECK(getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &(socklen_t){sizeof size}) == 0 && size > 0);
  CHECK(shutdown(fd, SHUT_WR) == 0 && read(accepted, &size, 1) == 0);
  CHECK_FAILS(listen(0, 1), ENOTSOCK);
  CHECK_FAILS(bind(-1, NULL, 0), EBADF);
  CHECK_FAILS(accept(500, NULL, NULL), EBADF);
  // One of the kernel's at a number like those of datagram sockets.
  int pipes[2], high = fcntl(fd, F_DUPFD, 700);
  char byte;
  CHECK(high == 700 && pipe(pipes) == 0 && dup2(pipes[0], 701) == 701 && dup2(pipes[1], 702) == 702);
  CHECK(write(702, "z", 1) == 1 && ioctl(701, FIONREAD, &size) == 0 && size == 1);
  CHECK(read(701, &byte, 1) == 1 && byte == 'z');
  CHECK(dup(701) >= 0);
}

// Datagrams

static void datagrams_have_ends_and_senders(void) {
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

static void large_datagrams_arrive_whole(void) {
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

static void messages_have_names_and_control_data(void) {
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

static void many_messages_go_in_one_call(void) {
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

static void each_datagram_is_an_edge(void) {
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

static void waits_have_their_time(void) {
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

static void errors_of_datagrams_come_back(void) {
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

static void copies_of_datagram_sockets_are_them(void) {
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

static void shutting_down_ends_a_wait(void) {
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

// Whatever the program says

static void bad_pointers_are_errors(void) {
  char* no_access = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(no_access != MAP_FAILED && mprotect(no_access + 4096, 4096, PROT_NONE) == 0);
  void* bad = no_access + 4096;
  int stream = socket(AF_INET, SOCK_STREAM, 0), datagrams = datagram_socket(SOCK_NONBLOCK), value = 0;
  socklen_t length = 16;
  CHECK_FAILS(bind(stream, bad, 16), EFAULT);
  CHECK_FAILS(connect(stream, bad, 16), EFAULT);
  CHECK_FAILS(connect(stream, NULL, 16), EFAULT);
  CHECK_FAILS(bind(stream, bad, (socklen_t)-1), EINVAL);
  CHECK_FAILS(bind(stream, bad, 1 << 20), EINVAL);
  CHECK_FAILS(bind(stream, (void*)no_access, 2), EINVAL);
  CHECK_FAILS(getsockname(stream, bad, &length), EFAULT);
  CHECK_FAILS(getsockname(stream, (void*)no_access, bad), EFAULT);
  length = (socklen_t)-1;
  CHECK_FAILS(getsockname(stream, (void*)no_access, &length), EINVAL);
  CHECK_FAILS(setsockopt(stream, IPPROTO_TCP, TCP_NODELAY, bad, 4), EFAULT);
  CHECK_FAILS(setsockopt(stream, IPPROTO_TCP, TCP_NODELAY, &value, (socklen_t)-1), EINVAL);
  CHECK_FAILS(getsockopt(stream, IPPROTO_TCP, TCP_NODELAY, &value, bad), EFAULT);
  CHECK_FAILS(getsockopt(stream, IPPROTO_TCP, TCP_NODELAY, &value, (socklen_t*)(void*)(no_access + 4094)),
              EFAULT);
  struct sockaddr_in self = loopback(port_of(datagrams));
  CHECK_FAILS(sendto(datagrams, bad, 10, 0, (struct sockaddr*)&self, sizeof self), EFAULT);
  CHECK_FAILS(sendto(datagrams, no_access + 4000, 200, 0, (struct sockaddr*)&self, sizeof self), EFAULT);
  CHECK_FAILS(sendto(datagrams, "x", 1, 0, bad, sizeof self), EFAULT);
  CHECK_FAILS(sendmsg(datagrams, bad, 0), EFAULT);
  CHECK_FAILS(recvmsg(datagrams, bad, 0), EFAULT);
  CHECK_FAILS(readv(datagrams, bad, 2), EFAULT);
  volatile int too_few = -1;
  CHECK_FAILS(readv(datagrams, bad, too_few), EINVAL);
  CHECK_FAILS(sendmmsg(datagrams, bad, 3, 0), EFAULT);
  CHECK_FAILS(recvmmsg(datagrams, bad, 3, 0, NULL), EFAULT);
  CHECK_FAILS(ioctl(datagrams, FIONREAD, bad), EFAULT);
  CHECK(sendto(datagrams, "xyz", 3, 0, (struct sockaddr*)&self, sizeof self) == 3);
  CHECK(shown(datagrams, POLLIN, -1) == POLLIN);
  CHECK_FAILS(recv(datagrams, no_access + 4094, 3, 0), EFAULT);
  int listener = listener_at_any_port(), client = connected_to(port_of(listener));
  length = 16;
  CHECK_FAILS(accept(listener, bad, &length), EFAULT);
  close(client);
}

static volatile sig_atomic_t signals;

static void on_signal(int number) {
  signals++;
}

static void handle(int flags) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
  CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
  signals = 0;
}

// A child that signals this process until it is told to end, and then connects and sends.
static pid_t disturber(int go, int stream_port, int datagram_port) {
  pid_t parent = getpid(), child = fork();
  CHECK(child >= 0);
  if (child > 0) return child;
  struct pollfd pollfd = {.fd = go, .events = POLLIN};
  while (poll(&pollfd, 1, 3) == 0)
    CHECK(kill(parent, SIGUSR1) == 0);
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  CHECK(do_connect(fd, datagram_port) == 0 && send(fd, "x", 1, 0) == 1);
  connected_to(stream_port);
  _exit(0);
}

static void signals_interrupt_waits(void) {
  char byte;
  int go[2], listener = listener_at_any_port(), datagrams = datagram_socket(0);
  handle(0);
  CHECK(pipe(go) == 0);
  pid_t child = disturber(go[0], port_of(listener), port_of(datagrams));
  CHECK_FAILS(accept(listener, NULL, NULL), EINTR);
  CHECK(signals > 0);
  for (int i = 0; i < 3; i++)
    CHECK_FAILS(recv(datagrams, &byte, 1, 0), EINTR);
  handle(SA_RESTART);
  struct timeval timeout = {.tv_sec = 1000};
  CHECK(setsockopt(datagrams, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0);
  CHECK_FAILS(recv(datagrams, &byte, 1, 0), EINTR);  // a wait with an end does not begin anew
  timeout.tv_sec = 0;
  CHECK(setsockopt(datagrams, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0);
  CHECK(write(go[1], "", 1) == 1);
  wait_for_child(child);
  CHECK(recv(datagrams, &byte, 1, 0) == 1 && accept(listener, NULL, NULL) >= 0);
}

static volatile sig_atomic_t enough;

static void count_to_ten(int number) {
  char byte = 0;
  if (++signals == 10) CHECK(write((int)enough, &byte, 1) == 1);
}

// The calls begin anew after each signal, until the other end comes after the tenth.
static void calls_begin_anew_after_signals(void) {
  char byte;
  int go[2], listener = listener_at_any_port(), datagrams = datagram_socket(0);
  struct sigaction action = {.sa_handler = count_to_ten, .sa_flags = SA_RESTART};
  CHECK(pipe(go) == 0);
  enough = go[1];
  CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
  pid_t child = disturber(go[0], port_of(listener), port_of(datagrams));
  CHECK(accept(listener, NULL, NULL) >= 0);
  CHECK(signals >= 10);
  CHECK(recv(datagrams, &byte, 1, 0) == 1);
  wait_for_child(child);
}

// A call that a signal comes into is done once.
static void signals_make_nothing_happen_twice(void) {
  enum { ROUNDS = 2000 };
  struct itimerval often = {.it_interval.tv_usec = 300, .it_value.tv_usec = 300}, never = {0};
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  CHECK(sigaction(SIGALRM, &action, NULL) == 0);
  int one = datagram_socket(0), other = datagram_socket(0);
  CHECK(do_connect(one, port_of(other)) == 0);
  CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
  for (int i = 0; i < ROUNDS; i++) {
    int got = -1;
    CHECK(send(one, &i, sizeof i, 0) == sizeof i);
    CHECK(recv(other, &got, sizeof got, MSG_DONTWAIT) == sizeof got && got == i);
    if (i % 50) continue;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0 && do_bind(fd, 0) == 0 && listen(fd, 1) == 0 && close(fd) == 0);
  }
  CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
  CHECK(signals > 0);
}

static void* accept_one(void* context) {
  int fd = accept(*(int*)context, NULL, NULL);
  CHECK(fd >= 0);
  return (void*)(intptr_t)fd;
}

static void* receive_one(void* context) {
  char byte;
  CHECK(recv(*(int*)context, &byte, 1, 0) == 1);
  return NULL;
}

static void waiting_threads_hold_up_nobody(void) {
  enum { THREADS = 8 };
  pthread_t accepting[THREADS], receiving[THREADS];
  int listener = listener_at_any_port(), datagrams = datagram_socket(0);
  for (int i = 0; i < THREADS; i++) {
    CHECK(pthread_create(&accepting[i], NULL, accept_one, &listener) == 0);
    CHECK(pthread_create(&receiving[i], NULL, receive_one, &datagrams) == 0);
  }
  streams_carry_bytes_both_ways();
  datagrams_have_ends_and_senders();
  int other = datagram_socket(0);
  CHECK(do_connect(other, port_of(datagrams)) == 0);
  for (int i = 0; i < THREADS; i++) {
    connected_to(port_of(listener));
    CHECK(send(other, "x", 1, 0) == 1);
  }
  for (int i = 0; i < THREADS; i++)
    CHECK(pthread_join(accepting[i], NULL) == 0 && pthread_join(receiving[i], NULL) == 0);
}

// Ends

static void a_killed_listener_leaves_its_port(void) {
  CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  for (int round = 0; round < 10; round++) {
    int ready[2];
    char byte;
    CHECK(pipe(ready) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      CHECK(setpgid(0, 0) == 0);
      int datagrams = socket(AF_INET, SOCK_DGRAM, 0), listener = socket(AF_INET, SOCK_STREAM, 0);
      CHECK(do_bind(datagrams, PORT) == 0 && do_bind(listener, PORT) == 0 && listen(listener, 1) == 0);
      pid_t grandchild = fork();
      CHECK(grandchild >= 0);
      CHECK(write(ready[1], "", 1) == 1);
      if (grandchild == 0) {
        accept(listener, NULL, NULL);
      } else {
        recv(datagrams, &byte, 1, 0);
      }
      _exit(1);
    }
    CHECK(read(ready[0], &byte, 1) == 1 && read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    close(ready[1]);
    CHECK(kill(-child, SIGKILL) == 0);  // both, wherever they are in their calls
    for (int ended = 0; ended < 2; ended++)
      CHECK(waitpid(-1, NULL, 0) > 0);
    int datagrams = socket(AF_INET, SOCK_DGRAM, 0), listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(do_bind(listener, PORT) == 0);
    CHECK(do_bind(datagrams, PORT) == 0);
    close(datagrams);
    close(listener);
  }
}

static void a_closed_port_is_free_at_once(void) {
  for (int i = 0; i < 200; i++) {
    int datagrams = socket(AF_INET, SOCK_DGRAM, 0), listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(do_bind(datagrams, PORT) == 0);
    CHECK(do_bind(listener, PORT) == 0 && listen(listener, 1) == 0);
    close(datagrams);
    close(listener);
  }
}

static void limits_are_the_programs(void) {
  struct rlimit limit = {.rlim_cur = 20, .rlim_max = 20};
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  int listener = listener_at_any_port(), client = connected_to(port_of(listener)), fd = 0;
  while (fd >= 0)
    fd = dup(listener);
  CHECK_FAILS(socket(AF_INET, SOCK_STREAM, 0), EMFILE);
  CHECK_FAILS(socket(AF_INET, SOCK_DGRAM, 0), EMFILE);
  CHECK_FAILS(accept(listener, NULL, NULL), EMFILE);
  CHECK(close(client) == 0);
  CHECK(shown(listener, POLLIN, -1) == POLLIN);  // it was not lost
  CHECK(accept(listener, NULL, NULL) == client);
}

// What the driver looks at from outside: how many descriptors others hold, before and after.

static void pause_for_the_driver(const char* word) {
  char line[16];
  printf("%s\n", word);
  fflush(stdout);
  CHECK(fgets(line, sizeof line, stdin));
}

static void thousands_of_sockets_leave_nothing(void) {
  CHECK(close(socket(AF_INET, SOCK_DGRAM, 0)) == 0);  // the first one starts the network stack
  pause_for_the_driver("before");
  for (int i = 0; i < 10000; i++) {
    int fd = socket(i & 1 ? AF_INET6 : AF_INET, i & 2 ? SOCK_STREAM : SOCK_DGRAM, 0);
    CHECK(fd >= 0);
    if (i % 3 == 0) CHECK(shown(fd, POLLOUT, 0) & POLLOUT);
    CHECK(close(fd) == 0);
  }
  pause_for_the_driver("after");
}

static void hundreds_of_connections_at_once(void) {
  enum { CROWD = 400 };  // with both ends
  static int near[CROWD], far[CROWD];
  struct rlimit limit;
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  if (limit.rlim_cur < 4096) {
    limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  }
  int listener = listener_with(0, 128);
  pause_for_the_driver("before");
  for (int i = 0; i < CROWD; i++) {
    near[i] = connected_to(port_of(listener));
    far[i] = accept(listener, NULL, NULL);
    CHECK(far[i] >= 0);
  }
  pause_for_the_driver("during");
  for (int i = 0; i < CROWD; i++) {
    int got = -1;
    write_all(near[i], (const char*)&i, sizeof i);
    read_all(far[i], (char*)&got, sizeof got);
    CHECK(got == i);
  }
  for (int i = 0; i < CROWD; i++)
    CHECK(close(near[i]) == 0 && close(far[i]) == 0);
  pause_for_the_driver("after");
}

static void wait_to_be_killed(void) {
  listener_at_any_port();
  for (int i = 0; i < 3; i++) {
    if (fork() == 0) accept(listener_at_any_port(), NULL, NULL);
  }
  int fd = datagram_socket(0);
  char byte;
  printf("waiting\n");
  fflush(stdout);
  recv(fd, &byte, 1, 0);
}

#define CASE(name) \
  { #name, name }
static const struct {
  const char* name;
  void (*run)(void);
} cases[] = {
    CASE(streams_carry_bytes_both_ways),
    CASE(each_direction_ends_by_itself),
    CASE(others_memory_is_not_to_be_seen),
    CASE(streams_have_the_lowest_numbers),
    CASE(options_are_the_network_stacks),
    CASE(a_connection_to_nobody_is_refused),
    CASE(edges_tell_of_connecting_and_accepting),
    CASE(a_new_connection_takes_much_at_once),
    CASE(children_serve_connections),
    CASE(descriptors_travel_between_processes),
    CASE(kernel_sockets_stay_the_kernels),
    CASE(datagrams_have_ends_and_senders),
    CASE(large_datagrams_arrive_whole),
    CASE(messages_have_names_and_control_data),
    CASE(many_messages_go_in_one_call),
    CASE(each_datagram_is_an_edge),
    CASE(waits_have_their_time),
    CASE(errors_of_datagrams_come_back),
    CASE(copies_of_datagram_sockets_are_them),
    CASE(shutting_down_ends_a_wait),
    CASE(bad_pointers_are_errors),
    CASE(signals_interrupt_waits),
    CASE(calls_begin_anew_after_signals),
    CASE(signals_make_nothing_happen_twice),
    CASE(waiting_threads_hold_up_nobody),
    CASE(a_killed_listener_leaves_its_port),
    CASE(a_closed_port_is_free_at_once),
    CASE(limits_are_the_programs),
    CASE(thousands_of_sockets_leave_nothing),
    CASE(hundreds_of_connections_at_once),
    CASE(wait_to_be_killed),
};

int main(int argc, char** argv) {
  if (argc > 2 && strcmp(argv[1], "execute") == 0) execute(argv + 2);
  if (argc == 4 && strcmp(argv[1], "executed") == 0) {
    executed(argv + 2);
    return 0;
  }
  for (size_t i = 0; argc == 2 && i < LENGTH(cases); i++) {
    if (strcmp(argv[1], cases[i].name) != 0) continue;
    cases[i].run();
    return 0;
  }
  fprintf(stderr, "no such case\n");
  return 2;
}
