// What the object layer offers to a library that lives in somebody else's program: waits that end early, and
// forks.
#include <dirent.h>
#include <fcntl.h>
#include <jx_test.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zircon/linux.h>
#include <zircon/syscalls.h>

START_TEST(a_readable_descriptor_ends_a_wait) {
  zx_handle_t ends[2];
  int pipe_fds[2];
  zx_signals_t observed = 0;
  ck_assert_int_eq(zx_eventpair_create(0, &ends[0], &ends[1]), ZX_OK);
  ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
  ck_assert_int_eq(zx_linux_wait_one_or_fd(ends[0], ZX_USER_SIGNAL_0, 0, pipe_fds[0], &observed),
                   ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(write(pipe_fds[1], "x", 1), 1);
  zx_status_t status =
      zx_linux_wait_one_or_fd(ends[0], ZX_USER_SIGNAL_0, ZX_TIME_INFINITE, pipe_fds[0], &observed);
  ck_assert_int_eq(status, ZX_ERR_INTERNAL_INTR_RETRY);
  ck_assert_int_eq(zx_object_signal_peer(ends[1], 0, ZX_USER_SIGNAL_0), ZX_OK);
  status = zx_linux_wait_one_or_fd(ends[0], ZX_USER_SIGNAL_0, ZX_TIME_INFINITE, pipe_fds[0], &observed);
  ck_assert_int_eq(status, ZX_OK);
  ck_assert_uint_eq(observed & ZX_USER_SIGNAL_ALL, ZX_USER_SIGNAL_0);
  ck_assert_int_eq(zx_linux_wait_one_or_fd(ends[0], ZX_USER_SIGNAL_1, 0, -1, &observed), ZX_ERR_TIMED_OUT);
  close(pipe_fds[0]);
  close(pipe_fds[1]);
  zx_handle_close(ends[0]);
  zx_handle_close(ends[1]);
}
END_TEST

// 0, or the number of what went wrong.
static int forget(zx_handle_t channel, zx_handle_t event, int fds_before) {
  zx_linux_after_fork_in_child();
  if (jx_test_open_fds() != fds_before) return 1;
  if (zx_channel_write(channel, 0, "x", 1, NULL, 0) != ZX_ERR_BAD_HANDLE) return 2;
  if (zx_object_signal(event, 0, ZX_USER_SIGNAL_0) != ZX_ERR_BAD_HANDLE) return 3;
  zx_handle_t own[2];
  if (zx_channel_create(0, &own[0], &own[1]) != ZX_OK) return 4;
  if (zx_channel_write(own[0], 0, "x", 1, NULL, 0) != ZX_OK) return 5;
  return zx_object_wait_one(own[1], ZX_CHANNEL_READABLE, ZX_TIME_INFINITE, NULL) == ZX_OK ? 0 : 6;
}

START_TEST(a_child_drops_its_parents_objects_and_no_peer_hears_of_it) {
  zx_handle_t channel[2];
  zx_handle_t event[2];
  zx_handle_t fifo[2];
  zx_handle_t vmo;
  zx_handle_t copy;
  int fds_before = jx_test_open_fds();
  ck_assert_int_eq(zx_channel_create(0, &channel[0], &channel[1]), ZX_OK);
  ck_assert_int_eq(zx_eventpair_create(0, &event[0], &event[1]), ZX_OK);
  ck_assert_int_eq(zx_fifo_create(16, 16, 0, &fifo[0], &fifo[1]), ZX_OK);
  ck_assert_int_eq(zx_vmo_create(4096, 0, &vmo), ZX_OK);
  ck_assert_int_eq(zx_handle_duplicate(event[0], ZX_RIGHT_SAME_RIGHTS, &copy), ZX_OK);
  pid_t child = fork();
  if (child == 0) _exit(forget(channel[0], event[0], fds_before));
  int status = -1;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child found %#x", status);
  const zx_handle_t all[] = {channel[0], channel[1], event[0], event[1], fifo[0], fifo[1]};
  for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
    zx_signals_t observed = 0;
    ck_assert_int_eq(zx_object_wait_one(all[i], ZX_OBJECT_PEER_CLOSED, 0, &observed), ZX_ERR_TIMED_OUT);
  }
  zx_handle_close_many(all, sizeof(all) / sizeof(all[0]));
  zx_handle_close(copy);
  zx_handle_close(vmo);
}
END_TEST

// --- a child that has its parent's handles by accident

enum { CHANNEL, BUSY, FIFO, SOCKET, DATAGRAM, EVENTPAIR, PAIRS };

// One of each object, with something in every queue.
struct world {
  zx_handle_t pairs[PAIRS][2];
  zx_handle_t event, timer, vmo, clock, port, port_source;
};

static void make_busy(const zx_handle_t* ends) {
  for (int i = 0; i < 400; i++) {
    for (int side = 0; side < 2; side++) {
      char byte;
      ck_assert_int_eq(zx_channel_write(ends[side], 0, "x", 1, NULL, 0), ZX_OK);
      ck_assert_int_eq(zx_channel_read(ends[!side], 0, &byte, NULL, 1, 0, NULL, NULL), ZX_OK);
    }
  }
}

static void make_world(struct world* w) {
  uint64_t element = 7;
  zx_port_packet_t packet = {.key = 9};
  ck_assert_int_eq(zx_channel_create(0, &w->pairs[CHANNEL][0], &w->pairs[CHANNEL][1]), ZX_OK);
  ck_assert_int_eq(zx_channel_create(0, &w->pairs[BUSY][0], &w->pairs[BUSY][1]), ZX_OK);
  make_busy(w->pairs[BUSY]);
  ck_assert_int_eq(zx_fifo_create(4, 8, 0, &w->pairs[FIFO][0], &w->pairs[FIFO][1]), ZX_OK);
  ck_assert_int_eq(zx_socket_create(0, &w->pairs[SOCKET][0], &w->pairs[SOCKET][1]), ZX_OK);
  ck_assert_int_eq(zx_socket_create(ZX_SOCKET_DATAGRAM, &w->pairs[DATAGRAM][0], &w->pairs[DATAGRAM][1]),
                   ZX_OK);
  ck_assert_int_eq(zx_eventpair_create(0, &w->pairs[EVENTPAIR][0], &w->pairs[EVENTPAIR][1]), ZX_OK);
  for (int side = 0; side < 2; side++) {
    for (int i = CHANNEL; i <= BUSY; i++)
      ck_assert_int_eq(zx_channel_write(w->pairs[i][side], 0, "one", 3, NULL, 0), ZX_OK);
    ck_assert_int_eq(zx_fifo_write(w->pairs[FIFO][side], 8, &element, 1, NULL), ZX_OK);
    for (int i = SOCKET; i <= DATAGRAM; i++)
      ck_assert_int_eq(zx_socket_write(w->pairs[i][side], 0, "abc", 3, NULL), ZX_OK);
    for (int i = 0; i < PAIRS; i++)
      ck_assert_int_eq(zx_object_signal(w->pairs[i][side], 0, ZX_USER_SIGNAL_0 << side), ZX_OK);
  }
  ck_assert_int_eq(zx_event_create(0, &w->event), ZX_OK);
  ck_assert_int_eq(zx_timer_create(0, 0, &w->timer), ZX_OK);
  ck_assert_int_eq(zx_timer_set(w->timer, zx_deadline_after(ZX_HOUR(1)), 0), ZX_OK);
  ck_assert_int_eq(zx_vmo_create(4096, ZX_VMO_RESIZABLE, &w->vmo), ZX_OK);
  ck_assert_int_eq(zx_vmo_write(w->vmo, "abc", 0, 3), ZX_OK);
  ck_assert_int_eq(zx_clock_create(0, NULL, &w->clock), ZX_OK);
  ck_assert_int_eq(zx_port_create(0, &w->port), ZX_OK);
  ck_assert_int_eq(zx_port_queue(w->port, &packet), ZX_OK);
  ck_assert_int_eq(zx_event_create(0, &w->port_source), ZX_OK);
  ck_assert_int_eq(zx_object_wait_async(w->port_source, w->port, 10, ZX_EVENT_SIGNALED, 0), ZX_OK);
}

static void expect_unchanged(const struct world* w) {
  char bytes[8];
  uint64_t element = 0, size;
  uint32_t count;
  size_t actual;
  zx_signals_t observed;
  zx_time_t now;
  zx_port_packet_t packet;
  zx_info_timer_t info;
  for (int i = 0; i < PAIRS; i++) {
    for (int side = 0; side < 2; side++) {
      ck_assert_int_eq(zx_object_wait_one(w->pairs[i][side], 0, 0, &observed), ZX_ERR_TIMED_OUT);
      zx_signals_t expected =
          (ZX_USER_SIGNAL_0 << side) | (i == EVENTPAIR ? 0 : ZX_OBJECT_READABLE | ZX_OBJECT_WRITABLE);
      ck_assert_msg(observed == expected, "pair %d, side %d: %#x", i, side, observed);
    }
  }
  for (int side = 0; side < 2; side++) {
    for (int i = CHANNEL; i <= BUSY; i++) {
      ck_assert_int_eq(zx_channel_read(w->pairs[i][side], 0, bytes, NULL, 8, 0, &count, NULL), ZX_OK);
      ck_assert(count == 3 && memcmp(bytes, "one", 3) == 0);
      ck_assert_int_eq(zx_channel_read(w->pairs[i][side], 0, bytes, NULL, 8, 0, &count, NULL),
                       ZX_ERR_SHOULD_WAIT);
    }
    ck_assert_int_eq(zx_fifo_read(w->pairs[FIFO][side], 8, &element, 1, &actual), ZX_OK);
    ck_assert_uint_eq(element, 7);
    ck_assert_int_eq(zx_fifo_read(w->pairs[FIFO][side], 8, &element, 1, &actual), ZX_ERR_SHOULD_WAIT);
    for (int i = SOCKET; i <= DATAGRAM; i++) {
      ck_assert_int_eq(zx_socket_read(w->pairs[i][side], 0, bytes, 8, &actual), ZX_OK);
      ck_assert(actual == 3 && memcmp(bytes, "abc", 3) == 0);
      ck_assert_int_eq(zx_socket_read(w->pairs[i][side], 0, bytes, 8, &actual), ZX_ERR_SHOULD_WAIT);
    }
  }
  make_busy(w->pairs[CHANNEL]);
  make_busy(w->pairs[BUSY]);
  ck_assert_int_eq(zx_object_wait_one(w->event, ~0u, 0, NULL), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(zx_object_get_info(w->timer, ZX_INFO_TIMER, &info, sizeof(info), NULL, NULL), ZX_OK);
  ck_assert(info.deadline > zx_deadline_after(ZX_MIN(50)));
  ck_assert_int_eq(zx_vmo_get_size(w->vmo, &size), ZX_OK);
  ck_assert_uint_eq(size, 4096);
  ck_assert_int_eq(zx_vmo_read(w->vmo, bytes, 0, 3), ZX_OK);
  ck_assert_int_eq(memcmp(bytes, "abc", 3), 0);
  ck_assert_int_eq(zx_clock_read(w->clock, &now), ZX_OK);
  ck_assert_int_eq(now, 0);
  ck_assert_int_eq(zx_port_wait(w->port, 0, &packet), ZX_OK);
  ck_assert_uint_eq(packet.key, 9);
  ck_assert_int_eq(zx_port_wait(w->port, 0, &packet), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(zx_object_signal(w->port_source, 0, ZX_EVENT_SIGNALED), ZX_OK);
  ck_assert_int_eq(zx_port_wait(w->port, 0, &packet), ZX_OK);
  ck_assert_uint_eq(packet.key, 10);
}

static void close_world(const struct world* w) {
  const zx_handle_t single[] = {w->event, w->timer, w->vmo, w->clock, w->port, w->port_source};
  for (int i = 0; i < PAIRS; i++)
    ck_assert_int_eq(zx_handle_close_many(w->pairs[i], 2), ZX_OK);
  ck_assert_int_eq(zx_handle_close_many(single, 6), ZX_OK);
}

// Whether each call a child may make in its ignorance says that there is no such handle.
#define DEAD(call) \
  if ((call) != ZX_ERR_BAD_HANDLE) return __LINE__

static int use_pair(zx_handle_t h, zx_handle_t port) {
  char bytes[64];
  uint32_t count;
  zx_signals_t observed;
  zx_handle_t copy, channel[2];
  zx_info_handle_basic_t info;
  zx_wait_item_t item = {h, ~0u, 0};
  zx_channel_call_args_t args = {.wr_bytes = bytes, .wr_num_bytes = 8, .rd_bytes = bytes, .rd_num_bytes = 64};
  DEAD(zx_channel_write(h, 0, "x", 1, NULL, 0));
  DEAD(zx_channel_read(h, ZX_CHANNEL_READ_MAY_DISCARD, NULL, NULL, 0, 0, NULL, NULL));
  DEAD(zx_channel_call(h, 0, ZX_TIME_INFINITE, &args, &count, &count));
  DEAD(zx_fifo_write(h, 8, bytes, 1, NULL));
  DEAD(zx_fifo_read(h, 8, bytes, 1, NULL));
  DEAD(zx_socket_write(h, 0, bytes, 1, NULL));
  DEAD(zx_socket_read(h, 0, bytes, 64, NULL));
  DEAD(zx_socket_set_disposition(h, ZX_SOCKET_DISPOSITION_WRITE_DISABLED, 0));
  DEAD(zx_object_signal(h, ZX_USER_SIGNAL_ALL, 0));
  DEAD(zx_object_signal_peer(h, 0, ZX_USER_SIGNAL_3));
  DEAD(zx_object_wait_one(h, ~0u, ZX_TIME_INFINITE, &observed));
  DEAD(zx_object_wait_many(&item, 1, ZX_TIME_INFINITE));
  DEAD(zx_object_wait_async(h, port, 1, ~0u, 0));
  DEAD(zx_object_get_info(h, ZX_INFO_HANDLE_BASIC, &info, sizeof(info), NULL, NULL));
  DEAD(zx_handle_duplicate(h, ZX_RIGHT_SAME_RIGHTS, &copy));
  DEAD(zx_handle_replace(h, ZX_RIGHT_SAME_RIGHTS, &copy));
  // A channel of its own works, but does not carry them away.
  if (zx_channel_create(0, &channel[0], &channel[1]) != ZX_OK) return __LINE__;
  DEAD(zx_channel_write(channel[0], 0, "x", 1, &h, 1));
  return zx_handle_close_many(channel, 2) == ZX_OK ? 0 : __LINE__;
}

static int use_all(const struct world* w) {
  char bytes[64];
  zx_port_packet_t packet = {0};
  zx_vaddr_t at;
  zx_clock_update_args_v1_t update = {.value = 1};
  for (int i = 0; i < PAIRS; i++) {
    for (int side = 0; side < 2; side++) {
      int line = use_pair(w->pairs[i][side], w->port);
      if (line) return line;
    }
  }
  DEAD(zx_object_signal(w->event, 0, ZX_EVENT_SIGNALED));
  DEAD(zx_timer_set(w->timer, 0, 0));
  DEAD(zx_timer_cancel(w->timer));
  DEAD(zx_vmo_write(w->vmo, "xyz", 0, 3));
  DEAD(zx_vmo_read(w->vmo, bytes, 0, 3));
  DEAD(zx_vmo_set_size(w->vmo, 0));
  DEAD(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ, 0, w->vmo, 0, 4096, &at));
  DEAD(zx_clock_update(w->clock, ZX_CLOCK_ARGS_VERSION(1) | ZX_CLOCK_UPDATE_OPTION_VALUE_VALID, &update));
  DEAD(zx_port_queue(w->port, &packet));
  DEAD(zx_port_wait(w->port, 0, &packet));
  DEAD(zx_port_cancel(w->port, w->port_source, 10));
  return 0;
}

static int use_and_close_all(const struct world* w) {
  int line = use_all(w);
  if (line) return line;
  const zx_handle_t single[] = {w->event, w->timer, w->vmo, w->clock, w->port, w->port_source};
  for (int i = 0; i < PAIRS; i++) {
    if (zx_handle_close_many(w->pairs[i], 2) != ZX_OK) return __LINE__;
    DEAD(zx_handle_close(w->pairs[i][0]));
  }
  return zx_handle_close_many(single, 6) == ZX_OK ? 0 : __LINE__;
}

START_TEST(a_child_that_inherits_by_accident_disturbs_nothing) {
  for (int way = 0; way < 4; way++) {
    struct world w;
    int status;
    make_world(&w);
    pid_t child = fork();
    if (child == 0) {
      int line = way == 0 ? use_all(&w) : way == 1 ? use_and_close_all(&w) : 0;
      if (way == 2) kill(getpid(), SIGKILL);
      if (way == 3) execl("/bin/true", "true", NULL);
      if (line) printf("# line %d\n", line);
      fflush(stdout);
      _exit(line != 0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, way == 2 ? SIGKILL : 0);
    expect_unchanged(&w);
    close_world(&w);
  }
}
END_TEST

// The child lives on, with copies of all descriptors.
START_TEST(an_end_that_closes_while_a_child_lives_is_closed_for_its_peer) {
  struct world w;
  zx_handle_t in_flight[2][2];
  int pipe_fds[2];
  make_world(&w);
  for (int i = CHANNEL; i <= BUSY; i++) {
    ck_assert_int_eq(zx_eventpair_create(0, &in_flight[i][0], &in_flight[i][1]), ZX_OK);
    ck_assert_int_eq(zx_channel_write(w.pairs[i][0], 0, NULL, 0, &in_flight[i][1], 1), ZX_OK);
  }
  ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
  pid_t child = fork();
  if (child == 0) {
    char byte;
    close(pipe_fds[1]);
    _exit(read(pipe_fds[0], &byte, 1) != 0);
  }
  for (int i = 0; i < PAIRS; i++) {
    ck_assert_int_eq(zx_handle_close(w.pairs[i][1]), ZX_OK);
    zx_time_t soon = zx_deadline_after(ZX_SEC(60));
    ck_assert_int_eq(zx_object_wait_one(w.pairs[i][0], ZX_OBJECT_PEER_CLOSED, soon, NULL), ZX_OK);
    if (i <= BUSY)
      ck_assert_int_eq(zx_object_wait_one(in_flight[i][0], ZX_EVENTPAIR_PEER_CLOSED, soon, NULL), ZX_OK);
  }
  close(pipe_fds[1]);
  close(pipe_fds[0]);
  int status;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
  for (int i = 0; i < PAIRS; i++)
    zx_handle_close(w.pairs[i][0]);
  zx_handle_close(in_flight[0][0]);
  zx_handle_close(in_flight[1][0]);
  const zx_handle_t single[] = {w.event, w.timer, w.vmo, w.clock, w.port, w.port_source};
  ck_assert_int_eq(zx_handle_close_many(single, 6), ZX_OK);
}
END_TEST

START_TEST(an_end_left_to_a_child_is_the_childs) {
  zx_handle_t ends[2], pair[2];
  char byte = 0;
  int status;
  ck_assert_int_eq(zx_channel_create(0, &ends[0], &ends[1]), ZX_OK);
  ck_assert_int_eq(zx_eventpair_create(0, &pair[0], &pair[1]), ZX_OK);
  make_busy(ends);
  ck_assert_int_eq(zx_channel_write(ends[0], 0, "q", 1, NULL, 0), ZX_OK);
  pid_t child = fork();
  if (child == 0) {
    zx_linux_after_fork_keep((zx_handle_t[]){ends[1], pair[1]}, 2);
    if (zx_channel_write(ends[0], 0, "x", 1, NULL, 0) != ZX_ERR_BAD_HANDLE) _exit(1);
    if (zx_channel_read(ends[1], 0, &byte, NULL, 1, 0, NULL, NULL) != ZX_OK || byte != 'q') _exit(2);
    if (zx_channel_write(ends[1], 0, "a", 1, NULL, 0) != ZX_OK) _exit(3);
    if (zx_object_signal_peer(pair[1], 0, ZX_USER_SIGNAL_0) != ZX_OK) _exit(4);
    if (zx_object_wait_one(ends[1], ZX_CHANNEL_PEER_CLOSED, ZX_TIME_INFINITE, NULL) != ZX_OK) _exit(5);
    _exit(zx_handle_close(pair[1]) == ZX_OK ? 0 : 6);
  }
  zx_linux_after_fork_leave((zx_handle_t[]){ends[1], pair[1]}, 2);
  ck_assert_int_eq(zx_handle_close(ends[1]), ZX_ERR_BAD_HANDLE);
  zx_time_t soon = zx_deadline_after(ZX_SEC(60));
  ck_assert_int_eq(zx_object_wait_one(ends[0], ZX_CHANNEL_READABLE, soon, NULL), ZX_OK);
  ck_assert_int_eq(zx_channel_read(ends[0], 0, &byte, NULL, 1, 0, NULL, NULL), ZX_OK);
  ck_assert_int_eq(zx_object_wait_one(pair[0], ZX_USER_SIGNAL_0, soon, NULL), ZX_OK);
  zx_handle_close(ends[0]);
  ck_assert_int_eq(zx_object_wait_one(pair[0], ZX_EVENTPAIR_PEER_CLOSED, soon, NULL), ZX_OK);
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
  zx_handle_close(pair[0]);
}
END_TEST

static int count_eventfds(void) {
  DIR* dir = opendir("/proc/self/fd");
  int count = 0;
  for (const struct dirent* entry; (entry = readdir(dir)) != NULL;) {
    char target[32] = "";
    if (readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1) > 0 && strstr(target, "eventfd"))
      count++;
  }
  closedir(dir);
  return count;
}

static void* stay(void* lock) {
  pthread_mutex_lock(lock);
  pthread_mutex_unlock(lock);
  return NULL;
}

// What wakes the threads of a process belongs to it alone: a child that took out of it what was put in for
// its parent would leave the parent asleep.
START_TEST(a_child_has_no_part_in_how_its_parent_wakes_threads) {
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  pthread_t thread;
  zx_handle_t event, port;
  zx_port_packet_t packet = {.key = 1};
  struct pollfd pollfd = {.events = POLLIN};
  int status;
  ck_assert_int_eq(zx_event_create(0, &event), ZX_OK);
  ck_assert_int_eq(zx_port_create(0, &port), ZX_OK);
  pthread_mutex_lock(&lock);
  pthread_create(&thread, NULL, stay, &lock);
  ck_assert_int_eq(zx_object_wait_one(event, ZX_USER_SIGNAL_0, zx_deadline_after(1), NULL), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(zx_linux_port_fd(port, &pollfd.fd), ZX_OK);
  ck_assert_int_eq(zx_linux_port_arm(port), ZX_ERR_SHOULD_WAIT);
  ck_assert_int_eq(zx_port_queue(port, &packet), ZX_OK);
  ck_assert_int_eq(poll(&pollfd, 1, 0), 1);
  ck_assert_int_gt(count_eventfds(), 0);
  pid_t child = fork();
  if (child == 0) {
    if (zx_handle_close(port) != ZX_OK || zx_handle_close(event) != ZX_OK) _exit(100);
    _exit(count_eventfds());
  }
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
  ck_assert_int_eq(poll(&pollfd, 1, 0), 1);
  ck_assert_int_eq(zx_port_wait(port, 0, &packet), ZX_OK);
  pthread_mutex_unlock(&lock);
  pthread_join(thread, NULL);
  zx_handle_close(event);
  zx_handle_close(port);
}
END_TEST

static int use_address_space(zx_handle_t inherited) {
  zx_handle_t root = zx_vmar_root_self(), own, vmo;
  zx_vaddr_t at;
  if (zx_handle_duplicate(inherited, ZX_RIGHT_SAME_RIGHTS, &own) != ZX_ERR_BAD_HANDLE) return 1;
  if (zx_handle_duplicate(root, ZX_RIGHT_SAME_RIGHTS, &own) != ZX_OK) return 2;
  if (zx_handle_close(inherited) != ZX_OK) return 3;
  if (zx_vmo_create(4096, 0, &vmo) != ZX_OK) return 4;
  if (zx_vmar_map(own, ZX_VM_PERM_READ, 0, vmo, 0, 4096, &at) != ZX_OK) return 5;
  if (zx_vmar_unmap(root, at, 4096) != ZX_OK) return 6;
  return zx_handle_close(own) == ZX_OK ? 0 : 7;
}

START_TEST(a_child_has_an_address_space_of_its_own) {
  zx_handle_t copy;
  int status;
  ck_assert_int_eq(zx_handle_duplicate(zx_vmar_root_self(), ZX_RIGHT_SAME_RIGHTS, &copy), ZX_OK);
  for (int drops = 0; drops < 2; drops++) {
    pid_t child = fork();
    if (child == 0) {
      if (!drops) _exit(use_address_space(copy));
      zx_linux_after_fork_in_child();
      zx_handle_t own;
      bool good = zx_handle_close(copy) == ZX_ERR_BAD_HANDLE &&
                  zx_handle_duplicate(zx_vmar_root_self(), ZX_RIGHT_SAME_RIGHTS, &own) == ZX_OK;
      _exit(good ? 0 : 8);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
  }
  ck_assert_int_eq(zx_handle_close(copy), ZX_OK);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("foreign program");
  TCase* tc = jx_test_case(suite, "foreign program");
  tcase_add_test(tc, a_readable_descriptor_ends_a_wait);
  tcase_add_test(tc, a_child_drops_its_parents_objects_and_no_peer_hears_of_it);
  tcase_add_test(tc, a_child_that_inherits_by_accident_disturbs_nothing);
  tcase_add_test(tc, an_end_that_closes_while_a_child_lives_is_closed_for_its_peer);
  tcase_add_test(tc, an_end_left_to_a_child_is_the_childs);
  tcase_add_test(tc, a_child_has_no_part_in_how_its_parent_wakes_threads);
  tcase_add_test(tc, a_child_has_an_address_space_of_its_own);
  return jx_test_run(suite);
}
