// Clock objects: making, reading, moving them, what their properties forbid, and several holders.
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "jx_test.h"

#define V1 ZX_CLOCK_ARGS_VERSION(1)
#define V2 ZX_CLOCK_ARGS_VERSION(2)
#define VALUE ZX_CLOCK_UPDATE_OPTION_SYNTHETIC_VALUE_VALID
#define REFERENCE ZX_CLOCK_UPDATE_OPTION_REFERENCE_VALUE_VALID
#define RATE ZX_CLOCK_UPDATE_OPTION_RATE_ADJUST_VALID
#define BOUND ZX_CLOCK_UPDATE_OPTION_ERROR_BOUND_VALID
#define MONOTONIC ZX_CLOCK_OPT_MONOTONIC
#define CONTINUOUS (ZX_CLOCK_OPT_CONTINUOUS | ZX_CLOCK_OPT_MONOTONIC)

static zx_handle_t make(uint64_t options, zx_time_t backstop) {
  zx_clock_create_args_v1_t args = {backstop};
  zx_handle_t clock;
  ck_assert_int_eq(zx_clock_create(options | V1, &args, &clock), ZX_OK);
  return clock;
}

static zx_time_t read_clock(zx_handle_t clock) {
  zx_time_t now;
  ck_assert_int_eq(zx_clock_read(clock, &now), ZX_OK);
  return now;
}

static zx_clock_details_v1_t details_of(zx_handle_t clock) {
  zx_clock_details_v1_t details;
  memset(&details, 0xa5, sizeof(details));
  ck_assert_int_eq(zx_clock_get_details(clock, V1, &details), ZX_OK);
  return details;
}

static zx_signals_t state(zx_handle_t h) {
  zx_signals_t observed;
  ck_assert_int_eq(zx_object_wait_one(h, 0, 0, &observed), ZX_ERR_TIMED_OUT);
  return observed;
}

static zx_status_t set_value(zx_handle_t clock, int64_t value) {
  zx_clock_update_args_v1_t args = {.value = value};
  return zx_clock_update(clock, V1 | VALUE, &args);
}

static zx_status_t set_rate(zx_handle_t clock, int32_t rate) {
  zx_clock_update_args_v1_t args = {.rate_adjust = rate};
  return zx_clock_update(clock, V1 | RATE, &args);
}

static zx_status_t change(zx_handle_t clock, uint64_t options, int64_t reference, int64_t value,
                          int32_t rate) {
  zx_clock_update_args_v2_t args = {
      .reference_value = reference, .synthetic_value = value, .rate_adjust = rate, .error_bound = 7};
  return zx_clock_update(clock, V2 | options, &args);
}

START_TEST(creation_checks_options_versions_and_backstop) {
  zx_clock_create_args_v1_t args = {5500};
  zx_handle_t clock = ZX_HANDLE_INVALID;
  zx_info_handle_basic_t info;
  ck_assert_int_eq(zx_clock_create(ZX_CLOCK_OPT_CONTINUOUS, NULL, &clock), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_clock_create(0x100, NULL, &clock), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_clock_create(0, &args, &clock), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_clock_create(V1, NULL, &clock), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_clock_create(V2, &args, &clock), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_clock_create(V1, &args, NULL), ZX_ERR_INVALID_ARGS);
  args.backstop_time = zx_deadline_after(ZX_HOUR(1));
  ck_assert_int_eq(zx_clock_create(V1 | ZX_CLOCK_OPT_AUTO_START, &args, &clock), ZX_ERR_INVALID_ARGS);
  ck_assert_uint_eq(clock, ZX_HANDLE_INVALID);
  ck_assert_int_eq(zx_clock_create(0, NULL, &clock), ZX_OK);
  ck_assert_int_eq(zx_object_get_info(clock, ZX_INFO_HANDLE_BASIC, &info, sizeof(info), NULL, NULL), ZX_OK);
  ck_assert(info.type == ZX_OBJ_TYPE_CLOCK && info.rights == ZX_DEFAULT_CLOCK_RIGHTS && !info.related_koid);
  ck_assert_int_eq(read_clock(clock), 0);
  ck_assert_uint_eq(state(clock), 0);
  zx_handle_close(clock);
}
END_TEST

START_TEST(a_clock_stands_at_its_backstop_until_a_value_starts_it) {
  zx_handle_t clock = make(0, 5500);
  ck_assert_int_eq(read_clock(clock), 5500);
  ck_assert_int_eq(set_rate(clock, 10), ZX_ERR_BAD_STATE);
  ck_assert_int_eq(set_value(clock, 5499), ZX_ERR_INVALID_ARGS);
  ck_assert_uint_eq(details_of(clock).reference_to_synthetic.rate.synthetic_ticks, 0);
  zx_time_t before = zx_clock_get_monotonic();
  ck_assert_int_eq(set_value(clock, 6000), ZX_OK);
  ck_assert_uint_eq(state(clock), ZX_CLOCK_STARTED);
  zx_time_t now = read_clock(clock);
  ck_assert(now >= 6000 && now <= 6000 + zx_clock_get_monotonic() - before);
  ck_assert_int_eq(set_value(clock, 5499), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(set_value(clock, 5500), ZX_OK);
  zx_handle_close(clock);
}
END_TEST

START_TEST(a_clock_that_starts_by_itself_shows_its_reference) {
  zx_handle_t clock = make(ZX_CLOCK_OPT_AUTO_START | CONTINUOUS, 1);
  zx_handle_t boot = make(ZX_CLOCK_OPT_AUTO_START | ZX_CLOCK_OPT_BOOT, 1);
  ck_assert_uint_eq(state(clock), ZX_CLOCK_STARTED);
  zx_time_t before = zx_clock_get_monotonic(), boot_before = zx_clock_get_boot();
  zx_time_t now = read_clock(clock), boot_now = read_clock(boot);
  ck_assert(before <= now && now <= zx_clock_get_monotonic());
  ck_assert(boot_before <= boot_now && boot_now <= zx_clock_get_boot());
  ck_assert_int_eq(set_value(clock, now), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(set_rate(clock, 100), ZX_OK);
  zx_handle_close(clock);
  zx_handle_close(boot);
}
END_TEST

START_TEST(a_monotonic_clock_does_not_go_back_and_a_continuous_one_does_not_jump) {
  zx_handle_t clock = make(MONOTONIC, 0), smooth = make(CONTINUOUS, 0);
  ck_assert_int_eq(set_value(clock, ZX_SEC(100)), ZX_OK);
  ck_assert_int_eq(set_value(clock, ZX_SEC(90)), ZX_ERR_INVALID_ARGS);
  ck_assert_int_ge(read_clock(clock), ZX_SEC(100));
  ck_assert_int_eq(set_value(clock, ZX_SEC(1000)), ZX_OK);
  ck_assert_int_ge(read_clock(clock), ZX_SEC(1000));
  ck_assert_int_eq(set_value(smooth, ZX_SEC(1)), ZX_OK);
  ck_assert_int_eq(set_value(smooth, ZX_SEC(2)), ZX_ERR_INVALID_ARGS);
  for (int32_t rate = -1000; rate <= 1000; rate += 500) {
    zx_time_t before = read_clock(smooth);
    ck_assert_int_eq(set_rate(smooth, rate), ZX_OK);
    ck_assert_int_ge(read_clock(smooth), before);
  }
  zx_handle_close(clock);
  zx_handle_close(smooth);
}
END_TEST

START_TEST(updates_check_versions_options_and_bounds) {
  zx_handle_t clock = make(0, 0);
  zx_clock_update_args_v1_t args = {.value = 1};
  ck_assert_int_eq(zx_clock_update(clock, VALUE, &args), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_clock_update(clock, ZX_CLOCK_ARGS_VERSION(3) | VALUE, &args), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_clock_update(clock, V1, &args), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_clock_update(clock, V1 | 0x10, &args), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_clock_update(clock, V1 | VALUE | REFERENCE, &args), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_clock_update(clock, V1 | VALUE, NULL), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(set_value(clock, 1), ZX_OK);
  ck_assert_int_eq(set_rate(clock, -1001), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(set_rate(clock, 1001), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(set_rate(clock, -1000), ZX_OK);
  ck_assert_int_eq(change(clock, REFERENCE, 1, 1, 0), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(change(clock, REFERENCE | BOUND, 1, 1, 0), ZX_ERR_INVALID_ARGS);
  zx_handle_close(clock);
}
END_TEST

START_TEST(an_update_with_a_reference_passes_through_that_point) {
  zx_handle_t clock = make(0, 0), monotonic = make(MONOTONIC, 0);
  zx_time_t at = zx_clock_get_monotonic();
  ck_assert_int_eq(change(clock, VALUE | REFERENCE | RATE | BOUND, at, ZX_SEC(5), 1000), ZX_OK);
  zx_clock_details_v1_t d = details_of(clock);
  ck_assert_int_eq(d.reference_to_synthetic.reference_offset, at);
  ck_assert_int_eq(d.reference_to_synthetic.synthetic_offset, ZX_SEC(5));
  ck_assert_uint_eq(d.reference_to_synthetic.rate.synthetic_ticks, 1001000);
  ck_assert_uint_eq(d.reference_to_synthetic.rate.reference_ticks, 1000000);
  ck_assert_uint_eq(d.error_bound, 7);
  // Ten seconds on, the clock has gained ten milliseconds.
  ck_assert_int_eq(change(clock, RATE | REFERENCE, at + ZX_SEC(10), 0, 0), ZX_OK);
  d = details_of(clock);
  ck_assert_int_eq(d.mono_to_synthetic.synthetic_offset, ZX_SEC(15) + ZX_MSEC(10));
  ck_assert_int_eq(d.mono_to_synthetic.reference_offset, at + ZX_SEC(10));
  // Before its point the line goes on the other way; rounded down.
  ck_assert_int_eq(change(clock, VALUE | REFERENCE | RATE, at + ZX_HOUR(1), ZX_HOUR(2), 0), ZX_OK);
  zx_time_t now = read_clock(clock);
  ck_assert(now >= ZX_HOUR(1) && now < ZX_HOUR(1) + ZX_MIN(10));
  ck_assert_int_eq(set_value(monotonic, 1), ZX_OK);
  ck_assert_int_eq(change(monotonic, VALUE, 0, ZX_HOUR(1), 0), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(change(monotonic, RATE | REFERENCE, at, 0, 5), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(change(monotonic, VALUE | REFERENCE | RATE, at, ZX_HOUR(1), 5), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(change(monotonic, VALUE | REFERENCE, at, ZX_HOUR(1), 0), ZX_OK);
  ck_assert_int_ge(read_clock(monotonic), ZX_HOUR(1));
  zx_handle_close(clock);
  zx_handle_close(monotonic);
}
END_TEST

START_TEST(details_tell_when_what_was_updated) {
  zx_handle_t clock = make(MONOTONIC, 9);
  zx_clock_details_v1_t d = details_of(clock), e;
  ck_assert(d.options == MONOTONIC && d.backstop_time == 9 && d.error_bound == ZX_CLOCK_UNKNOWN_ERROR);
  ck_assert(!d.last_value_update_ticks && !d.last_rate_adjust_update_ticks &&
            !d.last_error_bounds_update_ticks);
  ck_assert_int_eq(set_value(clock, 100), ZX_OK);
  e = details_of(clock);
  ck_assert_uint_ne(d.generation_counter, e.generation_counter);
  ck_assert_int_gt(e.last_value_update_ticks, d.query_ticks);
  ck_assert_int_eq(e.last_rate_adjust_update_ticks, e.last_value_update_ticks);
  zx_clock_update_args_v1_t args = {.error_bound = 77};
  ck_assert_int_eq(zx_clock_update(clock, V1 | BOUND, &args), ZX_OK);
  d = details_of(clock);
  ck_assert_uint_eq(d.error_bound, 77);
  ck_assert_int_ge(d.last_error_bounds_update_ticks, e.query_ticks);
  ck_assert_int_eq(d.last_value_update_ticks, e.last_value_update_ticks);
  ck_assert_int_eq(
      memcmp(&d.reference_to_synthetic, &e.reference_to_synthetic, sizeof(d.reference_to_synthetic)), 0);
  ck_assert_int_eq(zx_clock_get_details(clock, 0, &d), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_clock_get_details(clock, V1, NULL), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_clock_read(clock, NULL), ZX_ERR_INVALID_ARGS);
  zx_handle_close(clock);
}
END_TEST

START_TEST(rights_say_who_reads_and_who_moves) {
  zx_handle_t clock = make(0, 0), reader, writer;
  zx_time_t now;
  zx_clock_details_v1_t d;
  ck_assert_int_eq(zx_handle_duplicate(clock, ZX_RIGHT_READ, &reader), ZX_OK);
  ck_assert_int_eq(zx_handle_duplicate(clock, ZX_RIGHT_WRITE, &writer), ZX_OK);
  ck_assert_int_eq(set_value(reader, 1), ZX_ERR_ACCESS_DENIED);
  ck_assert_int_eq(zx_clock_read(writer, &now), ZX_ERR_ACCESS_DENIED);
  ck_assert_int_eq(zx_clock_get_details(writer, V1, &d), ZX_ERR_ACCESS_DENIED);
  ck_assert_int_eq(set_value(writer, 1), ZX_OK);
  ck_assert_int_ge(read_clock(reader), 1);
  ck_assert_int_eq(zx_clock_read(0x7fffffff, &now), ZX_ERR_BAD_HANDLE);
  ck_assert_int_eq(zx_object_signal(clock, 0, ZX_CLOCK_STARTED), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_object_signal(clock, 0, ZX_USER_SIGNAL_3), ZX_OK);
  ck_assert_uint_eq(state(clock), ZX_CLOCK_STARTED | ZX_USER_SIGNAL_3);
  ck_assert_int_eq(zx_object_signal_peer(clock, 0, ZX_USER_SIGNAL_3), ZX_ERR_ACCESS_DENIED);
  zx_handle_close_many((zx_handle_t[]){clock, reader, writer}, 3);
}
END_TEST

START_TEST(waiters_see_the_start_and_each_update_flash) {
  zx_handle_t clock = make(0, 0), port;
  zx_port_packet_t packet;
  ck_assert_int_eq(zx_port_create(0, &port), ZX_OK);
  ck_assert_int_eq(zx_object_wait_async(clock, port, 1, ZX_CLOCK_STARTED, 0), ZX_OK);
  ck_assert_int_eq(zx_object_wait_async(clock, port, 2, ZX_CLOCK_UPDATED, 0), ZX_OK);
  ck_assert_int_eq(set_value(clock, 1), ZX_OK);
  for (uint64_t seen = 0; seen != 3; seen |= packet.key)
    ck_assert_int_eq(zx_port_wait(port, 0, &packet), ZX_OK);
  for (int i = 0; i < 3; i++) {
    ck_assert_uint_eq(state(clock), ZX_CLOCK_STARTED);
    ck_assert_int_eq(zx_object_wait_async(clock, port, 3, ZX_CLOCK_UPDATED, i % 2 ? ZX_WAIT_ASYNC_EDGE : 0),
                     ZX_OK);
    ck_assert_int_eq(zx_port_wait(port, 0, &packet), ZX_ERR_TIMED_OUT);
    ck_assert_int_eq(set_rate(clock, i), ZX_OK);
    ck_assert_int_eq(zx_port_wait(port, 0, &packet), ZX_OK);
    ck_assert_uint_eq(packet.signal.observed, ZX_CLOCK_STARTED | ZX_CLOCK_UPDATED);
  }
  zx_handle_close(port);
  zx_handle_close(clock);
}
END_TEST

// Sends a duplicate of the clock to a child, which runs `body` with it.
static pid_t share_with_child(zx_handle_t clock, int (*body)(zx_handle_t theirs)) {
  zx_handle_t carrier[2], theirs;
  ck_assert_int_eq(zx_handle_duplicate(clock, ZX_RIGHT_SAME_RIGHTS, &theirs), ZX_OK);
  ck_assert_int_eq(zx_channel_create(0, &carrier[0], &carrier[1]), ZX_OK);
  ck_assert_int_eq(zx_channel_write(carrier[0], 0, NULL, 0, &theirs, 1), ZX_OK);
  int fd;
  ck_assert_int_eq(zx_linux_channel_to_fd(carrier[1], &fd), ZX_OK);
  pid_t child = fork();
  if (child == 0) {
    zx_linux_after_fork_in_child();
    if (zx_linux_channel_from_fd(fd, &carrier[1]) != ZX_OK) _exit(90);
    if (zx_channel_read(carrier[1], 0, NULL, &theirs, 0, 1, NULL, NULL) != ZX_OK) _exit(91);
    _exit(body(theirs));
  }
  close(fd);
  zx_handle_close(carrier[0]);
  return child;
}

static void expect_exit(pid_t child) {
  int status;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
}

static int start_when_asked(zx_handle_t clock) {
  zx_time_t deadline = zx_deadline_after(ZX_SEC(15)), now;
  zx_handle_t port;
  zx_port_packet_t packet;
  if (zx_object_wait_one(clock, ZX_USER_SIGNAL_0, deadline, NULL) != ZX_OK) return 1;
  if (zx_clock_read(clock, &now) != ZX_OK || now != 5) return 2;
  if (set_value(clock, ZX_SEC(1000)) != ZX_OK) return 3;
  if (zx_port_create(0, &port) != ZX_OK) return 4;
  if (zx_object_wait_async(clock, port, 1, ZX_CLOCK_UPDATED, 0) != ZX_OK) return 5;
  if (zx_object_signal(clock, 0, ZX_USER_SIGNAL_1) != ZX_OK) return 6;
  if (zx_port_wait(port, deadline, &packet) != ZX_OK) return 7;
  if (zx_clock_read(clock, &now) != ZX_OK || now < ZX_SEC(2000)) return 8;
  return 0;
}

START_TEST(processes_share_a_clock_and_hear_of_its_updates) {
  zx_handle_t clock = make(MONOTONIC, 5);
  zx_time_t deadline = zx_deadline_after(ZX_SEC(15));
  pid_t child = share_with_child(clock, start_when_asked);
  ck_assert_int_eq(zx_object_signal(clock, 0, ZX_USER_SIGNAL_0), ZX_OK);
  ck_assert_int_eq(zx_object_wait_one(clock, ZX_CLOCK_STARTED, deadline, NULL), ZX_OK);
  ck_assert_int_ge(read_clock(clock), ZX_SEC(1000));
  ck_assert_int_eq(zx_object_wait_one(clock, ZX_USER_SIGNAL_1, deadline, NULL), ZX_OK);
  ck_assert_int_eq(set_value(clock, ZX_SEC(2000)), ZX_OK);
  expect_exit(child);
  zx_handle_close(clock);
}
END_TEST

// Value and error bound are changed together: whoever sees one of them with another's partner saw a torn
// update.
static int update_for_a_while(zx_handle_t clock) {
  for (int64_t i = 1; i <= 20000; i++) {
    zx_clock_update_args_v2_t args = {.reference_value = 0, .synthetic_value = i, .error_bound = (uint64_t)i};
    if (zx_clock_update(clock, V2 | VALUE | REFERENCE | BOUND, &args) != ZX_OK) return 1;
  }
  return 0;
}

static void* update_here(void* context) {
  return (void*)(intptr_t)update_for_a_while(*(zx_handle_t*)context);
}

START_TEST(readers_see_whole_updates_of_many_writers) {
  zx_handle_t clock = make(0, ZX_TIME_INFINITE_PAST);
  ck_assert_int_eq(set_value(clock, 0), ZX_OK);
  zx_clock_update_args_v2_t first = {.synthetic_value = 0};
  ck_assert_int_eq(zx_clock_update(clock, V2 | VALUE | REFERENCE | BOUND, &first), ZX_OK);
  pid_t child = share_with_child(clock, update_for_a_while);
  pthread_t thread;
  void* failed;
  pthread_create(&thread, NULL, update_here, &clock);
  for (int i = 0; i < 20000; i++) {
    zx_clock_details_v1_t d;
    jx_assert(zx_clock_get_details(clock, V1, &d) == ZX_OK);
    jx_assert((uint64_t)d.reference_to_synthetic.synthetic_offset == d.error_bound);
  }
  pthread_join(thread, &failed);
  ck_assert_ptr_null(failed);
  expect_exit(child);
  zx_handle_close(clock);
}
END_TEST

static int scribble(zx_handle_t clock) {
  int fd;
  zx_handle_t carrier[2];
  unsigned seed = 1;
  // The memory is the first descriptor of what a channel carries.
  if (zx_channel_create(0, &carrier[0], &carrier[1]) != ZX_OK) return 1;
  if (zx_channel_write(carrier[0], 0, NULL, 0, &clock, 1) != ZX_OK) return 2;
  if (zx_linux_channel_to_fd(carrier[1], &fd) != ZX_OK) return 3;
  char bytes[4096];
  union {
    struct cmsghdr header;
    char room[256];
  } control;
  struct iovec iov = {bytes, sizeof(bytes)};
  struct msghdr message = {
      .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
  if (recvmsg(fd, &message, 0) < 0 || !CMSG_FIRSTHDR(&message)) return 4;
  int memory;
  memcpy(&memory, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(memory));
  uint32_t* words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  if (words == MAP_FAILED) return 5;
  for (;;) {
    seed = seed * 1103515245u + 12345u;
    ((volatile uint32_t*)words)[seed >> 16 & 1023] = seed % 3 ? seed * 2654435761u : seed & 1;
  }
}

START_TEST(a_holder_that_scribbles_makes_wrong_times_but_no_harm) {
  zx_handle_t clock = make(0, 0);
  ck_assert_int_eq(set_value(clock, 1), ZX_OK);
  pid_t child = share_with_child(clock, scribble);
  zx_time_t end = zx_deadline_after(ZX_MSEC(200));
  while (zx_clock_get_monotonic() < end) {
    zx_time_t now;
    zx_clock_details_v1_t d;
    jx_assert(zx_clock_read(clock, &now) == ZX_OK);
    jx_assert(zx_clock_get_details(clock, V1, &d) == ZX_OK);
    (void)set_value(clock, now);
    (void)set_rate(clock, 3);
    (void)change(clock, RATE | REFERENCE, now, 0, -500);
    (void)zx_object_wait_one(clock, ~0u, 0, NULL);
  }
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  zx_handle_close(clock);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("clock");
  TCase* tc = jx_test_case(suite, "clock");
  tcase_add_test(tc, creation_checks_options_versions_and_backstop);
  tcase_add_test(tc, a_clock_stands_at_its_backstop_until_a_value_starts_it);
  tcase_add_test(tc, a_clock_that_starts_by_itself_shows_its_reference);
  tcase_add_test(tc, a_monotonic_clock_does_not_go_back_and_a_continuous_one_does_not_jump);
  tcase_add_test(tc, updates_check_versions_options_and_bounds);
  tcase_add_test(tc, an_update_with_a_reference_passes_through_that_point);
  tcase_add_test(tc, details_tell_when_what_was_updated);
  tcase_add_test(tc, rights_say_who_reads_and_who_moves);
  tcase_add_test(tc, waiters_see_the_start_and_each_update_flash);
  tcase_add_test(tc, processes_share_a_clock_and_hear_of_its_updates);
  tcase_add_test(tc, readers_see_whole_updates_of_many_writers);
  tcase_add_test(tc, a_holder_that_scribbles_makes_wrong_times_but_no_harm);
  return jx_test_run(suite);
}
