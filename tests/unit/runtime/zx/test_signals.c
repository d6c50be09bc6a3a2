// Handles, events, eventpairs, timers: rights, signals, and blocking waits.
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "jx_test.h"

static zx_signals_t state(zx_handle_t handle) {
  zx_signals_t observed = 0;
  ck_assert_int_eq(zx_object_wait_one(handle, 0, 0, &observed), ZX_ERR_TIMED_OUT);
  return observed;
}

static zx_rights_t rights_of(zx_handle_t handle) {
  zx_info_handle_basic_t info;
  ck_assert_int_eq(zx_object_get_info(handle, ZX_INFO_HANDLE_BASIC, &info, sizeof(info), NULL, NULL), ZX_OK);
  return info.rights;
}

static zx_time_t soon(void) {
  return zx_deadline_after(ZX_SEC(60));
}

START_TEST(a_closed_value_names_nothing_even_after_reuse) {
  zx_handle_t a, b;
  ck_assert_int_eq(zx_event_create(0, &a), ZX_OK);
  ck_assert_uint_eq(a & ZX_HANDLE_FIXED_BITS_MASK, ZX_HANDLE_FIXED_BITS_MASK);
  ck_assert_int_eq(zx_handle_close(a), ZX_OK);
  ck_assert_int_eq(zx_event_create(0, &b), ZX_OK);
  ck_assert_uint_ne(a, b);
  ck_assert_int_eq(zx_handle_close(a), ZX_ERR_BAD_HANDLE);
  ck_assert_int_eq(zx_handle_close(ZX_HANDLE_INVALID), ZX_OK);
  ck_assert_int_eq(zx_object_signal(1, 0, 0), ZX_ERR_BAD_HANDLE);
  zx_handle_close(b);
}
END_TEST

START_TEST(duplicate_and_replace_only_take_rights_away) {
  zx_handle_t event, dup, other;
  ck_assert_int_eq(zx_event_create(0, &event), ZX_OK);
  ck_assert_int_eq(zx_handle_duplicate(event, ZX_RIGHT_NONE, &dup), ZX_OK);
  ck_assert_uint_eq(rights_of(dup), 0);
  ck_assert_int_eq(zx_handle_duplicate(dup, ZX_RIGHT_NONE, &other), ZX_ERR_ACCESS_DENIED);
  ck_assert_int_eq(zx_handle_duplicate(event, ZX_RIGHT_READ, &other), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_object_wait_one(dup, 1, 0, NULL), ZX_ERR_ACCESS_DENIED);
  ck_assert_int_eq(zx_channel_write(dup, 0, NULL, 0, NULL, 0), ZX_ERR_WRONG_TYPE);  // before rights
  zx_handle_t was = event;
  ck_assert_int_eq(zx_handle_replace(event, ZX_RIGHT_SAME_RIGHTS, &event), ZX_OK);
  ck_assert_int_eq(zx_handle_close(was), ZX_ERR_BAD_HANDLE);
  ck_assert_uint_eq(rights_of(event), ZX_DEFAULT_EVENT_RIGHTS);
  other = 7;
  ck_assert_int_eq(zx_handle_replace(event, ZX_RIGHT_READ, &other), ZX_ERR_INVALID_ARGS);
  ck_assert_uint_eq(other, 7);
  ck_assert_int_eq(zx_handle_close(event), ZX_ERR_BAD_HANDLE);
  zx_handle_close(dup);
}
END_TEST

START_TEST(close_many_closes_the_good_ones_among_bad_ones) {
  zx_handle_t h[5] = {0};
  ck_assert_int_eq(zx_event_create(0, &h[1]), ZX_OK);
  h[2] = h[1];
  ck_assert_int_eq(zx_event_create(0, &h[4]), ZX_OK);
  ck_assert_int_eq(zx_handle_close_many(h, 5), ZX_ERR_BAD_HANDLE);
  ck_assert_int_eq(zx_handle_close(h[4]), ZX_ERR_BAD_HANDLE);
}
END_TEST

START_TEST(ten_thousand_handles) {
  static zx_handle_t h[10000];
  ck_assert_int_eq(zx_event_create(0, &h[0]), ZX_OK);
  for (int i = 1; i < 10000; i++)
    ck_assert_int_eq(zx_handle_duplicate(h[0], ZX_RIGHT_SAME_RIGHTS, &h[i]), ZX_OK);
  zx_info_handle_count_t count;
  ck_assert_int_eq(zx_object_get_info(h[5], ZX_INFO_HANDLE_COUNT, &count, sizeof(count), NULL, NULL), ZX_OK);
  ck_assert_uint_eq(count.handle_count, 10000);
  ck_assert_int_eq(zx_handle_close_many(h, 10000), ZX_OK);
}
END_TEST

START_TEST(events_keep_what_is_set_until_it_is_cleared) {
  zx_handle_t event;
  ck_assert_int_eq(zx_event_create(1, &event), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_event_create(0, &event), ZX_OK);
  ck_assert_uint_eq(state(event), 0);
  ck_assert_int_eq(zx_object_signal(event, 0, ZX_EVENT_SIGNALED | ZX_USER_SIGNAL_7), ZX_OK);
  ck_assert_int_eq(zx_object_signal(event, ZX_USER_SIGNAL_7, ZX_USER_SIGNAL_0), ZX_OK);
  ck_assert_uint_eq(state(event), ZX_EVENT_SIGNALED | ZX_USER_SIGNAL_0);
  ck_assert_int_eq(zx_object_signal(event, 0, ZX_OBJECT_READABLE), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_object_signal_peer(event, 0, 0), ZX_ERR_ACCESS_DENIED);
  zx_handle_close(event);
}
END_TEST

START_TEST(eventpairs_signal_each_other) {
  zx_handle_t e[2];
  ck_assert_int_eq(zx_eventpair_create(1, &e[0], &e[1]), ZX_ERR_NOT_SUPPORTED);
  ck_assert_int_eq(zx_eventpair_create(0, &e[0], &e[1]), ZX_OK);
  ck_assert_uint_eq(rights_of(e[0]), ZX_DEFAULT_EVENTPAIR_RIGHTS);
  ck_assert_int_eq(zx_object_signal_peer(e[0], 0, ZX_EVENTPAIR_SIGNALED | ZX_USER_SIGNAL_2), ZX_OK);
  ck_assert_int_eq(zx_object_signal(e[0], 0, ZX_USER_SIGNAL_3), ZX_OK);
  ck_assert_uint_eq(state(e[0]), ZX_USER_SIGNAL_3);
  ck_assert_uint_eq(state(e[1]), ZX_EVENTPAIR_SIGNALED | ZX_USER_SIGNAL_2);
  ck_assert_int_eq(zx_object_signal_peer(e[0], 0, ZX_EVENTPAIR_PEER_CLOSED), ZX_ERR_INVALID_ARGS);
  zx_handle_close(e[0]);
  ck_assert_uint_eq(state(e[1]), ZX_EVENTPAIR_SIGNALED | ZX_USER_SIGNAL_2 | ZX_EVENTPAIR_PEER_CLOSED);
  ck_assert_int_eq(zx_object_signal_peer(e[1], 0, ZX_USER_SIGNAL_2), ZX_ERR_PEER_CLOSED);
  zx_handle_close(e[1]);
}
END_TEST

// A child process that holds one end of an eventpair, which came through a channel, and plays ping pong with
// it.
static void play(zx_handle_t channel) {
  zx_handle_t pair;
  zx_signals_t observed;
  if (zx_object_wait_one(channel, ZX_CHANNEL_READABLE, ZX_TIME_INFINITE, NULL) != ZX_OK) _exit(1);
  if (zx_channel_read(channel, 0, NULL, &pair, 0, 1, NULL, NULL) != ZX_OK) _exit(2);
  for (;;) {
    if (zx_object_wait_one(pair, ZX_USER_SIGNAL_0 | ZX_EVENTPAIR_PEER_CLOSED, ZX_TIME_INFINITE, &observed) !=
        ZX_OK) {
      _exit(3);
    }
    if (observed & ZX_EVENTPAIR_PEER_CLOSED) _exit(0);
    zx_object_signal(pair, ZX_USER_SIGNAL_0, 0);
    zx_object_signal_peer(pair, 0, ZX_USER_SIGNAL_1);
  }
}

static pid_t start_player(zx_handle_t* out) {
  zx_handle_t channel[2], pair[2];
  ck_assert_int_eq(zx_channel_create(0, &channel[0], &channel[1]), ZX_OK);
  pid_t child = fork();
  if (child == 0) {
    zx_linux_after_fork_keep(&channel[1], 1);
    play(channel[1]);
  }
  zx_linux_after_fork_leave(&channel[1], 1);
  ck_assert_int_eq(zx_eventpair_create(0, &pair[0], &pair[1]), ZX_OK);
  ck_assert_int_eq(zx_channel_write(channel[0], 0, NULL, 0, &pair[1], 1), ZX_OK);
  zx_handle_close(channel[0]);
  *out = pair[0];
  return child;
}

START_TEST(an_eventpair_across_processes_loses_no_signal) {
  zx_handle_t pair;
  int status;
  pid_t child = start_player(&pair);
  for (int i = 0; i < 2000; i++) {
    ck_assert_int_eq(zx_object_signal_peer(pair, 0, ZX_USER_SIGNAL_0), ZX_OK);
    ck_assert_int_eq(zx_object_wait_one(pair, ZX_USER_SIGNAL_1, soon(), NULL), ZX_OK);
    ck_assert_int_eq(zx_object_signal(pair, ZX_USER_SIGNAL_1, 0), ZX_OK);
  }
  zx_handle_close(pair);
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(a_killed_process_closes_its_end) {
  zx_handle_t pair;
  int status;
  pid_t child = start_player(&pair);
  ck_assert_int_eq(zx_object_signal_peer(pair, 0, ZX_USER_SIGNAL_0), ZX_OK);
  ck_assert_int_eq(zx_object_wait_one(pair, ZX_USER_SIGNAL_1, soon(), NULL), ZX_OK);
  kill(child, SIGKILL);
  ck_assert_int_eq(zx_object_wait_one(pair, ZX_EVENTPAIR_PEER_CLOSED, soon(), NULL), ZX_OK);
  waitpid(child, &status, 0);
  zx_handle_close(pair);
}
END_TEST

// A process that holds a duplicate of one end, waits for its own bit each round, and answers through the
// other end's bits.
static pid_t start_listener(zx_handle_t pair, zx_handle_t answers, zx_signals_t bit) {
  zx_handle_t channel[2], dup[2];
  ck_assert_int_eq(zx_channel_create(0, &channel[0], &channel[1]), ZX_OK);
  ck_assert_int_eq(zx_handle_duplicate(pair, ZX_RIGHT_SAME_RIGHTS, &dup[0]), ZX_OK);
  ck_assert_int_eq(zx_handle_duplicate(answers, ZX_RIGHT_SAME_RIGHTS, &dup[1]), ZX_OK);
  ck_assert_int_eq(zx_channel_write(channel[0], 0, NULL, 0, dup, 2), ZX_OK);
  pid_t child = fork();
  if (child != 0) {
    zx_linux_after_fork_leave(&channel[1], 1);
    zx_handle_close(channel[0]);
    return child;
  }
  zx_linux_after_fork_keep(&channel[1], 1);
  if (zx_channel_read(channel[1], 0, NULL, dup, 0, 2, NULL, NULL) != ZX_OK) _exit(1);
  zx_signals_t observed;
  for (;;) {
    if (zx_object_wait_one(dup[0], bit | ZX_EVENTPAIR_SIGNALED, ZX_TIME_INFINITE, &observed) != ZX_OK)
      _exit(2);
    if (observed & ZX_EVENTPAIR_SIGNALED) _exit(0);
    zx_object_signal(dup[0], bit, 0);
    zx_object_signal(dup[1], 0, bit);
  }
}

START_TEST(processes_that_share_an_end_all_hear_the_bell) {
  zx_handle_t pair[2], answers;
  pid_t children[3];
  int status;
  ck_assert_int_eq(zx_eventpair_create(0, &pair[0], &pair[1]), ZX_OK);
  ck_assert_int_eq(zx_event_create(0, &answers), ZX_OK);
  for (int i = 0; i < 3; i++)
    children[i] = start_listener(pair[1], answers, ZX_USER_SIGNAL_0 << i);
  for (int round = 0; round < 1000; round++) {
    zx_signals_t bit = ZX_USER_SIGNAL_0 << (round % 3);
    ck_assert_int_eq(zx_object_signal_peer(pair[0], 0, bit), ZX_OK);
    ck_assert_int_eq(zx_object_wait_one(answers, bit, soon(), NULL), ZX_OK);
    ck_assert_int_eq(zx_object_signal(answers, bit, 0), ZX_OK);
  }
  ck_assert_int_eq(zx_object_signal_peer(pair[0], 0, ZX_EVENTPAIR_SIGNALED), ZX_OK);
  for (int i = 0; i < 3; i++) {
    ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
    ck_assert_int_eq(status, 0);
  }
  zx_handle_close_many(pair, 2);
  zx_handle_close(answers);
}
END_TEST

// Waits at `dup[0]` in the way that `by_port` says, and tells through `dup[1]` when it does and what it saw.
static void hear_own_signals(zx_handle_t* dup, bool by_port, zx_signals_t waits, zx_signals_t heard) {
  zx_handle_t port;
  zx_port_packet_t packet;
  if (zx_port_create(0, &port) != ZX_OK) _exit(1);
  for (int round = 0; round < 200; round++) {
    zx_signals_t observed = 0;
    if (by_port) {
      // For an edge: while it is still on, the next round is not to be met by this one's signal.
      if (zx_object_wait_async(dup[0], port, 1, ZX_USER_SIGNAL_5, ZX_WAIT_ASYNC_EDGE) != ZX_OK) _exit(2);
      if (zx_object_signal(dup[1], 0, waits) != ZX_OK) _exit(3);
      if (zx_port_wait(port, soon(), &packet) != ZX_OK) _exit(4);
      observed = packet.signal.observed;
    } else {
      if (zx_object_wait_one(dup[0], ZX_USER_SIGNAL_6, soon(), &observed) != ZX_OK) _exit(5);
      if (zx_object_signal(dup[0], ZX_USER_SIGNAL_6, 0) != ZX_OK) _exit(6);
      observed = ZX_USER_SIGNAL_5;
    }
    if (!(observed & ZX_USER_SIGNAL_5)) _exit(7);
    if (zx_object_signal(dup[1], 0, heard) != ZX_OK) _exit(8);
  }
  _exit(0);
}

static pid_t start_hearer(zx_handle_t end, zx_handle_t answers, bool by_port, zx_signals_t waits,
                          zx_signals_t heard) {
  zx_handle_t channel[2], dup[2];
  ck_assert_int_eq(zx_channel_create(0, &channel[0], &channel[1]), ZX_OK);
  ck_assert_int_eq(zx_handle_duplicate(end, ZX_RIGHT_SAME_RIGHTS, &dup[0]), ZX_OK);
  ck_assert_int_eq(zx_handle_duplicate(answers, ZX_RIGHT_SAME_RIGHTS, &dup[1]), ZX_OK);
  ck_assert_int_eq(zx_channel_write(channel[0], 0, NULL, 0, dup, 2), ZX_OK);
  pid_t child = fork();
  if (child == 0) {
    zx_linux_after_fork_keep(&channel[1], 1);
    if (zx_channel_read(channel[1], 0, NULL, dup, 0, 2, NULL, NULL) != ZX_OK) _exit(9);
    hear_own_signals(dup, by_port, waits, heard);
  }
  zx_linux_after_fork_leave(&channel[1], 1);
  zx_handle_close(channel[0]);
  return child;
}

static void expect_good_end(pid_t child) {
  int status;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
}

START_TEST(an_end_signaled_by_one_holder_wakes_the_others) {
  zx_handle_t pair[2], answers;
  ck_assert_int_eq(zx_eventpair_create(0, &pair[0], &pair[1]), ZX_OK);
  ck_assert_int_eq(zx_event_create(0, &answers), ZX_OK);
  pid_t child = start_hearer(pair[1], answers, false, 0, ZX_USER_SIGNAL_1);
  for (int round = 0; round < 200; round++) {
    ck_assert_int_eq(zx_object_signal(pair[1], 0, ZX_USER_SIGNAL_6), ZX_OK);
    ck_assert_int_eq(zx_object_wait_one(answers, ZX_USER_SIGNAL_1, soon(), NULL), ZX_OK);
    ck_assert_int_eq(zx_object_signal(answers, ZX_USER_SIGNAL_1, 0), ZX_OK);
  }
  expect_good_end(child);
  ck_assert_uint_eq(state(pair[0]), 0);
  zx_handle_close_many((zx_handle_t[]){pair[0], pair[1], answers}, 3);
}
END_TEST

// Of an end, by its peer and by a holder, and of an event: on and off again before anybody looks.
START_TEST(a_signal_that_comes_and_goes_is_heard_by_every_holder) {
  for (int kind = 0; kind < 3; kind++) {
    zx_handle_t pair[2], answers, event, own_port;
    pid_t children[2];
    ck_assert_int_eq(zx_eventpair_create(0, &pair[0], &pair[1]), ZX_OK);
    ck_assert_int_eq(zx_event_create(0, &answers), ZX_OK);
    ck_assert_int_eq(zx_event_create(0, &event), ZX_OK);
    ck_assert_int_eq(zx_port_create(0, &own_port), ZX_OK);
    zx_handle_t end = kind == 2 ? event : pair[1];
    for (int i = 0; i < 2; i++)
      children[i] = start_hearer(end, answers, true, ZX_USER_SIGNAL_1 << i, ZX_USER_SIGNAL_3 << i);
    for (int round = 0; round < 200; round++) {
      zx_port_packet_t packet;
      ck_assert_int_eq(zx_object_wait_async(end, own_port, 1, ZX_USER_SIGNAL_5, 0), ZX_OK);
      for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(zx_object_wait_one(answers, ZX_USER_SIGNAL_1 << i, soon(), NULL), ZX_OK);
        ck_assert_int_eq(zx_object_signal(answers, ZX_USER_SIGNAL_1 << i, 0), ZX_OK);
      }
      if (kind == 0) ck_assert_int_eq(zx_object_signal_peer(pair[0], 0, ZX_USER_SIGNAL_5), ZX_OK);
      if (kind == 0) ck_assert_int_eq(zx_object_signal_peer(pair[0], ZX_USER_SIGNAL_5, 0), ZX_OK);
      if (kind != 0) ck_assert_int_eq(zx_object_signal(end, 0, ZX_USER_SIGNAL_5), ZX_OK);
      if (kind != 0) ck_assert_int_eq(zx_object_signal(end, ZX_USER_SIGNAL_5, 0), ZX_OK);
      for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(zx_object_wait_one(answers, ZX_USER_SIGNAL_3 << i, soon(), NULL), ZX_OK);
        ck_assert_int_eq(zx_object_signal(answers, ZX_USER_SIGNAL_3 << i, 0), ZX_OK);
      }
      ck_assert_int_eq(zx_port_wait(own_port, soon(), &packet), ZX_OK);
      ck_assert_int_eq(zx_port_wait(own_port, 0, &packet), ZX_ERR_TIMED_OUT);
    }
    for (int i = 0; i < 2; i++)
      expect_good_end(children[i]);
    zx_handle_close_many((zx_handle_t[]){pair[0], pair[1], answers, event, own_port}, 5);
  }
}
END_TEST

START_TEST(waits_poll_time_out_and_see_everything) {
  zx_handle_t event;
  zx_signals_t observed = 1;
  ck_assert_int_eq(zx_event_create(0, &event), ZX_OK);
  ck_assert_int_eq(zx_object_wait_one(event, ZX_EVENT_SIGNALED, zx_deadline_after(ZX_MSEC(1)), &observed),
                   ZX_ERR_TIMED_OUT);
  ck_assert_uint_eq(observed, 0);
  zx_object_signal(event, 0, ZX_EVENT_SIGNALED | ZX_USER_SIGNAL_4);
  ck_assert_int_eq(zx_object_wait_one(event, ZX_EVENT_SIGNALED, ZX_TIME_INFINITE_PAST, &observed), ZX_OK);
  ck_assert_uint_eq(observed, ZX_EVENT_SIGNALED | ZX_USER_SIGNAL_4);
  zx_handle_close(event);
}
END_TEST

START_TEST(wait_many_fills_every_item) {
  zx_wait_item_t items[65] = {{0}};
  zx_handle_t event, pair[2];
  ck_assert_int_eq(zx_event_create(0, &event), ZX_OK);
  ck_assert_int_eq(zx_eventpair_create(0, &pair[0], &pair[1]), ZX_OK);
  items[0] = (zx_wait_item_t){event, ZX_EVENT_SIGNALED, 0};
  items[1] = (zx_wait_item_t){pair[0], ZX_EVENTPAIR_SIGNALED, 0};
  ck_assert_int_eq(zx_object_wait_many(items, 2, zx_deadline_after(ZX_MSEC(1))), ZX_ERR_TIMED_OUT);
  zx_object_signal(event, 0, ZX_USER_SIGNAL_1);
  zx_object_signal_peer(pair[1], 0, ZX_EVENTPAIR_SIGNALED);
  ck_assert_int_eq(zx_object_wait_many(items, 2, ZX_TIME_INFINITE), ZX_OK);
  ck_assert_uint_eq(items[0].pending, ZX_USER_SIGNAL_1);
  ck_assert_uint_eq(items[1].pending, ZX_EVENTPAIR_SIGNALED);
  ck_assert_int_eq(zx_object_wait_many(items, 65, 0), ZX_ERR_OUT_OF_RANGE);
  ck_assert_int_eq(zx_object_wait_many(NULL, 0, zx_deadline_after(ZX_MSEC(1))), ZX_ERR_TIMED_OUT);
  items[1].handle = 0;
  ck_assert_int_eq(zx_object_wait_many(items, 2, ZX_TIME_INFINITE), ZX_ERR_BAD_HANDLE);
  zx_handle_close(event);
  zx_handle_close(pair[0]);
  zx_handle_close(pair[1]);
}
END_TEST

struct waiter {
  zx_handle_t handle;
  zx_signals_t signals;
  zx_status_t status;
  zx_signals_t observed;
};

static void* wait_in_thread(void* context) {
  struct waiter* w = context;
  w->status = zx_object_wait_one(w->handle, w->signals, ZX_TIME_INFINITE, &w->observed);
  return NULL;
}

START_TEST(closing_a_handle_cancels_the_waits_made_with_it_only) {
  for (int i = 0; i < 100; i++) {
    struct waiter a = {.signals = ZX_EVENTPAIR_SIGNALED}, b = a;
    zx_handle_t peer;
    pthread_t threads[2];
    ck_assert_int_eq(zx_eventpair_create(0, &a.handle, &peer), ZX_OK);
    ck_assert_int_eq(zx_handle_duplicate(a.handle, ZX_RIGHT_SAME_RIGHTS, &b.handle), ZX_OK);
    pthread_create(&threads[0], NULL, wait_in_thread, &a);
    pthread_create(&threads[1], NULL, wait_in_thread, &b);
    if (i % 2) sched_yield();
    ck_assert_int_eq(zx_handle_close(a.handle), ZX_OK);
    pthread_join(threads[0], NULL);
    ck_assert(a.status == ZX_ERR_CANCELED || a.status == ZX_ERR_BAD_HANDLE);
    if (a.status == ZX_ERR_CANCELED) ck_assert(a.observed & ZX_SIGNAL_HANDLE_CLOSED);
    ck_assert_int_eq(zx_object_signal_peer(peer, 0, ZX_EVENTPAIR_SIGNALED), ZX_OK);
    pthread_join(threads[1], NULL);
    ck_assert_int_eq(b.status, ZX_OK);
    zx_handle_close(b.handle);
    zx_handle_close(peer);
  }
}
END_TEST

START_TEST(many_threads_on_one_eventpair_all_wake) {
  for (int round = 0; round < 50; round++) {
    zx_handle_t pair[2];
    struct waiter w[8];
    pthread_t threads[8];
    ck_assert_int_eq(zx_eventpair_create(0, &pair[0], &pair[1]), ZX_OK);
    for (int i = 0; i < 8; i++) {
      w[i] = (struct waiter){.handle = pair[0], .signals = ZX_USER_SIGNAL_0 << i};
      pthread_create(&threads[i], NULL, wait_in_thread, &w[i]);
    }
    for (int i = 0; i < 8; i++)
      ck_assert_int_eq(zx_object_signal_peer(pair[1], 0, ZX_USER_SIGNAL_0 << i), ZX_OK);
    for (int i = 0; i < 8; i++)
      pthread_join(threads[i], NULL);
    for (int i = 0; i < 8; i++)
      ck_assert_int_eq(w[i].status, ZX_OK);
    zx_handle_close(pair[0]);
    zx_handle_close(pair[1]);
  }
}
END_TEST

START_TEST(timers_fire_once_and_are_cleared_by_cancel_and_set) {
  zx_handle_t timer;
  ck_assert_int_eq(zx_timer_create(3, ZX_CLOCK_MONOTONIC, &timer), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_timer_create(0, 1, &timer), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_timer_create(0, ZX_CLOCK_MONOTONIC, &timer), ZX_OK);
  ck_assert_uint_eq(state(timer), 0);
  ck_assert_int_eq(zx_timer_set(timer, 0, -1), ZX_ERR_OUT_OF_RANGE);
  static const zx_time_t past[] = {0, -1, 1, ZX_TIME_INFINITE_PAST};
  for (int i = 0; i < 4; i++) {
    ck_assert_int_eq(zx_timer_set(timer, past[i], 0), ZX_OK);
    ck_assert_uint_eq(state(timer), ZX_TIMER_SIGNALED);
    ck_assert_int_eq(zx_timer_cancel(timer), ZX_OK);
    ck_assert_uint_eq(state(timer), 0);
  }
  zx_time_t deadline = zx_deadline_after(ZX_MSEC(3));
  ck_assert_int_eq(zx_timer_set(timer, deadline, ZX_MSEC(1)), ZX_OK);
  zx_info_timer_t info;
  ck_assert_int_eq(zx_object_get_info(timer, ZX_INFO_TIMER, &info, sizeof(info), NULL, NULL), ZX_OK);
  ck_assert(info.deadline == deadline && info.slack == ZX_MSEC(1));
  ck_assert_int_eq(zx_object_wait_one(timer, ZX_TIMER_SIGNALED, ZX_TIME_INFINITE, NULL), ZX_OK);
  ck_assert_int_ge(zx_clock_get_monotonic(), deadline);
  ck_assert_int_eq(zx_timer_set(timer, ZX_TIME_INFINITE, 0), ZX_OK);
  ck_assert_uint_eq(state(timer), 0);
  zx_handle_close(timer);
}
END_TEST

START_TEST(deadlines_saturate) {
  ck_assert_int_eq(zx_deadline_after(ZX_TIME_INFINITE), ZX_TIME_INFINITE);
  ck_assert_int_lt(zx_deadline_after(INT64_MIN), 0);
  ck_assert_int_gt(zx_deadline_after(0), 0);
}
END_TEST

START_TEST(statuses_have_names) {
  ck_assert_str_eq(zx_status_get_string(ZX_OK), "ZX_OK");
  ck_assert_str_eq(zx_status_get_string(ZX_ERR_PEER_CLOSED), "ZX_ERR_PEER_CLOSED");
  ck_assert_str_eq(zx_status_get_string(5), "(unknown status)");
}
END_TEST

// In place of the C library's: something may happen right after a message has gone.
static void (*after_send)(void);

ssize_t sendmsg(int fd, const struct msghdr* message, int flags) {
  ssize_t size = syscall(SYS_sendmsg, fd, message, flags);
  void (*happens)(void) = after_send;
  after_send = NULL;
  if (happens) happens();
  return size;
}

static zx_handle_t carrier[2], shared_pair[2], received, receivers_port;

static void listen_and_be_signaled(void) {
  zx_port_packet_t packet;
  ck_assert_int_eq(zx_channel_read(carrier[1], 0, NULL, &received, 0, 1, NULL, NULL), ZX_OK);
  ck_assert_int_eq(zx_object_wait_async(received, receivers_port, 1, ZX_USER_SIGNAL_0, 0), ZX_OK);
  ck_assert_int_eq(zx_port_wait(receivers_port, 0, &packet), ZX_ERR_TIMED_OUT);  // armed
  ck_assert_int_eq(zx_object_signal_peer(shared_pair[1], 0, ZX_USER_SIGNAL_0), ZX_OK);
  ck_assert_uint_eq(state(shared_pair[0]), ZX_USER_SIGNAL_0);  // a thread of the sender looks
}

// Who gets a duplicate of an end may listen to its bell before the sender's call returns.
START_TEST(a_sender_leaves_the_bell_to_who_got_a_duplicate) {
  zx_port_packet_t packet;
  zx_handle_t duplicate;
  ck_assert_int_eq(zx_channel_create(0, &carrier[0], &carrier[1]), ZX_OK);
  ck_assert_int_eq(zx_eventpair_create(0, &shared_pair[0], &shared_pair[1]), ZX_OK);
  ck_assert_int_eq(zx_port_create(0, &receivers_port), ZX_OK);
  ck_assert_int_eq(zx_handle_duplicate(shared_pair[0], ZX_RIGHT_SAME_RIGHTS, &duplicate), ZX_OK);
  after_send = listen_and_be_signaled;
  ck_assert_int_eq(zx_channel_write(carrier[0], 0, NULL, 0, &duplicate, 1), ZX_OK);
  ck_assert(after_send == NULL);
  ck_assert_int_eq(zx_port_wait(receivers_port, 0, &packet), ZX_OK);
  ck_assert_uint_eq(packet.key, 1);
  zx_handle_close_many((zx_handle_t[]){carrier[0], carrier[1], shared_pair[0], shared_pair[1]}, 4);
  zx_handle_close_many((zx_handle_t[]){received, receivers_port}, 2);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("signals");
  TCase* tc = jx_test_case(suite, "signals");
  tcase_add_test(tc, a_closed_value_names_nothing_even_after_reuse);
  tcase_add_test(tc, duplicate_and_replace_only_take_rights_away);
  tcase_add_test(tc, close_many_closes_the_good_ones_among_bad_ones);
  tcase_add_test(tc, ten_thousand_handles);
  tcase_add_test(tc, events_keep_what_is_set_until_it_is_cleared);
  tcase_add_test(tc, eventpairs_signal_each_other);
  tcase_add_test(tc, an_eventpair_across_processes_loses_no_signal);
  tcase_add_test(tc, a_killed_process_closes_its_end);
  tcase_add_test(tc, processes_that_share_an_end_all_hear_the_bell);
  tcase_add_test(tc, a_sender_leaves_the_bell_to_who_got_a_duplicate);
  tcase_add_test(tc, an_end_signaled_by_one_holder_wakes_the_others);
  tcase_add_test(tc, a_signal_that_comes_and_goes_is_heard_by_every_holder);
  tcase_add_test(tc, waits_poll_time_out_and_see_everything);
  tcase_add_test(tc, wait_many_fills_every_item);
  tcase_add_test(tc, closing_a_handle_cancels_the_waits_made_with_it_only);
  tcase_add_test(tc, many_threads_on_one_eventpair_all_wake);
  tcase_add_test(tc, timers_fire_once_and_are_cleared_by_cancel_and_set);
  tcase_add_test(tc, deadlines_saturate);
  tcase_add_test(tc, statuses_have_names);
  return jx_test_run(suite);
}
