// Fifos and sockets: rings in shared memory, between honest and hostile ends.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
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

START_TEST(fifo_creation_checks_its_shape) {
  zx_handle_t a, b;
  static const struct {
    size_t count, size;
    uint32_t options;
    zx_status_t status;
  } cases[] = {{0, 8, 0, ZX_ERR_OUT_OF_RANGE},
               {8, 0, 0, ZX_ERR_OUT_OF_RANGE},
               {4097, 1, 0, ZX_ERR_OUT_OF_RANGE},
               {1, 4097, 0, ZX_ERR_OUT_OF_RANGE},
               {64, 65, 0, ZX_ERR_OUT_OF_RANGE},
               {SIZE_MAX, 2, 0, ZX_ERR_OUT_OF_RANGE},
               {4, 4, 1, ZX_ERR_INVALID_ARGS},
               {4096, 1, 0, ZX_OK},
               {1, 4096, 0, ZX_OK}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    zx_status_t status = zx_fifo_create(cases[i].count, cases[i].size, cases[i].options, &a, &b);
    ck_assert_int_eq(status, cases[i].status);
    if (status != ZX_OK) continue;
    zx_handle_close(a);
    zx_handle_close(b);
  }
}
END_TEST

START_TEST(fifo_signals_follow_the_queues) {
  zx_handle_t f[2];
  uint32_t values[8] = {1, 2, 3, 4, 5, 6, 7, 8}, got[8];
  size_t actual;
  ck_assert_int_eq(zx_fifo_create(5, 4, 0, &f[0], &f[1]), ZX_OK);
  ck_assert_uint_eq(state(f[0]), ZX_FIFO_WRITABLE);
  ck_assert_int_eq(zx_fifo_read(f[1], 4, got, 8, &actual), ZX_ERR_SHOULD_WAIT);
  ck_assert_int_eq(zx_fifo_write(f[0], 8, values, 1, &actual), ZX_ERR_OUT_OF_RANGE);
  ck_assert_int_eq(zx_fifo_write(f[0], 4, values, 0, &actual), ZX_ERR_OUT_OF_RANGE);
  ck_assert_int_eq(zx_fifo_write(f[0], 4, NULL, 1, &actual), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_fifo_write(f[0], 4, values, 8, &actual), ZX_OK);
  ck_assert_uint_eq(actual, 5);
  ck_assert_int_eq(zx_fifo_write(f[0], 4, values, 8, &actual), ZX_ERR_SHOULD_WAIT);
  ck_assert_uint_eq(state(f[0]), 0);
  ck_assert_uint_eq(state(f[1]), ZX_FIFO_READABLE | ZX_FIFO_WRITABLE);
  ck_assert_int_eq(zx_fifo_read(f[1], 4, got, 2, NULL), ZX_OK);
  ck_assert(got[0] == 1 && got[1] == 2);
  ck_assert_uint_eq(state(f[0]), ZX_FIFO_WRITABLE);
  zx_handle_close(f[0]);
  ck_assert_uint_eq(state(f[1]), ZX_FIFO_READABLE | ZX_FIFO_PEER_CLOSED);
  ck_assert_int_eq(zx_fifo_write(f[1], 4, values, 1, NULL), ZX_ERR_PEER_CLOSED);
  ck_assert_int_eq(zx_fifo_read(f[1], 4, got, 8, &actual), ZX_OK);
  ck_assert(actual == 3 && got[0] == 3 && got[2] == 5);
  ck_assert_uint_eq(state(f[1]), ZX_FIFO_PEER_CLOSED);
  ck_assert_int_eq(zx_fifo_read(f[1], 4, got, 8, &actual), ZX_ERR_PEER_CLOSED);
  zx_handle_close(f[1]);
}
END_TEST

START_TEST(fifo_keeps_order_across_the_wrap) {
  zx_handle_t f[2];
  ck_assert_int_eq(zx_fifo_create(7, 12, 0, &f[0], &f[1]), ZX_OK);
  uint32_t next_in = 0, next_out = 0, batch[7][3], got[7][3];
  for (int round = 0; round < 1000; round++) {
    size_t count = (size_t)(round % 7) + 1, actual = 0;
    for (size_t i = 0; i < count; i++)
      batch[i][0] = batch[i][1] = batch[i][2] = next_in + (uint32_t)i;
    if (zx_fifo_write(f[0], 12, batch, count, &actual) == ZX_OK) next_in += (uint32_t)actual;
    if (zx_fifo_read(f[1], 12, got, (size_t)(round % 5) + 1, &actual) != ZX_OK) continue;
    for (size_t i = 0; i < actual; i++, next_out++)
      ck_assert(got[i][0] == next_out && got[i][2] == next_out);
  }
  ck_assert_uint_gt(next_out, 1000);
  zx_handle_close(f[0]);
  zx_handle_close(f[1]);
}
END_TEST

// Echoes what comes through a fifo that arrives in a message.
static void echo(zx_handle_t channel) {
  zx_handle_t fifo;
  uint64_t values[64];
  size_t count;
  if (zx_object_wait_one(channel, ZX_CHANNEL_READABLE, ZX_TIME_INFINITE, NULL) != ZX_OK) _exit(1);
  if (zx_channel_read(channel, 0, NULL, &fifo, 0, 1, NULL, NULL) != ZX_OK) _exit(2);
  for (;;) {
    zx_status_t status = zx_fifo_read(fifo, 8, values, 64, &count);
    if (status == ZX_ERR_PEER_CLOSED) _exit(0);
    if (status == ZX_ERR_SHOULD_WAIT) {
      zx_object_wait_one(fifo, ZX_FIFO_READABLE | ZX_FIFO_PEER_CLOSED, ZX_TIME_INFINITE, NULL);
      continue;
    }
    for (size_t done = 0, now; done < count; done += now) {
      now = 0;
      status = zx_fifo_write(fifo, 8, values + done, count - done, &now);
      if (status == ZX_ERR_SHOULD_WAIT) {
        zx_object_wait_one(fifo, ZX_FIFO_WRITABLE | ZX_FIFO_PEER_CLOSED, ZX_TIME_INFINITE, NULL);
      } else if (status != ZX_OK) {
        _exit(3);
      }
    }
  }
}

START_TEST(a_fifo_moved_to_another_process_with_entries_in_it) {
  zx_handle_t f[2], c[2], dup;
  uint64_t sent = 0, received = 0, values[20];
  int status;
  ck_assert_int_eq(zx_channel_create(0, &c[0], &c[1]), ZX_OK);
  pid_t child = fork();
  if (child == 0) {
    zx_linux_after_fork_keep(&c[1], 1);
    echo(c[1]);
  }
  zx_linux_after_fork_leave(&c[1], 1);
  ck_assert_int_eq(zx_fifo_create(100, 8, 0, &f[0], &f[1]), ZX_OK);
  for (; sent < 3; sent++)
    ck_assert_int_eq(zx_fifo_write(f[0], 8, &sent, 1, NULL), ZX_OK);
  ck_assert_int_eq(zx_fifo_read(f[1], 8, values, 1, NULL), ZX_OK);  // one is taken before it moves
  received = 1;
  ck_assert_int_eq(zx_handle_duplicate(f[1], ZX_RIGHT_SAME_RIGHTS, &dup), ZX_OK);
  ck_assert_int_eq(zx_channel_write(c[0], 0, NULL, 0, &dup, 1), ZX_ERR_NOT_SUPPORTED);  // not the last handle
  ck_assert_int_eq(zx_channel_write(c[0], 0, NULL, 0, &f[1], 1), ZX_OK);
  while (received < 20000) {
    zx_signals_t want = ZX_FIFO_READABLE;
    size_t actual = 0;
    if (sent < 20000) {
      uint64_t batch[20];
      size_t count = 20000 - sent < 20 ? (size_t)(20000 - sent) : 20;
      for (size_t i = 0; i < count; i++)
        batch[i] = sent + i;
      if (zx_fifo_write(f[0], 8, batch, count, &actual) == ZX_OK) sent += actual;
      want |= ZX_FIFO_WRITABLE;
    }
    while (zx_fifo_read(f[0], 8, values, 20, &actual) == ZX_OK) {
      for (size_t i = 0; i < actual; i++)
        ck_assert_uint_eq(values[i], received++);
    }
    if (received < 20000) {
      ck_assert_int_eq(zx_object_wait_one(f[0], want, zx_deadline_after(ZX_SEC(60)), NULL), ZX_OK);
    }
  }
  zx_handle_close(f[0]);
  zx_handle_close(c[0]);
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
}
END_TEST

// The shared memory of the pair made last, as a hostile peer has it: found by its size among this process's
// mappings.
static uint32_t* find_memory(size_t size) {
  char line[256];
  uint32_t* found = NULL;
  FILE* maps = fopen("/proc/self/maps", "re");
  while (fgets(line, sizeof(line), maps)) {
    unsigned long from, to;
    if (sscanf(line, "%lx-%lx", &from, &to) == 2 && to - from == size && strstr(line, "memfd:zx")) {
      found = (uint32_t*)from;
    }
  }
  fclose(maps);
  ck_assert_ptr_nonnull(found);
  return found;
}

START_TEST(impossible_indexes_of_a_peer_count_as_a_closed_peer) {
  static const uint32_t lies[] = {6, 0x7fffffff, 0x80000000, 0xffffffff, 1u << 20};
  for (size_t word = 0; word < 64; word++) {
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
      zx_handle_t f[2];
      uint64_t values[8] = {0};
      ck_assert_int_eq(zx_fifo_create(5, 8, 0, &f[0], &f[1]), ZX_OK);
      ck_assert_int_eq(zx_fifo_write(f[0], 8, values, 3, NULL), ZX_OK);
      uint32_t* memory = find_memory(4096);
      memory[64 + word] = lies[i];  // past the two sides
      for (int n = 0; n < 4; n++) {
        (void)zx_fifo_read(f[1], 8, values, 2, NULL);
        (void)zx_fifo_write(f[1], 8, values, 4, NULL);
        (void)zx_fifo_read(f[0], 8, values, 2, NULL);
        (void)zx_fifo_write(f[0], 8, values, 4, NULL);
        state(f[0]);
        state(f[1]);
      }
      zx_handle_close(f[0]);
      zx_handle_close(f[1]);
    }
  }
}
END_TEST

START_TEST(a_stream_socket_is_a_stream) {
  zx_handle_t s[2];
  static char big[400000];
  char buffer[16];
  size_t actual;
  ck_assert_int_eq(zx_socket_create(4, &s[0], &s[1]), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_socket_create(ZX_SOCKET_STREAM, &s[0], &s[1]), ZX_OK);
  ck_assert_uint_eq(state(s[0]), ZX_SOCKET_WRITABLE);
  ck_assert_int_eq(zx_socket_write(s[0], 0, "hello ", 6, &actual), ZX_OK);
  ck_assert_int_eq(zx_socket_write(s[0], 0, "world", 5, &actual), ZX_OK);
  ck_assert_int_eq(zx_socket_read(s[1], ZX_SOCKET_PEEK, buffer, 16, &actual), ZX_OK);
  ck_assert(actual == 11 && memcmp(buffer, "hello world", 11) == 0);
  ck_assert_int_eq(zx_socket_read(s[1], 0, buffer, 4, &actual), ZX_OK);
  ck_assert_int_eq(zx_socket_read(s[1], 0, buffer, 16, &actual), ZX_OK);
  ck_assert(actual == 7 && memcmp(buffer, "o world", 7) == 0);
  ck_assert_int_eq(zx_socket_read(s[1], 0, buffer, 16, &actual), ZX_ERR_SHOULD_WAIT);
  ck_assert_int_eq(zx_socket_write(s[0], 0, big, sizeof(big), &actual), ZX_OK);
  ck_assert_uint_lt(actual, sizeof(big));
  ck_assert_int_eq(zx_socket_write(s[0], 0, big, 1, &actual), ZX_ERR_SHOULD_WAIT);
  ck_assert_uint_eq(state(s[0]), 0);
  zx_handle_close(s[0]);
  ck_assert_uint_eq(state(s[1]), ZX_SOCKET_READABLE | ZX_SOCKET_PEER_CLOSED);
  while (zx_socket_read(s[1], 0, big, sizeof(big), &actual) == ZX_OK) {
  }
  ck_assert_int_eq(zx_socket_read(s[1], 0, big, 1, &actual), ZX_ERR_PEER_CLOSED);
  zx_handle_close(s[1]);
}
END_TEST

START_TEST(a_datagram_socket_keeps_boundaries) {
  zx_handle_t s[2];
  static char big[300000];
  char buffer[16];
  size_t actual;
  ck_assert_int_eq(zx_socket_create(ZX_SOCKET_DATAGRAM, &s[0], &s[1]), ZX_OK);
  ck_assert_int_eq(zx_socket_write(s[0], 0, "first one", 9, &actual), ZX_OK);
  ck_assert_int_eq(zx_socket_write(s[0], 0, "second", 6, &actual), ZX_OK);
  zx_info_socket_t info;
  ck_assert_int_eq(zx_object_get_info(s[1], ZX_INFO_SOCKET, &info, sizeof(info), NULL, NULL), ZX_OK);
  ck_assert_uint_eq(info.rx_buf_available, 9);
  ck_assert_int_eq(zx_socket_read(s[1], 0, buffer, 5, &actual), ZX_OK);
  ck_assert(actual == 5 && memcmp(buffer, "first", 5) == 0);
  ck_assert_int_eq(zx_socket_read(s[1], 0, buffer, 16, &actual), ZX_OK);
  ck_assert(actual == 6 && memcmp(buffer, "second", 6) == 0);
  ck_assert_int_eq(zx_socket_write(s[0], 0, big, sizeof(big), &actual), ZX_ERR_OUT_OF_RANGE);
  ck_assert_int_eq(zx_socket_write(s[0], 0, big, 200000, &actual), ZX_OK);
  ck_assert_int_eq(zx_socket_write(s[0], 0, big, 200000, &actual), ZX_ERR_SHOULD_WAIT);
  zx_handle_close(s[0]);
  zx_handle_close(s[1]);
}
END_TEST

START_TEST(socket_dispositions_and_thresholds) {
  zx_handle_t s[2];
  char buffer[16];
  size_t threshold = 4;
  ck_assert_int_eq(zx_socket_create(0, &s[0], &s[1]), ZX_OK);
  ck_assert_int_eq(zx_object_set_property(s[1], ZX_PROP_SOCKET_RX_THRESHOLD, &threshold, sizeof(threshold)),
                   ZX_OK);
  ck_assert_int_eq(zx_socket_write(s[0], 0, "abc", 3, NULL), ZX_OK);
  ck_assert_uint_eq(state(s[1]) & ZX_SOCKET_READ_THRESHOLD, 0);
  ck_assert_int_eq(zx_socket_write(s[0], 0, "d", 1, NULL), ZX_OK);
  ck_assert_uint_ne(state(s[1]) & ZX_SOCKET_READ_THRESHOLD, 0);
  ck_assert_int_eq(zx_socket_set_disposition(s[0], 3, 0), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_socket_set_disposition(s[0], ZX_SOCKET_DISPOSITION_WRITE_DISABLED, 0), ZX_OK);
  ck_assert_uint_eq(state(s[0]), ZX_SOCKET_WRITE_DISABLED);
  ck_assert_uint_ne(state(s[1]) & ZX_SOCKET_PEER_WRITE_DISABLED, 0);
  ck_assert_int_eq(zx_socket_write(s[0], 0, "x", 1, NULL), ZX_ERR_BAD_STATE);
  ck_assert_int_eq(zx_socket_set_disposition(s[0], ZX_SOCKET_DISPOSITION_WRITE_ENABLED, 0), ZX_ERR_BAD_STATE);
  ck_assert_int_eq(zx_socket_read(s[1], 0, buffer, 16, NULL), ZX_OK);
  ck_assert_int_eq(zx_socket_read(s[1], 0, buffer, 16, NULL), ZX_ERR_BAD_STATE);
  ck_assert_int_eq(zx_socket_set_disposition(s[1], 0, ZX_SOCKET_DISPOSITION_WRITE_ENABLED), ZX_OK);
  ck_assert_int_eq(zx_socket_write(s[0], 0, "x", 1, NULL), ZX_OK);
  zx_handle_close(s[0]);
  zx_handle_close(s[1]);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("fifo");
  TCase* tc = jx_test_case(suite, "fifo");
  tcase_add_test(tc, fifo_creation_checks_its_shape);
  tcase_add_test(tc, fifo_signals_follow_the_queues);
  tcase_add_test(tc, fifo_keeps_order_across_the_wrap);
  tcase_add_test(tc, a_fifo_moved_to_another_process_with_entries_in_it);
  tcase_add_test(tc, impossible_indexes_of_a_peer_count_as_a_closed_peer);
  tcase_add_test(tc, a_stream_socket_is_a_stream);
  tcase_add_test(tc, a_datagram_socket_keeps_boundaries);
  tcase_add_test(tc, socket_dispositions_and_thresholds);
  return jx_test_run(suite);
}
