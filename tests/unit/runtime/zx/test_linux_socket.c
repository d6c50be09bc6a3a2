// Sockets made of one end of a kernel stream pair.
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "asleep.h"
#include "jx_test.h"

static zx_signals_t state(zx_handle_t handle) {
  zx_signals_t observed = 0;
  ck_assert_int_eq(zx_object_wait_one(handle, 0, 0, &observed), ZX_ERR_TIMED_OUT);
  return observed;
}

// A socket, and the other end as a program holds it.
static zx_handle_t make(int* out_fd) {
  int fds[2];
  zx_handle_t handle;
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  ck_assert_int_eq(zx_linux_socket_wrap(fds[0], &handle), ZX_OK);
  *out_fd = fds[1];
  return handle;
}

START_TEST(only_ends_of_stream_pairs_are_sockets) {
  zx_handle_t handle;
  int fds[2];
  ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
  ck_assert_int_eq(zx_linux_socket_wrap(fds[0], &handle), ZX_ERR_WRONG_TYPE);
  ck_assert_int_eq(fcntl(fds[0], F_GETFD), -1);  // consumed
  close(fds[1]);
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
  ck_assert_int_eq(zx_linux_socket_wrap(fds[0], &handle), ZX_ERR_WRONG_TYPE);
  close(fds[1]);
  ck_assert_int_eq(zx_linux_socket_wrap(-1, &handle), ZX_ERR_INVALID_ARGS);
}
END_TEST

START_TEST(bytes_go_between_the_socket_and_a_program) {
  int fd;
  size_t actual = 0;
  char bytes[16] = {0};
  zx_handle_t handle = make(&fd);
  ck_assert_uint_eq(state(handle), ZX_SOCKET_WRITABLE);
  ck_assert_int_eq(zx_socket_read(handle, 0, bytes, sizeof(bytes), &actual), ZX_ERR_SHOULD_WAIT);
  ck_assert_int_eq(write(fd, "hello", 5), 5);
  ck_assert_uint_eq(state(handle), ZX_SOCKET_READABLE | ZX_SOCKET_WRITABLE);
  ck_assert_int_eq(zx_socket_read(handle, ZX_SOCKET_PEEK, bytes, 3, &actual), ZX_OK);
  ck_assert_uint_eq(actual, 3);
  ck_assert_int_eq(zx_socket_read(handle, 0, bytes, sizeof(bytes), &actual), ZX_OK);
  ck_assert_uint_eq(actual, 5);
  ck_assert_mem_eq(bytes, "hello", 5);
  ck_assert_int_eq(zx_socket_write(handle, 0, "world", 5, &actual), ZX_OK);
  ck_assert_int_eq(read(fd, bytes, sizeof(bytes)), 5);
  ck_assert_mem_eq(bytes, "world", 5);
  ck_assert_int_eq(zx_socket_write(handle, 1, "x", 1, &actual), ZX_ERR_INVALID_ARGS);
  zx_handle_close(handle);
  ck_assert_int_eq(read(fd, bytes, sizeof(bytes)), 0);
  close(fd);
}
END_TEST

START_TEST(a_full_socket_is_not_writable) {
  int fd;
  size_t actual = 0;
  static char bytes[65536];
  zx_handle_t handle = make(&fd);
  zx_status_t status;
  while ((status = zx_socket_write(handle, 0, bytes, sizeof(bytes), &actual)) == ZX_OK)
    continue;
  ck_assert_int_eq(status, ZX_ERR_SHOULD_WAIT);
  ck_assert_uint_eq(state(handle) & ZX_SOCKET_WRITABLE, 0);
  close(fd);
  zx_handle_close(handle);
}
END_TEST

START_TEST(halves_close_one_by_one) {
  int fd;
  size_t actual = 0;
  char byte;
  zx_handle_t handle = make(&fd);
  ck_assert_int_eq(write(fd, "z", 1), 1);
  ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
  ck_assert_uint_eq(state(handle), ZX_SOCKET_READABLE | ZX_SOCKET_WRITABLE | ZX_SOCKET_PEER_WRITE_DISABLED);
  ck_assert_int_eq(zx_socket_read(handle, 0, &byte, 1, &actual), ZX_OK);
  ck_assert_uint_eq(state(handle), ZX_SOCKET_WRITABLE | ZX_SOCKET_PEER_WRITE_DISABLED);
  ck_assert_int_eq(zx_socket_read(handle, 0, &byte, 1, &actual), ZX_ERR_BAD_STATE);
  ck_assert_int_eq(zx_socket_set_disposition(handle, ZX_SOCKET_DISPOSITION_WRITE_DISABLED, 0), ZX_OK);
  ck_assert_int_eq(read(fd, &byte, 1), 0);
  ck_assert_int_eq(zx_socket_set_disposition(handle, ZX_SOCKET_DISPOSITION_WRITE_ENABLED, 0),
                   ZX_ERR_NOT_SUPPORTED);
  close(fd);
  zx_handle_close(handle);
}
END_TEST

START_TEST(a_program_that_closes_is_a_peer_closed) {
  int fd;
  size_t actual = 0;
  char byte;
  zx_handle_t handle = make(&fd);
  ck_assert_int_eq(write(fd, "z", 1), 1);
  close(fd);
  ck_assert_uint_ne(state(handle) & ZX_SOCKET_PEER_CLOSED, 0);
  ck_assert_uint_ne(state(handle) & ZX_SOCKET_READABLE, 0);
  ck_assert_int_eq(zx_socket_read(handle, 0, &byte, 1, &actual), ZX_OK);
  ck_assert_int_eq(zx_socket_read(handle, 0, &byte, 1, &actual), ZX_ERR_PEER_CLOSED);
  ck_assert_int_eq(zx_socket_write(handle, 0, "x", 1, &actual), ZX_ERR_PEER_CLOSED);
  zx_handle_close(handle);
}
END_TEST

START_TEST(a_message_carries_it_while_a_duplicate_remains) {
  int fd;
  int unwrapped;
  zx_handle_t ends[2], copy, received;
  uint32_t bytes = 0, handles = 0;
  size_t actual = 0;
  zx_handle_t handle = make(&fd);
  ck_assert_int_eq(zx_handle_duplicate(handle, ZX_RIGHT_SAME_RIGHTS, &copy), ZX_OK);
  ck_assert_int_eq(zx_channel_create(0, &ends[0], &ends[1]), ZX_OK);
  ck_assert_int_eq(zx_channel_write(ends[0], 0, "m", 1, &copy, 1), ZX_OK);
  char message;
  ck_assert_int_eq(zx_channel_read(ends[1], 0, &message, &received, 1, 1, &bytes, &handles), ZX_OK);
  ck_assert_int_eq(zx_socket_write(received, 0, "a", 1, &actual), ZX_OK);
  ck_assert_int_eq(zx_socket_write(handle, 0, "b", 1, &actual), ZX_OK);
  ck_assert_int_eq(zx_linux_socket_unwrap(received, &unwrapped), ZX_OK);
  char read_back[4];
  ck_assert_int_eq(read(fd, read_back, sizeof(read_back)), 2);
  ck_assert_mem_eq(read_back, "ab", 2);
  close(unwrapped);
  close(fd);
  zx_handle_close(handle);
  zx_handle_close(ends[0]);
  zx_handle_close(ends[1]);
}
END_TEST

START_TEST(other_sockets_are_not_unwrapped) {
  zx_handle_t a, b;
  int fd;
  ck_assert_int_eq(zx_socket_create(ZX_SOCKET_STREAM, &a, &b), ZX_OK);
  ck_assert_int_eq(zx_linux_socket_unwrap(a, &fd), ZX_ERR_WRONG_TYPE);
  ck_assert_int_eq(zx_object_get_info(a, ZX_INFO_HANDLE_VALID, NULL, 0, NULL, NULL),
                   ZX_ERR_BAD_HANDLE);  // consumed
  zx_handle_close(b);
}
END_TEST

struct waiter {
  zx_handle_t socket;
  zx_status_t status;
  atomic_int thread;
};

static void* wait_until_writable(void* context) {
  struct waiter* self = context;
  atomic_store(&self->thread, gettid());
  self->status = zx_object_wait_one(self->socket, ZX_SOCKET_WRITABLE, ZX_TIME_INFINITE, NULL);
  return NULL;
}

// The kernel reports for ever that the other end will write no more, and that it can be read to know so.
START_TEST(a_wait_at_a_half_closed_socket_sleeps) {
  static char block[65536];
  zx_port_packet_t packet;
  zx_handle_t port;
  size_t actual;
  int fd, port_fd;
  struct waiter waiter = {.socket = make(&fd)};
  pthread_t thread;
  while (zx_socket_write(waiter.socket, 0, block, sizeof(block), &actual) == ZX_OK) {
  }
  ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
  ck_assert_int_eq(zx_port_create(0, &port), ZX_OK);
  ck_assert_int_eq(zx_linux_port_fd(port, &port_fd), ZX_OK);
  ck_assert_int_eq(zx_object_wait_async(waiter.socket, port, 1, ZX_SOCKET_READABLE, 0), ZX_OK);
  ck_assert_int_eq(zx_object_wait_async(waiter.socket, port, 2, ZX_SOCKET_WRITABLE, 0), ZX_OK);
  for (int i = 0; i < 3; i++)
    ck_assert_int_eq(zx_port_wait(port, 0, &packet), ZX_ERR_TIMED_OUT);
  struct pollfd pollfd = {.fd = port_fd, .events = POLLIN};
  ck_assert_int_eq(poll(&pollfd, 1, 0), 0);
  ck_assert_int_eq(pthread_create(&thread, NULL, wait_until_writable, &waiter), 0);
  let_thread_sleep(&waiter.thread);
  while (recv(fd, block, sizeof(block), MSG_DONTWAIT) > 0) {
  }
  pthread_join(thread, NULL);
  ck_assert_int_eq(waiter.status, ZX_OK);
  ck_assert_int_eq(zx_port_wait(port, zx_deadline_after(ZX_SEC(60)), &packet), ZX_OK);
  ck_assert_uint_eq(packet.key, 2);
  // A wait that begins now learns of the end all the same.
  ck_assert_int_eq(zx_object_wait_async(waiter.socket, port, 3, ZX_SOCKET_PEER_WRITE_DISABLED, 0), ZX_OK);
  ck_assert_int_eq(zx_port_wait(port, zx_deadline_after(ZX_SEC(60)), &packet), ZX_OK);
  ck_assert_uint_eq(packet.key, 3);
  close(fd);
  zx_handle_close(waiter.socket);
  zx_handle_close(port);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("zx linux socket");
  TCase* tc = jx_test_case(suite, "linux socket");
  tcase_add_test(tc, only_ends_of_stream_pairs_are_sockets);
  tcase_add_test(tc, bytes_go_between_the_socket_and_a_program);
  tcase_add_test(tc, a_full_socket_is_not_writable);
  tcase_add_test(tc, halves_close_one_by_one);
  tcase_add_test(tc, a_program_that_closes_is_a_peer_closed);
  tcase_add_test(tc, a_message_carries_it_while_a_duplicate_remains);
  tcase_add_test(tc, other_sockets_are_not_unwrapped);
  tcase_add_test(tc, a_wait_at_a_half_closed_socket_sleeps);
  return jx_test_run(suite);
}
