// Streams of a program whose system calls are its own.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "static_sockets.h"

void streams_carry_bytes_both_ways(void) {
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

void each_direction_ends_by_itself(void) {
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

void others_memory_is_not_to_be_seen(void) {
  char byte;
  struct iovec iov = {&byte, 1};
  int pidfd = (int)syscall(SYS_pidfd_open, getppid(), 0);
  CHECK_FAILS(process_vm_readv(getpid(), &iov, 1, &iov, 1, 0), EPERM);
  CHECK_FAILS(process_vm_writev(getpid(), &iov, 1, &iov, 1, 0), EPERM);
  CHECK_FAILS(syscall(SYS_pidfd_getfd, pidfd, 0, 0), EPERM);
}

void streams_have_the_lowest_numbers(void) {
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

void options_are_the_network_stacks(void) {
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

void a_connection_to_nobody_is_refused(void) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  CHECK_FAILS(do_connect(fd, NOBODY), ECONNREFUSED);
  int listener = listener_at_any_port();
  CHECK(do_connect(fd, port_of(listener)) == 0);  // it may try again
  CHECK_FAILS(do_connect(fd, port_of(listener)), EISCONN);
  CHECK(pending_error(fd) == 0);
}

// A listener whose queue is full answers nobody, until there is room again.
void a_connect_whose_time_is_over_goes_on(void) {
  enum { ROUNDS = 3, MOST = 8 };
  struct timeval timeout = {.tv_usec = 50000};
  for (int round = 0; round < ROUNDS; round++) {
    int listener = listener_with(0, 1), fds[MOST], count = 0, result;
    do {
      CHECK(count < MOST);
      fds[count] = socket(AF_INET, SOCK_STREAM, 0);
      CHECK(setsockopt(fds[count], SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) == 0);
      result = do_connect(fds[count++], port_of(listener));
    } while (result == 0);
    CHECK(errno == EINPROGRESS);
    for (int i = 0; i < count; i++)
      CHECK(accept(listener, NULL, NULL) >= 0);
    CHECK(shown(fds[count - 1], POLLOUT, -1) == POLLOUT);
    CHECK(pending_error(fds[count - 1]) == 0 && peer_port_of(fds[count - 1]) == port_of(listener));
    close(listener);
  }
}

void edges_tell_of_connecting_and_accepting(void) {
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
void a_new_connection_takes_much_at_once(void) {
  static char bytes[100000];
  int listener = listener_at_any_port();
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  CHECK(do_connect(fd, port_of(listener)) == 0 || errno == EINPROGRESS);
  CHECK(shown(fd, POLLOUT, -1) == POLLOUT);
  CHECK(write(fd, bytes, sizeof bytes) == sizeof bytes);
}

void children_serve_connections(void) {
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

void descriptors_travel_between_processes(void) {
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
void execute(char** argv) {
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
  die(__FILE__, "exec", __LINE__);
}

// The other side of that.
void executed(char** argv) {
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

void kernel_sockets_stay_the_kernels(void) {
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
