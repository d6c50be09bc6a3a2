// Every bound that the headers and the README state: what still fits, and what happens to the first thing
// that does not.
#include <grp.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "jx_test.h"

static unsigned char bytes[300000];

static zx_handle_t make_event(void) {
  zx_handle_t event;
  ck_assert_int_eq(zx_event_create(0, &event), ZX_OK);
  return event;
}

START_TEST(a_message_has_at_most_65536_bytes_64_handles_and_8192_parts) {
  zx_handle_t c[2], handles[65], got[64];
  static zx_channel_iovec_t parts[8193];
  uint32_t num_bytes, num_handles;
  ck_assert_int_eq(zx_channel_create(0, &c[0], &c[1]), ZX_OK);
  for (int i = 0; i < 64; i++)
    handles[i] = make_event();
  ck_assert_int_eq(zx_channel_write(c[0], 0, bytes, 65536, handles, 64), ZX_OK);
  ck_assert_int_eq(zx_channel_read(c[1], 0, bytes, got, 65536, 64, &num_bytes, &num_handles), ZX_OK);
  ck_assert(num_bytes == 65536 && num_handles == 64);
  zx_handle_close_many(got, 64);
  ck_assert_int_eq(zx_channel_write(c[0], 0, bytes, 65537, NULL, 0), ZX_ERR_OUT_OF_RANGE);
  for (int i = 0; i < 65; i++)
    handles[i] = make_event();
  ck_assert_int_eq(zx_channel_write(c[0], 0, bytes, 1, handles, 65), ZX_ERR_OUT_OF_RANGE);
  for (int i = 0; i < 65; i++)
    ck_assert_int_eq(zx_handle_close(handles[i]), ZX_ERR_BAD_HANDLE);
  for (int i = 0; i < 8193; i++)
    parts[i] = (zx_channel_iovec_t){&bytes[i], 8, 0};
  ck_assert_int_eq(zx_channel_write(c[0], ZX_CHANNEL_WRITE_USE_IOVEC, parts, 8192, NULL, 0), ZX_OK);
  ck_assert_int_eq(zx_channel_write(c[0], ZX_CHANNEL_WRITE_USE_IOVEC, parts, 8193, NULL, 0),
                   ZX_ERR_OUT_OF_RANGE);
  parts[8191].capacity = 9;
  ck_assert_int_eq(zx_channel_write(c[0], ZX_CHANNEL_WRITE_USE_IOVEC, parts, 8192, NULL, 0),
                   ZX_ERR_OUT_OF_RANGE);
  ck_assert_int_eq(zx_channel_read(c[1], 0, bytes, NULL, 65536, 0, &num_bytes, NULL), ZX_OK);
  ck_assert_uint_eq(num_bytes, 65536);
  ck_assert_int_eq(zx_channel_read(c[1], 0, bytes, NULL, 65536, 0, NULL, NULL), ZX_ERR_SHOULD_WAIT);
  zx_handle_close_many(c, 2);
}
END_TEST

// How many messages of `size` a queue takes until it is full.
static unsigned fill_queue(zx_handle_t channel, uint32_t size) {
  zx_status_t status;
  unsigned count = 0;
  zx_signals_t observed;
  while ((status = zx_channel_write(channel, 0, bytes, size, NULL, 0)) == ZX_OK)
    count++;
  ck_assert_int_eq(status, ZX_ERR_SHOULD_WAIT);
  ck_assert_int_eq(zx_object_wait_one(channel, ZX_CHANNEL_WRITABLE, 0, &observed), ZX_ERR_TIMED_OUT);
  return count;
}

static void drain(zx_handle_t writer, zx_handle_t reader, unsigned expected) {
  unsigned count = 0;
  while (zx_channel_read(reader, 0, bytes, NULL, 65536, 0, NULL, NULL) == ZX_OK)
    count++;
  ck_assert_uint_eq(count, expected);
  ck_assert_int_eq(zx_object_wait_one(writer, ZX_CHANNEL_WRITABLE, zx_deadline_after(ZX_SEC(60)), NULL),
                   ZX_OK);
}

static void make_busy(const zx_handle_t* c) {
  for (int i = 0; i < 400; i++) {
    for (int side = 0; side < 2; side++) {
      ck_assert_int_eq(zx_channel_write(c[side], 0, bytes, 1, NULL, 0), ZX_OK);
      ck_assert_int_eq(zx_channel_read(c[!side], 0, bytes, NULL, 1, 0, NULL, NULL), ZX_OK);
    }
  }
}

START_TEST(a_queue_is_bounded_before_and_after_it_moves_to_shared_memory) {
  for (int busy = 0; busy < 2; busy++) {
    zx_handle_t c[2];
    ck_assert_int_eq(zx_channel_create(0, &c[0], &c[1]), ZX_OK);
    if (busy) make_busy(c);
    // Of the kernel's memory a small message takes more than its bytes; of the ring 8 more, and up to an
    // eighth is what was read last.
    unsigned small = fill_queue(c[0], 1);
    ck_assert_uint_ge(small, busy ? 14335 : 128);
    ck_assert_uint_le(small, 16383);
    drain(c[0], c[1], small);
    unsigned large = fill_queue(c[0], 65536);
    ck_assert_uint_ge(large, 2);
    ck_assert_uint_le(large, 4);
    drain(c[0], c[1], large);
    zx_handle_close_many(c, 2);
  }
}
END_TEST

static void expect_signal(zx_handle_t port) {
  zx_port_packet_t packet;
  ck_assert_int_eq(zx_port_wait(port, zx_deadline_after(ZX_SEC(60)), &packet), ZX_OK);
  ck_assert(packet.key == 1 && packet.signal.observed & ZX_USER_SIGNAL_0);
}

START_TEST(a_signal_behind_more_messages_than_an_end_keeps_comes_after_them) {
  enum { KEPT = 4096, MORE = 10 };
  zx_handle_t c[2], port;
  ck_assert_int_eq(zx_channel_create(0, &c[0], &c[1]), ZX_OK);
  ck_assert_int_eq(zx_port_create(0, &port), ZX_OK);
  make_busy(c);
  for (int i = 0; i < KEPT; i++)
    ck_assert_int_eq(zx_channel_write(c[0], 0, bytes, 1, NULL, 0), ZX_OK);
  for (int i = 0; i < MORE; i++)
    ck_assert_int_eq(zx_object_signal_peer(c[0], 0, ZX_USER_SIGNAL_0), ZX_OK);
  ck_assert_int_eq(zx_channel_write(c[0], 0, bytes, 1, NULL, 0), ZX_OK);
  // Both look for the signal behind the messages, and keep what they find on the way.
  ck_assert_int_eq(zx_object_wait_async(c[1], port, 1, ZX_USER_SIGNAL_0, 0), ZX_OK);
  ck_assert_int_eq(zx_object_wait_one(c[1], ZX_USER_SIGNAL_0, zx_deadline_after(ZX_MSEC(1)), NULL),
                   ZX_ERR_TIMED_OUT);
  drain(c[0], c[1], KEPT + 1);
  expect_signal(port);
  zx_handle_close(port);
  zx_handle_close_many(c, 2);
}
END_TEST

// Of a channel that stays a socket: its reader never writes.
START_TEST(an_end_that_keeps_as_much_as_it_may_sleeps_until_there_is_room_for_more) {
  enum { KEPT = 4096, MORE = 10 };
  zx_handle_t c[2], port;
  ck_assert_int_eq(zx_channel_create(0, &c[0], &c[1]), ZX_OK);
  ck_assert_int_eq(zx_port_create(0, &port), ZX_OK);
  for (int i = 0; i < KEPT + MORE; i++) {
    // Takes in what there is, to look behind it.
    if (i % 64 == 0) ck_assert_int_eq(zx_object_wait_one(c[0], ZX_USER_SIGNAL_0, 1, NULL), ZX_ERR_TIMED_OUT);
    ck_assert_int_eq(zx_channel_write(c[1], 0, bytes, 1, NULL, 0), ZX_OK);
  }
  ck_assert_int_eq(zx_object_signal_peer(c[1], 0, ZX_USER_SIGNAL_0), ZX_OK);
  ck_assert_int_eq(zx_object_wait_async(c[0], port, 1, ZX_USER_SIGNAL_0, 0), ZX_OK);
  zx_port_packet_t packet;
  ck_assert_int_eq(zx_port_wait(port, zx_deadline_after(ZX_MSEC(1)), &packet), ZX_ERR_TIMED_OUT);
  // As many as there are: no read finds nothing, and so the signal.
  for (int i = 0; i < KEPT + MORE; i++)
    ck_assert_int_eq(zx_channel_read(c[0], 0, bytes, NULL, 1, 0, NULL, NULL), ZX_OK);
  expect_signal(port);
  zx_handle_close(port);
  zx_handle_close_many(c, 2);
}
END_TEST

static int64_t processor_time(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec * 1000000000 + time.tv_nsec;
}

// With shared memory offered and no answer: that makes an end look into the socket for whatever it waits.
START_TEST(an_end_that_keeps_as_much_as_it_may_does_not_turn_in_circles) {
  enum { KEPT = 4096, MORE = 10 };
  zx_handle_t c[2];
  ck_assert_int_eq(zx_channel_create(0, &c[0], &c[1]), ZX_OK);
  for (int i = 0; i < KEPT + MORE; i++) {
    if (i % 64 == 0) ck_assert_int_eq(zx_object_wait_one(c[0], ZX_USER_SIGNAL_0, 1, NULL), ZX_ERR_TIMED_OUT);
    ck_assert_int_eq(zx_channel_write(c[1], 0, bytes, 1, NULL, 0), ZX_OK);
  }
  for (int i = 0; i < 100; i++)
    ck_assert_int_eq(zx_channel_write(c[0], 0, bytes, 1, NULL, 0), ZX_OK);
  static const zx_signals_t awaited[] = {ZX_USER_SIGNAL_0, ZX_CHANNEL_PEER_CLOSED};
  for (int i = 0; i < 2; i++) {
    int64_t before = processor_time();
    ck_assert_int_eq(zx_object_wait_one(c[0], awaited[i], zx_deadline_after(ZX_MSEC(200)), NULL),
                     ZX_ERR_TIMED_OUT);
    ck_assert_int_lt(processor_time() - before, ZX_MSEC(50));
  }
  zx_handle_close_many(c, 2);
}
END_TEST

// The reader looks at each for something else: what it takes out of the socket then is not for ever more.
// What is left there counts for all processes of this user, so it is little.
START_TEST(unread_handles_are_bounded_by_the_queue_and_not_by_how_often_an_end_is_looked_at) {
  enum { MESSAGES = 180 };
  zx_handle_t c[2], handle;
  zx_signals_t observed;
  ck_assert_int_eq(zx_channel_create(0, &c[0], &c[1]), ZX_OK);
  make_busy(c);
  for (int round = 0; round < 2; round++) {
    for (uint32_t i = 0; i < MESSAGES; i++) {
      handle = make_event();  // three descriptors
      ck_assert_int_eq(zx_channel_write(c[0], 0, &i, sizeof(i), &handle, 1), ZX_OK);
      ck_assert_int_eq(zx_object_wait_one(c[1], ZX_CHANNEL_PEER_CLOSED, 1, &observed), ZX_ERR_TIMED_OUT);
      ck_assert(observed & ZX_CHANNEL_READABLE);
      int64_t before = processor_time();
      if (i == MESSAGES - 1)
        ck_assert_int_eq(
            zx_object_wait_one(c[1], ZX_CHANNEL_PEER_CLOSED, zx_deadline_after(ZX_MSEC(200)), NULL),
            ZX_ERR_TIMED_OUT);
      ck_assert_int_lt(processor_time() - before, ZX_MSEC(50));
    }
    for (uint32_t i = 0, got; i < MESSAGES; i++) {
      ck_assert_int_eq(zx_channel_read(c[1], 0, &got, &handle, sizeof(got), 1, NULL, NULL), ZX_OK);
      ck_assert_uint_eq(got, i);
      zx_handle_close(handle);
    }
  }
  zx_handle_close_many(c, 2);
}
END_TEST

START_TEST(what_is_behind_as_many_signals_as_a_ring_holds_is_found) {
  enum { SIGNALS = 12000 };
  zx_handle_t c[2], port;
  ck_assert_int_eq(zx_channel_create(0, &c[0], &c[1]), ZX_OK);
  ck_assert_int_eq(zx_port_create(0, &port), ZX_OK);
  make_busy(c);
  for (int how = 0; how < 3; how++) {
    ck_assert_int_eq(zx_object_signal(c[1], ZX_USER_SIGNAL_0, 0), ZX_OK);
    for (int i = 0; i < SIGNALS; i++)
      ck_assert_int_eq(zx_object_signal_peer(c[0], 0, ZX_USER_SIGNAL_1), ZX_OK);
    ck_assert_int_eq(zx_object_signal_peer(c[0], 0, ZX_USER_SIGNAL_0), ZX_OK);
    if (how == 0) {
      ck_assert_int_eq(zx_object_wait_one(c[1], ZX_USER_SIGNAL_0, zx_deadline_after(ZX_SEC(60)), NULL),
                       ZX_OK);
    } else if (how == 1) {
      ck_assert_int_eq(zx_object_wait_async(c[1], port, 1, ZX_USER_SIGNAL_0, 0), ZX_OK);
      expect_signal(port);
    } else {
      ck_assert_int_eq(zx_channel_write(c[0], 0, bytes, 1, NULL, 0), ZX_OK);
      ck_assert_int_eq(zx_channel_read(c[1], 0, bytes, NULL, 1, 0, NULL, NULL), ZX_OK);
    }
  }
  zx_handle_close(port);
  zx_handle_close_many(c, 2);
}
END_TEST

// The largest of this process's mappings of shared memory.
static size_t largest_mapping(void) {
  char line[256];
  size_t largest = 0;
  FILE* maps = fopen("/proc/self/maps", "re");
  while (fgets(line, sizeof(line), maps)) {
    unsigned long from, to;
    if (sscanf(line, "%lx-%lx", &from, &to) == 2 && strstr(line, "memfd:zx") && to - from > largest)
      largest = to - from;
  }
  fclose(maps);
  return largest;
}

START_TEST(an_idle_channel_is_a_descriptor_and_half_a_kilobyte_at_each_end_and_a_busy_one_half_a_megabyte) {
  enum { CHANNELS = 100 };
  static zx_handle_t c[CHANNELS][2];
  ck_assert_int_eq(zx_channel_create(0, &c[0][0], &c[0][1]), ZX_OK);
  int fds = jx_test_open_fds();
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  size_t before = mallinfo2().uordblks;
#endif
  for (int i = 1; i < CHANNELS; i++)
    ck_assert_int_eq(zx_channel_create(0, &c[i][0], &c[i][1]), ZX_OK);
  ck_assert_int_eq(jx_test_open_fds() - fds, 2 * (CHANNELS - 1));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  ck_assert_uint_le((mallinfo2().uordblks - before) / (2 * (CHANNELS - 1)), 640);
#endif
  ck_assert_uint_eq(largest_mapping(), 0);
  make_busy(c[0]);
  ck_assert_int_eq(jx_test_open_fds() - fds, 2 * (CHANNELS - 1) + 2);
  ck_assert_uint_gt(largest_mapping(), 0);
  ck_assert_uint_le(largest_mapping(), 516 * 1024);
  zx_handle_close_many(&c[0][0], 2 * CHANNELS);
}
END_TEST

START_TEST(a_wait_has_at_most_64_items) {
  zx_wait_item_t items[65];
  zx_handle_t event = make_event();
  for (int i = 0; i < 65; i++)
    items[i] = (zx_wait_item_t){event, ZX_EVENT_SIGNALED, 0};
  ck_assert_int_eq(zx_object_wait_many(items, 64, 0), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(zx_object_wait_many(items, 65, 0), ZX_ERR_OUT_OF_RANGE);
  ck_assert_int_eq(zx_object_signal(event, 0, ZX_EVENT_SIGNALED), ZX_OK);
  ck_assert_int_eq(zx_object_wait_many(items, 64, ZX_TIME_INFINITE), ZX_OK);
  ck_assert_uint_eq(items[63].pending, ZX_EVENT_SIGNALED);
  zx_handle_close(event);
}
END_TEST

START_TEST(a_fifo_has_at_most_4096_bytes_each_way) {
  static const struct {
    size_t count, size;
    zx_status_t status;
  } shapes[] = {{4096, 1, ZX_OK},
                {1, 4096, ZX_OK},
                {64, 64, ZX_OK},
                {1365, 3, ZX_OK},
                {4097, 1, ZX_ERR_OUT_OF_RANGE},
                {1, 4097, ZX_ERR_OUT_OF_RANGE},
                {65, 64, ZX_ERR_OUT_OF_RANGE},
                {1366, 3, ZX_ERR_OUT_OF_RANGE},
                {SIZE_MAX / 2, 4, ZX_ERR_OUT_OF_RANGE}};
  for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
    zx_handle_t f[2];
    size_t actual;
    ck_assert_int_eq(zx_fifo_create(shapes[i].count, shapes[i].size, 0, &f[0], &f[1]), shapes[i].status);
    if (shapes[i].status != ZX_OK) continue;
    ck_assert_int_eq(zx_fifo_write(f[0], shapes[i].size, bytes, shapes[i].count + 1, &actual), ZX_OK);
    ck_assert_uint_eq(actual, shapes[i].count);
    ck_assert_int_eq(zx_fifo_write(f[0], shapes[i].size, bytes, 1, &actual), ZX_ERR_SHOULD_WAIT);
    ck_assert_int_eq(zx_fifo_read(f[1], shapes[i].size, bytes, shapes[i].count + 1, &actual), ZX_OK);
    ck_assert_uint_eq(actual, shapes[i].count);
    zx_handle_close_many(f, 2);
  }
}
END_TEST

START_TEST(a_socket_has_256_kib_each_way) {
  zx_handle_t s[2], d[2];
  size_t actual;
  ck_assert_int_eq(zx_socket_create(ZX_SOCKET_STREAM, &s[0], &s[1]), ZX_OK);
  ck_assert_int_eq(zx_socket_write(s[0], 0, bytes, 262145, &actual), ZX_OK);
  ck_assert_uint_eq(actual, 262144);
  ck_assert_int_eq(zx_socket_write(s[0], 0, bytes, 1, &actual), ZX_ERR_SHOULD_WAIT);
  ck_assert_int_eq(zx_socket_write(s[1], 0, bytes, 262144, &actual), ZX_OK);
  ck_assert_int_eq(zx_socket_read(s[1], 0, bytes, 300000, &actual), ZX_OK);
  ck_assert_uint_eq(actual, 262144);
  // A datagram takes 4 bytes more than it has.
  ck_assert_int_eq(zx_socket_create(ZX_SOCKET_DATAGRAM, &d[0], &d[1]), ZX_OK);
  ck_assert_int_eq(zx_socket_write(d[0], 0, bytes, 262141, &actual), ZX_ERR_OUT_OF_RANGE);
  ck_assert_int_eq(zx_socket_write(d[0], 0, bytes, 262140, &actual), ZX_OK);
  ck_assert_int_eq(zx_socket_write(d[0], 0, bytes, 1, &actual), ZX_ERR_SHOULD_WAIT);
  ck_assert_int_eq(zx_socket_read(d[1], 0, bytes, 300000, &actual), ZX_OK);
  ck_assert_uint_eq(actual, 262140);
  size_t threshold = 262144;
  ck_assert_int_eq(zx_object_set_property(s[0], ZX_PROP_SOCKET_RX_THRESHOLD, &threshold, 8), ZX_OK);
  threshold++;
  ck_assert_int_eq(zx_object_set_property(s[0], ZX_PROP_SOCKET_RX_THRESHOLD, &threshold, 8),
                   ZX_ERR_INVALID_ARGS);
  zx_handle_close_many(s, 2);
  zx_handle_close_many(d, 2);
}
END_TEST

// The kernel counts what is in flight of one user, and does not count for root: a user of the test's own, so
// that nobody else's descriptors count.
static void become_a_user(rlim_t descriptors) {
  const struct rlimit limit = {descriptors, descriptors};
  if (geteuid() == 0) {
    ck_assert_int_eq(setgroups(0, NULL), 0);
    ck_assert_int_eq(setgid(54321), 0);
    ck_assert_int_eq(setuid(54321), 0);
  }
  ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

START_TEST(descriptors_in_unread_messages_are_bounded_by_the_users_limit) {
  enum { LIMIT = 128, EACH = 4 };
  for (int busy = 0; busy < 2; busy++) {
    zx_handle_t c[2], handles[EACH];
    ck_assert_int_eq(zx_channel_create(0, &c[0], &c[1]), ZX_OK);
    if (busy) make_busy(c);
    int before = jx_test_open_fds();
    for (int i = 0; i < EACH; i++)
      ck_assert_int_eq(zx_vmo_create(1, 0, &handles[i]), ZX_OK);
    int each = jx_test_open_fds() - before;
    ck_assert_int_ge(each, EACH);
    zx_handle_close_many(handles, EACH);
    if (busy == 0) become_a_user(LIMIT);
    zx_status_t status;
    int written = 0, read = 0;
    do {
      for (int i = 0; i < EACH; i++)
        ck_assert_int_eq(zx_vmo_create(1, 0, &handles[i]), ZX_OK);
      status = zx_channel_write(c[0], 0, &written, sizeof(written), handles, EACH);
      written += status == ZX_OK;
      ck_assert_int_eq(zx_handle_close(handles[0]), ZX_ERR_BAD_HANDLE);
      ck_assert_int_eq(jx_test_open_fds(), before);
    } while (status == ZX_OK && written <= LIMIT);
    ck_assert_int_eq(status, ZX_ERR_NO_RESOURCES);
    // The one that passes the limit still goes.
    ck_assert_int_le(written * each, LIMIT + each);
    // Messages without handles go on, and what was refused is not among what is read.
    ck_assert_int_eq(zx_channel_write(c[0], 0, &written, sizeof(written), NULL, 0), ZX_OK);
    for (int number; read <= written; read++) {
      uint32_t num_handles;
      ck_assert_int_eq(zx_channel_read(c[1], 0, &number, handles, sizeof(number), EACH, NULL, &num_handles),
                       ZX_OK);
      ck_assert_int_eq(number, read);
      ck_assert_uint_eq(num_handles, read < written ? EACH : 0);
      zx_handle_close_many(handles, num_handles);
    }
    ck_assert_int_eq(zx_channel_read(c[1], 0, NULL, NULL, 0, 0, NULL, NULL), ZX_ERR_SHOULD_WAIT);
    // Now there is room again.
    ck_assert_int_eq(zx_vmo_create(1, 0, &handles[0]), ZX_OK);
    ck_assert_int_eq(zx_channel_write(c[0], 0, NULL, 0, handles, 1), ZX_OK);
    zx_handle_close_many(c, 2);
  }
}
END_TEST

START_TEST(a_port_has_room_for_4096_packets_of_users_and_for_those_of_waits_besides) {
  zx_handle_t port, event = make_event();
  zx_port_packet_t packet = {.key = 1};
  ck_assert_int_eq(zx_port_create(0, &port), ZX_OK);
  for (int i = 0; i < 4096; i++)
    jx_assert(zx_port_queue(port, &packet) == ZX_OK);
  ck_assert_int_eq(zx_port_queue(port, &packet), ZX_ERR_SHOULD_WAIT);
  ck_assert_int_eq(zx_object_wait_async(event, port, 2, ZX_EVENT_SIGNALED, 0), ZX_OK);
  ck_assert_int_eq(zx_object_signal(event, 0, ZX_EVENT_SIGNALED), ZX_OK);
  for (int i = 0; i < 4096; i++) {
    jx_assert(zx_port_wait(port, 0, &packet) == ZX_OK);
    jx_assert(packet.key == 1);
  }
  ck_assert_int_eq(zx_port_wait(port, 0, &packet), ZX_OK);
  ck_assert_uint_eq(packet.key, 2);
  ck_assert_int_eq(zx_port_queue(port, &packet), ZX_OK);
  zx_handle_close(port);
  zx_handle_close(event);
}
END_TEST

START_TEST(a_process_has_at_most_261632_handles) {
  enum { MAX_HANDLES = 261632 };
  static zx_handle_t handles[MAX_HANDLES + 1];
  zx_handle_t other[2] = {1, 2};
  handles[0] = make_event();
  for (int i = 1; i < MAX_HANDLES; i++)
    jx_assert(zx_handle_duplicate(handles[0], ZX_RIGHT_SAME_RIGHTS, &handles[i]) == ZX_OK);
  int fds = jx_test_open_fds();
  ck_assert_int_eq(zx_handle_duplicate(handles[0], ZX_RIGHT_SAME_RIGHTS, &other[0]), ZX_ERR_NO_RESOURCES);
  ck_assert_int_eq(zx_channel_create(0, &other[0], &other[1]), ZX_ERR_NO_RESOURCES);
  ck_assert(other[0] == 1 && other[1] == 2);
  // Room for one of the two ends is not enough, and is given back.
  ck_assert_int_eq(zx_handle_close(handles[MAX_HANDLES - 1]), ZX_OK);
  ck_assert_int_eq(zx_fifo_create(1, 1, 0, &other[0], &other[1]), ZX_ERR_NO_RESOURCES);
  ck_assert_int_eq(zx_handle_duplicate(handles[0], ZX_RIGHT_SAME_RIGHTS, &handles[MAX_HANDLES - 1]), ZX_OK);
  ck_assert_int_eq(jx_test_open_fds(), fds);
  ck_assert_int_eq(zx_handle_close_many(handles, MAX_HANDLES), ZX_OK);
  ck_assert_int_eq(zx_channel_create(0, &other[0], &other[1]), ZX_OK);
  zx_handle_close_many(other, 2);
}
END_TEST

START_TEST(a_vmo_has_at_most_64_tib) {
  zx_handle_t vmo;
  ck_assert_int_eq(zx_vmo_create((uint64_t)1 << 46, 0, &vmo), ZX_OK);
  zx_handle_close(vmo);
  ck_assert_int_eq(zx_vmo_create(((uint64_t)1 << 46) + 1, 0, &vmo), ZX_ERR_OUT_OF_RANGE);
  ck_assert_int_eq(zx_vmo_create(UINT64_MAX, 0, &vmo), ZX_ERR_OUT_OF_RANGE);
  ck_assert_int_eq(zx_vmo_create(1, ZX_VMO_RESIZABLE, &vmo), ZX_OK);
  ck_assert_int_eq(zx_vmo_set_size(vmo, (uint64_t)1 << 46), ZX_OK);
  ck_assert_int_eq(zx_vmo_set_size(vmo, ((uint64_t)1 << 46) + 1), ZX_ERR_OUT_OF_RANGE);
  zx_handle_close(vmo);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("limits");
  TCase* tc = jx_test_case(suite, "limits");
  tcase_add_test(tc, a_message_has_at_most_65536_bytes_64_handles_and_8192_parts);
  tcase_add_test(tc, a_queue_is_bounded_before_and_after_it_moves_to_shared_memory);
  tcase_add_test(tc, a_signal_behind_more_messages_than_an_end_keeps_comes_after_them);
  tcase_add_test(tc, an_end_that_keeps_as_much_as_it_may_sleeps_until_there_is_room_for_more);
  tcase_add_test(tc, an_end_that_keeps_as_much_as_it_may_does_not_turn_in_circles);
  tcase_add_test(tc, unread_handles_are_bounded_by_the_queue_and_not_by_how_often_an_end_is_looked_at);
  tcase_add_test(tc, what_is_behind_as_many_signals_as_a_ring_holds_is_found);
  tcase_add_test(
      tc, an_idle_channel_is_a_descriptor_and_half_a_kilobyte_at_each_end_and_a_busy_one_half_a_megabyte);
  tcase_add_test(tc, a_wait_has_at_most_64_items);
  tcase_add_test(tc, a_fifo_has_at_most_4096_bytes_each_way);
  tcase_add_test(tc, a_socket_has_256_kib_each_way);
  tcase_add_test(tc, descriptors_in_unread_messages_are_bounded_by_the_users_limit);
  tcase_add_test(tc, a_port_has_room_for_4096_packets_of_users_and_for_those_of_waits_besides);
  tcase_add_test(tc, a_process_has_at_most_261632_handles);
  tcase_add_test(tc, a_vmo_has_at_most_64_tib);
  return jx_test_run(suite);
}
