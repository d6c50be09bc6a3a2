// Ports and asynchronous waits.
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "jx_test.h"

static zx_handle_t port;

static void make_port(void) {
  ck_assert_int_eq(zx_port_create(0, &port), ZX_OK);
}

static void close_port(void) {
  zx_handle_close(port);
}

static zx_status_t poll_port(zx_port_packet_t* packet) {
  return zx_port_wait(port, 0, packet);
}

START_TEST(user_packets_come_in_order_with_their_type_forced) {
  zx_port_packet_t in = {.key = 5, .type = 77, .status = -3}, out;
  memcpy(in.user.c8, "abcdefghijklmnopqrstuvwxyz012345", 32);
  for (in.key = 0; in.key < 10; in.key++)
    ck_assert_int_eq(zx_port_queue(port, &in), ZX_OK);
  for (uint64_t i = 0; i < 10; i++) {
    ck_assert_int_eq(zx_port_wait(port, ZX_TIME_INFINITE, &out), ZX_OK);
    ck_assert(out.key == i && out.type == ZX_PKT_TYPE_USER && out.status == -3);
    ck_assert_int_eq(memcmp(out.user.c8, in.user.c8, 32), 0);
  }
  ck_assert_int_eq(poll_port(&out), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(zx_port_wait(port, zx_deadline_after(ZX_MSEC(2)), &out), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(zx_port_queue(port, NULL), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_object_wait_one(port, 1, 0, NULL), ZX_ERR_ACCESS_DENIED);
}
END_TEST

START_TEST(the_queue_of_user_packets_is_bounded) {
  zx_port_packet_t packet = {0};
  for (int i = 0; i < 4096; i++)
    ck_assert_int_eq(zx_port_queue(port, &packet), ZX_OK);
  ck_assert_int_eq(zx_port_queue(port, &packet), ZX_ERR_SHOULD_WAIT);
}
END_TEST

START_TEST(a_wait_is_met_once_with_what_was_on_then) {
  zx_handle_t event;
  zx_port_packet_t packet;
  ck_assert_int_eq(zx_event_create(0, &event), ZX_OK);
  ck_assert_int_eq(zx_object_wait_async(event, port, 9, ZX_EVENT_SIGNALED, 0), ZX_OK);
  ck_assert_int_eq(poll_port(&packet), ZX_ERR_TIMED_OUT);
  zx_object_signal(event, 0, ZX_EVENT_SIGNALED);
  zx_object_signal(event, ZX_EVENT_SIGNALED, 0);
  ck_assert_int_eq(poll_port(&packet), ZX_OK);
  ck_assert(packet.key == 9 && packet.type == ZX_PKT_TYPE_SIGNAL_ONE && packet.status == ZX_OK);
  ck_assert(packet.signal.trigger == ZX_EVENT_SIGNALED && packet.signal.observed == ZX_EVENT_SIGNALED);
  ck_assert(packet.signal.count == 1 && packet.signal.timestamp == 0);
  zx_object_signal(event, 0, ZX_EVENT_SIGNALED);
  ck_assert_int_eq(poll_port(&packet), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(zx_object_wait_async(event, port, 1, ZX_EVENT_SIGNALED, 8), ZX_ERR_INVALID_ARGS);
  for (int i = 0; i < 3; i++)
    ck_assert_int_eq(zx_object_wait_async(event, port, 1, ZX_EVENT_SIGNALED, 1), ZX_OK);
  for (int i = 0; i < 3; i++)
    ck_assert_int_eq(poll_port(&packet), ZX_OK);
  ck_assert_int_gt(packet.signal.timestamp, 0);
  zx_handle_close(event);
}
END_TEST

START_TEST(an_edge_wait_wants_a_change) {
  zx_handle_t event;
  zx_port_packet_t packet;
  ck_assert_int_eq(zx_event_create(0, &event), ZX_OK);
  zx_object_signal(event, 0, ZX_EVENT_SIGNALED);
  ck_assert_int_eq(zx_object_wait_async(event, port, 1, ZX_EVENT_SIGNALED, ZX_WAIT_ASYNC_EDGE), ZX_OK);
  ck_assert_int_eq(poll_port(&packet), ZX_ERR_TIMED_OUT);
  zx_object_signal(event, 0, ZX_EVENT_SIGNALED);
  ck_assert_int_eq(poll_port(&packet), ZX_ERR_TIMED_OUT);
  zx_handle_close(event);
}
END_TEST

START_TEST(cancel_ends_waits_and_removes_packets) {
  zx_handle_t event;
  zx_port_packet_t packet;
  ck_assert_int_eq(zx_event_create(0, &event), ZX_OK);
  ck_assert_int_eq(zx_port_cancel(port, event, 1), ZX_ERR_NOT_FOUND);
  for (int i = 0; i < 2; i++)
    ck_assert_int_eq(zx_object_wait_async(event, port, 1, ZX_EVENT_SIGNALED, 0), ZX_OK);
  ck_assert_int_eq(zx_object_wait_async(event, port, 2, ZX_EVENT_SIGNALED, 0), ZX_OK);
  zx_object_signal(event, 0, ZX_EVENT_SIGNALED);
  ck_assert_int_eq(zx_port_cancel(port, event, 1), ZX_OK);
  ck_assert_int_eq(poll_port(&packet), ZX_OK);
  ck_assert_uint_eq(packet.key, 2);
  ck_assert_int_eq(poll_port(&packet), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(zx_port_cancel(port, event, 2), ZX_ERR_NOT_FOUND);
  zx_handle_close(event);
}
END_TEST

START_TEST(closing_the_source_ends_waits_but_leaves_packets) {
  zx_handle_t e[2];
  zx_port_packet_t packet;
  ck_assert_int_eq(zx_eventpair_create(0, &e[0], &e[1]), ZX_OK);
  zx_object_signal_peer(e[1], 0, ZX_USER_SIGNAL_1);
  ck_assert_int_eq(zx_object_wait_async(e[0], port, 1, ZX_USER_SIGNAL_1, 0), ZX_OK);
  ck_assert_int_eq(zx_object_wait_async(e[0], port, 2, ZX_EVENTPAIR_PEER_CLOSED, 0), ZX_OK);
  zx_handle_close(e[0]);
  zx_handle_close(e[1]);
  ck_assert_int_eq(poll_port(&packet), ZX_OK);
  ck_assert_uint_eq(packet.key, 1);
  ck_assert_int_eq(poll_port(&packet), ZX_ERR_TIMED_OUT);
}
END_TEST

START_TEST(every_kind_of_object_wakes_a_port) {
  zx_handle_t channel[2], pair[2], fifo[2], socket[2], timer;
  zx_port_packet_t packet;
  unsigned seen = 0;
  ck_assert_int_eq(zx_channel_create(0, &channel[0], &channel[1]), ZX_OK);
  ck_assert_int_eq(zx_eventpair_create(0, &pair[0], &pair[1]), ZX_OK);
  ck_assert_int_eq(zx_fifo_create(4, 4, 0, &fifo[0], &fifo[1]), ZX_OK);
  ck_assert_int_eq(zx_socket_create(0, &socket[0], &socket[1]), ZX_OK);
  ck_assert_int_eq(zx_timer_create(0, 0, &timer), ZX_OK);
  zx_handle_t objects[] = {channel[0], pair[0], fifo[0], socket[0], timer};
  for (int round = 0; round < 3; round++) {
    for (uint64_t i = 0; i < 5; i++) {
      ck_assert_int_eq(zx_object_wait_async(objects[i], port, i, ZX_OBJECT_READABLE | ZX_OBJECT_SIGNALED, 0),
                       ZX_OK);
    }
    ck_assert_int_eq(poll_port(&packet), ZX_ERR_TIMED_OUT);  // now all of them are armed
    uint32_t value = 1;
    ck_assert_int_eq(zx_channel_write(channel[1], 0, &value, 4, NULL, 0), ZX_OK);
    ck_assert_int_eq(zx_object_signal_peer(pair[1], 0, ZX_EVENTPAIR_SIGNALED), ZX_OK);
    ck_assert_int_eq(zx_fifo_write(fifo[1], 4, &value, 1, NULL), ZX_OK);
    ck_assert_int_eq(zx_socket_write(socket[1], 0, &value, 4, NULL), ZX_OK);
    ck_assert_int_eq(zx_timer_set(timer, zx_deadline_after(ZX_MSEC(1)), 0), ZX_OK);
    for (seen = 0; seen != 31;) {
      ck_assert_int_eq(zx_port_wait(port, zx_deadline_after(ZX_SEC(60)), &packet), ZX_OK);
      seen |= 1u << packet.key;
    }
    ck_assert_int_eq(zx_channel_read(channel[0], 0, &value, NULL, 4, 0, NULL, NULL), ZX_OK);
    ck_assert_int_eq(zx_object_signal(pair[0], ZX_EVENTPAIR_SIGNALED, 0), ZX_OK);
    ck_assert_int_eq(zx_fifo_read(fifo[0], 4, &value, 1, NULL), ZX_OK);
    ck_assert_int_eq(zx_socket_read(socket[0], 0, &value, 4, NULL), ZX_OK);
    ck_assert_int_eq(zx_timer_cancel(timer), ZX_OK);
  }
  for (uint64_t i = 0; i < 4; i++) {
    ck_assert_int_eq(zx_object_wait_async(objects[i], port, i, ZX_OBJECT_PEER_CLOSED, 0), ZX_OK);
  }
  ck_assert_int_eq(poll_port(&packet), ZX_ERR_TIMED_OUT);
  zx_handle_t others[] = {channel[1], pair[1], fifo[1], socket[1]};
  ck_assert_int_eq(zx_handle_close_many(others, 4), ZX_OK);
  for (seen = 0; seen != 15;) {
    ck_assert_int_eq(zx_port_wait(port, zx_deadline_after(ZX_SEC(60)), &packet), ZX_OK);
    ck_assert(packet.signal.observed & ZX_OBJECT_PEER_CLOSED);
    seen |= 1u << packet.key;
  }
  ck_assert_int_eq(zx_handle_close_many(objects, 5), ZX_OK);
}
END_TEST

START_TEST(a_wait_for_nothing_that_happens_does_not_keep_the_port_awake) {
  zx_handle_t channel[2];
  zx_port_packet_t packet;
  int fd;
  ck_assert_int_eq(zx_linux_port_fd(port, &fd), ZX_OK);
  ck_assert_int_eq(zx_channel_create(0, &channel[0], &channel[1]), ZX_OK);
  ck_assert_int_eq(zx_object_wait_async(channel[0], port, 1, ZX_CHANNEL_READABLE, 0), ZX_OK);
  ck_assert_int_eq(poll_port(&packet), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(zx_channel_write(channel[1], 0, "x", 1, NULL, 0), ZX_OK);
  ck_assert_int_eq(poll_port(&packet), ZX_OK);
  // The message stays; only the peer's closing is waited for now.
  ck_assert_int_eq(zx_object_wait_async(channel[0], port, 2, ZX_CHANNEL_PEER_CLOSED, 0), ZX_OK);
  for (int i = 0; i < 3; i++)
    ck_assert_int_eq(poll_port(&packet), ZX_ERR_TIMED_OUT);
  struct pollfd pollfd = {.fd = fd, .events = POLLIN};
  ck_assert_int_eq(poll(&pollfd, 1, 0), 0);
  zx_handle_close(channel[1]);
  ck_assert_int_eq(poll(&pollfd, 1, 50000), 1);
  ck_assert_int_eq(poll_port(&packet), ZX_OK);
  ck_assert_uint_eq(packet.signal.observed, ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED);
  zx_handle_close(channel[0]);
}
END_TEST

// In place of the C library's: what another thread may do between a report of the kernel and a look at it.
static void (*after_report)(void);

int epoll_pwait2(int fd, struct epoll_event* events, int max, const struct timespec* timeout,
                 const sigset_t* mask) {
  int count = (int)syscall(SYS_epoll_pwait2, fd, events, max, timeout, mask, sizeof(uint64_t));
  void (*happens)(void) = after_report;
  if (!happens || count < 1) return count;
  after_report = NULL;
  happens();
  return count;
}

static zx_handle_t reset_timer;

static void set_anew(void) {
  ck_assert_int_eq(zx_timer_set(reset_timer, zx_deadline_after(ZX_SEC(3600)), 0), ZX_OK);
  ck_assert_int_eq(zx_object_wait_async(reset_timer, port, 2, ZX_TIMER_SIGNALED, 0), ZX_OK);
}

START_TEST(a_timer_that_is_set_anew_has_not_fired) {
  zx_port_packet_t packet;
  ck_assert_int_eq(zx_timer_create(0, ZX_CLOCK_MONOTONIC, &reset_timer), ZX_OK);
  ck_assert_int_eq(zx_object_wait_async(reset_timer, port, 1, ZX_TIMER_SIGNALED, 0), ZX_OK);
  ck_assert_int_eq(poll_port(&packet), ZX_ERR_TIMED_OUT);  // armed
  ck_assert_int_eq(zx_timer_set(reset_timer, zx_deadline_after(ZX_MSEC(5)), 0), ZX_OK);
  after_report = set_anew;
  ck_assert_int_eq(zx_port_wait(port, zx_deadline_after(ZX_SEC(60)), &packet), ZX_OK);
  ck_assert(after_report == NULL);
  ck_assert_uint_eq(packet.key, 1);
  ck_assert_int_eq(poll_port(&packet), ZX_ERR_TIMED_OUT);
  zx_handle_close(reset_timer);
}
END_TEST

#define THREADS 4
#define PACKETS 2000
static uint64_t sums[THREADS];

static void* take(void* context) {
  zx_port_packet_t packet;
  for (;;) {
    ck_assert_int_eq(zx_port_wait(port, ZX_TIME_INFINITE, &packet), ZX_OK);
    if (packet.key == 0) return NULL;
    *(uint64_t*)context += packet.key;
  }
}

#if !defined(__SANITIZE_THREAD__)  // whose own thread is one more that may be woken
START_TEST(a_port_that_has_heard_a_bell_is_not_rung_for_what_it_did_not_wait_for) {
  zx_handle_t fifo[2];
  zx_port_packet_t packet;
  uint32_t value = 7;
  int fd;
  ck_assert_int_eq(zx_fifo_create(4, 4, 0, &fifo[0], &fifo[1]), ZX_OK);
  ck_assert_int_eq(zx_linux_port_fd(port, &fd), ZX_OK);
  struct pollfd bell = {.fd = fd, .events = POLLIN};
  ck_assert_int_eq(zx_object_wait_async(fifo[0], port, 1, ZX_FIFO_READABLE, 0), ZX_OK);
  ck_assert_int_eq(zx_linux_port_arm(port), ZX_ERR_SHOULD_WAIT);
  ck_assert_int_eq(zx_fifo_write(fifo[1], 4, &value, 1, NULL), ZX_OK);
  ck_assert_int_eq(poll(&bell, 1, 0), 1);
  ck_assert_int_eq(zx_port_wait(port, ZX_TIME_INFINITE, &packet), ZX_OK);
  // From here on nobody waits: neither for room nor for more elements.
  ck_assert_int_eq(zx_fifo_write(fifo[0], 4, &value, 1, NULL), ZX_OK);
  ck_assert_int_eq(zx_fifo_read(fifo[1], 4, &value, 1, NULL), ZX_OK);
  ck_assert_int_eq(poll(&bell, 1, 0), 0);
  ck_assert_int_eq(zx_fifo_write(fifo[1], 4, &value, 1, NULL), ZX_OK);
  ck_assert_int_eq(poll(&bell, 1, 0), 0);
  zx_handle_close(fifo[0]);
  zx_handle_close(fifo[1]);
}
END_TEST
#endif

// Telling more would cost a system call each time.
START_TEST(a_wrapped_descriptor_tells_of_what_was_waited_for) {
  int fds[2];
  zx_handle_t wrapped, p;
  zx_port_packet_t packet;
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  ck_assert_int_eq(zx_linux_fd_wrap(fds[0], &wrapped), ZX_OK);
  ck_assert_int_eq(zx_port_create(0, &p), ZX_OK);
  ck_assert_int_eq(write(fds[1], "x", 1), 1);
  ck_assert_int_eq(zx_object_wait_async(wrapped, p, 1, ZX_OBJECT_READABLE, 0), ZX_OK);
  ck_assert_int_eq(zx_port_wait(p, ZX_TIME_INFINITE, &packet), ZX_OK);
  ck_assert_uint_eq(packet.signal.observed & ZX_OBJECT_READABLE, ZX_OBJECT_READABLE);
  ck_assert_uint_eq(packet.signal.observed & ZX_OBJECT_PEER_CLOSED, 0);
  ck_assert_int_eq(
      zx_object_wait_async(wrapped, p, 2, ZX_OBJECT_READABLE | ZX_OBJECT_WRITABLE | ZX_OBJECT_PEER_CLOSED, 0),
      ZX_OK);
  close(fds[1]);
  ck_assert_int_eq(zx_port_wait(p, ZX_TIME_INFINITE, &packet), ZX_OK);
  ck_assert_uint_eq(packet.key, 2);
  ck_assert_uint_eq(packet.signal.observed, ZX_OBJECT_READABLE | ZX_OBJECT_WRITABLE | ZX_OBJECT_PEER_CLOSED);
  zx_handle_close(wrapped);
  zx_handle_close(p);
}
END_TEST

static zx_handle_t wrap_file(const char* path, int flags) {
  zx_handle_t wrapped;
  ck_assert_int_eq(zx_linux_fd_wrap(open(path, flags), &wrapped), ZX_OK);
  return wrapped;
}

// Files and folders are always ready, which poll says and epoll does not.
START_TEST(a_wrapped_file_is_ready_at_once) {
  zx_handle_t wrapped[] = {wrap_file("/proc/self/exe", O_RDONLY), wrap_file("/", O_RDONLY),
                           wrap_file("/dev/null", O_RDWR)};
  zx_port_packet_t packet;
  for (unsigned i = 0; i < 3; i++) {
    for (int foreign_loop = 0; foreign_loop < 2; foreign_loop++) {
      ck_assert_int_eq(zx_object_wait_async(wrapped[i], port, 9, ZX_OBJECT_WRITABLE, ZX_WAIT_ASYNC_EDGE),
                       ZX_OK);
      ck_assert_int_eq(zx_object_wait_async(wrapped[i], port, 8, ZX_OBJECT_PEER_CLOSED, 0), ZX_OK);
      ck_assert_int_eq(zx_object_wait_async(wrapped[i], port, i, ZX_OBJECT_READABLE, 0), ZX_OK);
      if (foreign_loop) {
        ck_assert_int_eq(zx_linux_port_arm(port), ZX_OK);
        ck_assert_int_eq(zx_linux_port_take(port, &packet), ZX_OK);
      } else {
        ck_assert_int_eq(zx_port_wait(port, ZX_TIME_INFINITE, &packet), ZX_OK);
      }
      ck_assert_uint_eq(packet.key, i);
      ck_assert_uint_eq(packet.signal.observed & ZX_OBJECT_READABLE, ZX_OBJECT_READABLE);
      ck_assert_int_eq(poll_port(&packet), ZX_ERR_TIMED_OUT);
      ck_assert_int_eq(zx_port_cancel(port, wrapped[i], 8), ZX_OK);
      ck_assert_int_eq(zx_port_cancel(port, wrapped[i], 9), ZX_OK);
    }
  }
  zx_handle_close_many(wrapped, 3);
}
END_TEST

START_TEST(many_threads_share_a_port_and_lose_no_packet) {
  pthread_t threads[THREADS];
  uint64_t sum = 0;
  zx_port_packet_t packet = {0};
  for (int i = 0; i < THREADS; i++)
    pthread_create(&threads[i], NULL, take, &sums[i]);
  for (uint64_t i = 1; i <= PACKETS; i++) {
    packet.key = i;
    ck_assert_int_eq(zx_port_queue(port, &packet), ZX_OK);
  }
  packet.key = 0;
  for (int i = 0; i < THREADS; i++)
    ck_assert_int_eq(zx_port_queue(port, &packet), ZX_OK);
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  for (int i = 0; i < THREADS; i++)
    sum += sums[i];
  ck_assert_uint_eq(sum, (uint64_t)PACKETS * (PACKETS + 1) / 2);
}
END_TEST

static void* wait_for_close(void* context) {
  zx_port_packet_t packet;
  *(zx_status_t*)context = zx_port_wait(port, ZX_TIME_INFINITE, &packet);
  return NULL;
}

START_TEST(closing_a_port_ends_waits_on_it) {
  zx_status_t status[2] = {1, 1};
  pthread_t threads[2];
  for (int i = 0; i < 2; i++)
    pthread_create(&threads[i], NULL, wait_for_close, &status[i]);
  sched_yield();
  zx_handle_close(port);
  for (int i = 0; i < 2; i++)
    pthread_join(threads[i], NULL);
  for (int i = 0; i < 2; i++)
    ck_assert(status[i] == ZX_ERR_CANCELED || status[i] == ZX_ERR_BAD_HANDLE);
}
END_TEST

START_TEST(a_wait_for_a_file_ends_another_threads_sleep) {
  for (int i = 0; i < 100; i++) {
    pthread_t thread;
    zx_status_t status = 1;
    zx_handle_t file = wrap_file("/proc/self/exe", O_RDONLY);
    pthread_create(&thread, NULL, wait_for_close, &status);
    if (i % 2) sched_yield();
    ck_assert_int_eq(zx_object_wait_async(file, port, 1, ZX_OBJECT_READABLE, 0), ZX_OK);
    pthread_join(thread, NULL);
    ck_assert_int_eq(status, ZX_OK);
    zx_handle_close(file);
  }
}
END_TEST

START_TEST(a_wait_begun_while_another_thread_sleeps_is_seen) {
  for (int i = 0; i < 100; i++) {
    pthread_t thread;
    zx_handle_t pair[2];
    zx_status_t status = 1;
    ck_assert_int_eq(zx_eventpair_create(0, &pair[0], &pair[1]), ZX_OK);
    pthread_create(&thread, NULL, wait_for_close, &status);
    ck_assert_int_eq(zx_object_wait_async(pair[0], port, 1, ZX_USER_SIGNAL_5, 0), ZX_OK);
    ck_assert_int_eq(zx_object_signal_peer(pair[1], 0, ZX_USER_SIGNAL_5), ZX_OK);
    pthread_join(thread, NULL);
    ck_assert_int_eq(status, ZX_OK);
    zx_handle_close(pair[0]);
    zx_handle_close(pair[1]);
  }
}
END_TEST

// What goes off without anybody looking at it comes on again as an edge.
START_TEST(an_edge_wait_sees_what_was_off_in_between) {
  static char block[16384];
  zx_handle_t vmo, child, timer, channel[2];
  zx_port_packet_t packet;
  ck_assert_int_eq(zx_vmo_create(4096, 0, &vmo), ZX_OK);
  ck_assert_int_eq(zx_object_wait_async(vmo, port, 1, ZX_VMO_ZERO_CHILDREN, ZX_WAIT_ASYNC_EDGE), ZX_OK);
  ck_assert_int_eq(poll_port(&packet), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(zx_vmo_create_child(vmo, ZX_VMO_CHILD_SLICE, 0, 4096, &child), ZX_OK);
  ck_assert_int_eq(poll_port(&packet), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(zx_handle_close(child), ZX_OK);
  ck_assert_int_eq(poll_port(&packet), ZX_OK);
  ck_assert_uint_eq(packet.key, 1);
  ck_assert_int_eq(zx_timer_create(0, ZX_CLOCK_MONOTONIC, &timer), ZX_OK);
  ck_assert_int_eq(zx_timer_set(timer, 0, 0), ZX_OK);
  ck_assert_int_eq(zx_object_wait_async(timer, port, 2, ZX_TIMER_SIGNALED, ZX_WAIT_ASYNC_EDGE), ZX_OK);
  ck_assert_int_eq(poll_port(&packet), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(zx_timer_set(timer, 0, 0), ZX_OK);
  ck_assert_int_eq(poll_port(&packet), ZX_OK);
  ck_assert_uint_eq(packet.key, 2);
  ck_assert_int_eq(zx_channel_create(0, &channel[0], &channel[1]), ZX_OK);
  ck_assert_int_eq(zx_object_wait_async(channel[0], port, 3, ZX_CHANNEL_WRITABLE, ZX_WAIT_ASYNC_EDGE), ZX_OK);
  ck_assert_int_eq(poll_port(&packet), ZX_ERR_TIMED_OUT);
  while (zx_channel_write(channel[0], 0, block, sizeof(block), NULL, 0) == ZX_OK) {
  }
  ck_assert_int_eq(poll_port(&packet), ZX_ERR_TIMED_OUT);
  while (zx_channel_read(channel[1], 0, block, NULL, sizeof(block), 0, NULL, NULL) == ZX_OK) {
  }
  ck_assert_int_eq(zx_port_wait(port, zx_deadline_after(ZX_SEC(60)), &packet), ZX_OK);
  ck_assert_uint_eq(packet.key, 3);
  zx_handle_close_many(channel, 2);
  zx_handle_close_many((zx_handle_t[]){vmo, timer}, 2);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("port");
  TCase* tc = jx_test_case(suite, "port");
  tcase_add_checked_fixture(tc, make_port, close_port);
  tcase_add_test(tc, user_packets_come_in_order_with_their_type_forced);
  tcase_add_test(tc, the_queue_of_user_packets_is_bounded);
  tcase_add_test(tc, a_wait_is_met_once_with_what_was_on_then);
  tcase_add_test(tc, an_edge_wait_wants_a_change);
  tcase_add_test(tc, a_timer_that_is_set_anew_has_not_fired);
  tcase_add_test(tc, an_edge_wait_sees_what_was_off_in_between);
  tcase_add_test(tc, cancel_ends_waits_and_removes_packets);
  tcase_add_test(tc, closing_the_source_ends_waits_but_leaves_packets);
  tcase_add_test(tc, every_kind_of_object_wakes_a_port);
  tcase_add_test(tc, a_wait_for_nothing_that_happens_does_not_keep_the_port_awake);
#if !defined(__SANITIZE_THREAD__)
  tcase_add_test(tc, a_port_that_has_heard_a_bell_is_not_rung_for_what_it_did_not_wait_for);
#endif
  tcase_add_test(tc, a_wrapped_descriptor_tells_of_what_was_waited_for);
  tcase_add_test(tc, a_wrapped_file_is_ready_at_once);
  tcase_add_test(tc, many_threads_share_a_port_and_lose_no_packet);
  tcase_add_test(tc, closing_a_port_ends_waits_on_it);
  tcase_add_test(tc, a_wait_begun_while_another_thread_sleeps_is_seen);
  tcase_add_test(tc, a_wait_for_a_file_ends_another_threads_sleep);
  return jx_test_run(suite);
}
