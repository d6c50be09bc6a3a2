// Streams of messages one way, long enough that the writer does without its fence (runtime/zx/wake.h): no
// wake-up is lost by that, whatever the processes of the two ends are able and allowed to do.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zircon/linux.h>

#include "busy_channel.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { MESSAGES = 100000 };
#else
enum { MESSAGES = 1000000 };
#endif

enum { LONG = 1500 };  // messages that make a stream

static zx_time_t soon(void) {
  return zx_deadline_after(ZX_SEC(60));
}

static void make_busy(void) {
  do {
    exchange(400);
  } while (count_rings(NULL) != 2);  // on a loaded machine that may not be busy enough
}

// What a side says in shared memory, in the words behind `waiting` and `closed`.
struct words {
  const volatile uint32_t* light;
  const volatile uint32_t* heavy;
};

static struct words words_of(unsigned side) {
  void* memory = NULL;
  count_rings(&memory);
  const volatile uint32_t* line = (const volatile uint32_t*)memory + (size_t)32 * side;
  return (struct words){line + 2, line + 3};
}

static void write_some(uint32_t first, uint32_t count) {
  for (uint32_t i = first; i < first + count; i++) {
    uint32_t message[40] = {i};
    zx_status_t status;
    while ((status = zx_channel_write(ends[0], 0, message, 4 + 4 * (i % 32), NULL, 0)) == ZX_ERR_SHOULD_WAIT)
      jx_assert(zx_object_wait_one(ends[0], ZX_CHANNEL_WRITABLE, soon(), NULL) == ZX_OK);
    jx_assert(status == ZX_OK);
  }
}

// One way or another; mostly as one of two items, which is a sleep without watching memory before it.
static void wait_for_message(zx_handle_t channel, zx_handle_t port) {
  zx_wait_item_t items[2] = {{channel, ZX_CHANNEL_READABLE, 0}, {channel, ZX_USER_SIGNAL_0, 0}};
  zx_port_packet_t packet;
  switch (rand() % 8) {
    case 0:
      jx_assert(zx_object_wait_one(channel, ZX_CHANNEL_READABLE, ZX_TIME_INFINITE, NULL) == ZX_OK);
      break;
    case 1:
      jx_assert(zx_object_wait_async(channel, port, 1, ZX_CHANNEL_READABLE, 0) == ZX_OK);
      jx_assert(zx_port_wait(port, soon(), &packet) == ZX_OK);
      break;
    default:
      jx_assert(zx_object_wait_many(items, 2, soon()) == ZX_OK);
  }
}

static void read_some(zx_handle_t channel, zx_handle_t port, uint32_t first, uint32_t count) {
  for (uint32_t i = first; i < first + count;) {
    uint32_t message[40], size;
    zx_status_t status = zx_channel_read(channel, 0, message, NULL, sizeof(message), 0, &size, NULL);
    if (status == ZX_OK) {
      jx_assert(message[0] == i && size == 4 + 4 * (i % 32));
      i++;
    } else {
      jx_assert(status == ZX_ERR_SHOULD_WAIT);
      wait_for_message(channel, port);
    }
  }
}

// Neither end waits for the other in another way: the last message of each burst must be enough. Both know
// how long they are.
static uint32_t burst(unsigned* seed) {
  uint32_t number = (uint32_t)rand_r(seed);
  return number % 3 ? 1 + number % 40 : LONG + number % LONG;
}

static int acks[2];

static void write_bursts(unsigned seed, uint32_t first, uint32_t total) {
  char byte;
  for (uint32_t done = 0, count; done < total; done += count) {
    count = burst(&seed);
    write_some(first + done, count);
    ck_assert_int_eq(read(acks[0], &byte, 1), 1);
  }
}

static void read_bursts(zx_handle_t channel, unsigned seed, uint32_t first, uint32_t total) {
  zx_handle_t port;
  jx_assert(zx_port_create(0, &port) == ZX_OK);
  for (uint32_t done = 0, count; done < total; done += count) {
    count = burst(&seed);
    read_some(channel, port, first + done, count);
    jx_assert(write(acks[1], "", 1) == 1);
  }
  zx_handle_close(port);
}

// False: this machine lets nobody forbid anything.
static bool forbid_barriers(void) {
  struct sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog filter = {sizeof(program) / sizeof(program[0]), program};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

static void open_acks(void) {
  ck_assert_int_eq(pipe(acks), 0);
}

static void close_acks(void) {
  close(acks[0]);
  close(acks[1]);
}

static void expect_exit(pid_t child) {
  int status;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
}

START_TEST(a_stream_whose_writer_never_reads_moves_to_shared_memory) {
  zx_handle_t port;
  void* memory = NULL;
  uint32_t next = 0;
  ck_assert_int_eq(zx_port_create(0, &port), ZX_OK);
  while (count_rings(&memory) != 2 || !((const volatile uint32_t*)memory)[64]) {  // the head of its ring
    write_some(next, 100);
    read_some(ends[1], port, next, 100);
    next += 100;
    ck_assert_uint_lt(next, 1000000);
  }
  zx_handle_close(port);
}
END_TEST

START_TEST(a_writer_is_light_until_its_reader_sleeps) {
  zx_handle_t port;
  zx_port_packet_t packet;
  make_busy();
  struct words writer = words_of(0), reader = words_of(1);
  ck_assert_int_eq(zx_port_create(0, &port), ZX_OK);
  for (uint32_t i = 0; i < 5; i++) {
    write_some(i * (LONG + 1), LONG);
    ck_assert_uint_eq(*writer.light, *reader.heavy);  // 0 where the kernel has no barriers
    read_some(ends[1], port, i * (LONG + 1), LONG);
    ck_assert_int_eq(zx_object_wait_async(ends[1], port, 1, ZX_CHANNEL_READABLE, 0), ZX_OK);
    ck_assert_int_eq(zx_port_wait(port, 0, &packet), ZX_ERR_TIMED_OUT);
    write_some(i * (LONG + 1) + LONG, 1);
    ck_assert_uint_eq(*writer.light, 0);
    ck_assert_int_eq(zx_port_wait(port, soon(), &packet), ZX_OK);
    read_some(ends[1], port, i * (LONG + 1) + LONG, 1);
  }
  zx_handle_close(port);
}
END_TEST

START_TEST(a_stream_between_processes_loses_no_wake_up) {
  make_busy();
  open_acks();
  pid_t child = fork();
  if (child == 0) {
    zx_linux_after_fork_keep(&ends[1], 1);
    read_bursts(ends[1], 1, 0, MESSAGES);
    _exit(0);
  }
  zx_linux_after_fork_leave(&ends[1], 1);
  write_bursts(1, 0, MESSAGES);
  expect_exit(child);
  close_acks();
}
END_TEST

START_TEST(a_reader_who_may_not_order_both_is_told_by_fences) {
  if (!forbid_barriers()) return;
  make_busy();
  ck_assert_uint_eq(*words_of(0).heavy, 0);
  ck_assert_uint_eq(*words_of(1).heavy, 0);
  open_acks();
  pid_t child = fork();
  if (child == 0) {
    zx_linux_after_fork_keep(&ends[1], 1);
    read_bursts(ends[1], 2, 0, 100000);
    _exit(0);
  }
  zx_linux_after_fork_leave(&ends[1], 1);
  write_bursts(2, 0, 100000);
  ck_assert_uint_eq(*words_of(0).light, 0);
  expect_exit(child);
  close_acks();
}
END_TEST

START_TEST(a_reader_who_loses_his_barriers_misses_nothing) {
  zx_handle_t port;
  make_busy();
  open_acks();
  ck_assert_int_eq(zx_port_create(0, &port), ZX_OK);
  write_some(0, LONG);
  read_some(ends[1], port, 0, LONG);
  zx_handle_close(port);
  pid_t child = fork();
  if (child == 0) {
    zx_linux_after_fork_keep(&ends[1], 1);
    (void)forbid_barriers();
    read_bursts(ends[1], 3, LONG, 100000);
    _exit(0);
  }
  zx_linux_after_fork_leave(&ends[1], 1);
  write_bursts(3, LONG, 100000);
  expect_exit(child);
  close_acks();
}
END_TEST

// To a process that may have barriers or not, and back.
START_TEST(a_reading_end_moves_in_the_middle_of_a_stream) {
  zx_handle_t to[2], back[2], port;
  uint32_t next = 0;
  make_busy();
  ck_assert_int_eq(zx_channel_create(0, &to[0], &to[1]), ZX_OK);
  ck_assert_int_eq(zx_channel_create(0, &back[0], &back[1]), ZX_OK);
  ck_assert_int_eq(zx_port_create(0, &port), ZX_OK);
  open_acks();
  pid_t child = fork();
  if (child == 0) {
    zx_linux_after_fork_keep(&to[1], 1);
    zx_linux_after_fork_keep(&back[1], 1);
    for (int round = 0; round < 20; round++) {
      zx_handle_t got;
      uint32_t from;
      if (round == 10) (void)forbid_barriers();
      jx_assert(zx_object_wait_one(to[1], ZX_CHANNEL_READABLE, soon(), NULL) == ZX_OK);
      jx_assert(zx_channel_read(to[1], 0, &from, &got, 4, 1, NULL, NULL) == ZX_OK);
      read_bursts(got, (unsigned)round, from, 5000);
      jx_assert(zx_channel_write(back[1], 0, NULL, 0, &got, 1) == ZX_OK);
    }
    _exit(0);
  }
  zx_linux_after_fork_leave(&to[1], 1);
  zx_linux_after_fork_leave(&back[1], 1);
  for (unsigned round = 0; round < 20; round++) {
    write_some(next, LONG);  // the writer is light
    read_some(ends[1], port, next, LONG);
    next += LONG;
    ck_assert_int_eq(zx_channel_write(to[0], 0, &next, 4, &ends[1], 1), ZX_OK);
    unsigned seed = round;
    for (uint32_t done = 0, count; done < 5000; done += count) {
      char byte;
      count = burst(&seed);
      write_some(next, count);
      next += count;
      ck_assert_int_eq(read(acks[0], &byte, 1), 1);
    }
    ck_assert_int_eq(zx_object_wait_one(back[0], ZX_CHANNEL_READABLE, soon(), NULL), ZX_OK);
    ck_assert_int_eq(zx_channel_read(back[0], 0, NULL, &ends[1], 0, 1, NULL, NULL), ZX_OK);
  }
  expect_exit(child);
  close_acks();
  zx_handle_close(port);
  zx_handle_close(to[0]);
  zx_handle_close(back[0]);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("channel_stream");
  TCase* tc = jx_test_case(suite, "channel_stream");
  tcase_set_timeout(tc, 180);
  tcase_add_checked_fixture(tc, make_channel, close_channel);
  tcase_add_test(tc, a_stream_whose_writer_never_reads_moves_to_shared_memory);
  tcase_add_test(tc, a_writer_is_light_until_its_reader_sleeps);
  tcase_add_test(tc, a_stream_between_processes_loses_no_wake_up);
  tcase_add_test(tc, a_reader_who_may_not_order_both_is_told_by_fences);
  tcase_add_test(tc, a_reader_who_loses_his_barriers_misses_nothing);
  tcase_add_test(tc, a_reading_end_moves_in_the_middle_of_a_stream);
  return jx_test_run(suite);
}
