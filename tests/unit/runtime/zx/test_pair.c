// What eventpairs, fifos and sockets share: memory that is mapped when an end is first used, once for both
// ends of a process, and never where an end is only made, sent or closed.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "jx_test.h"
#include "mappings.h"
#include "runtime/zx/packet.h"
#include "runtime/zx/pair.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { OWN_MAPPINGS = true };  // a sanitizer maps memory whenever it likes, and ends where it cannot
#else
enum { OWN_MAPPINGS = false };
#endif

enum kind { EVENTPAIR, FIFO, STREAM, DATAGRAMS, KINDS };

static void make(enum kind kind, zx_handle_t ends[2]) {
  zx_status_t status = kind == EVENTPAIR ? zx_eventpair_create(0, &ends[0], &ends[1])
                       : kind == FIFO
                           ? zx_fifo_create(64, 8, 0, &ends[0], &ends[1])
                           : zx_socket_create(kind == DATAGRAMS ? ZX_SOCKET_DATAGRAM : 0, &ends[0], &ends[1]);
  ck_assert_int_eq(status, ZX_OK);
}

// One word to the other end, or from it.
static zx_status_t put(enum kind kind, zx_handle_t end, uint64_t word) {
  if (kind == EVENTPAIR) return zx_object_signal_peer(end, 0, ZX_USER_SIGNAL_0 << (word % 8));
  if (kind == FIFO) return zx_fifo_write(end, sizeof(word), &word, 1, NULL);
  return zx_socket_write(end, 0, &word, sizeof(word), NULL);
}

static zx_status_t take(enum kind kind, zx_handle_t end, uint64_t word) {
  uint64_t got = 0;
  zx_signals_t observed = 0;
  zx_status_t status = kind == EVENTPAIR
                           ? zx_object_wait_one(end, ZX_USER_SIGNAL_0 << (word % 8), 0, &observed)
                       : kind == FIFO ? zx_fifo_read(end, sizeof(got), &got, 1, NULL)
                                      : zx_socket_read(end, 0, &got, sizeof(got), NULL);
  if (status == ZX_OK && kind == EVENTPAIR) zx_object_signal(end, ZX_USER_SIGNAL_ALL, 0);
  return status == ZX_OK && kind != EVENTPAIR && got != word ? ZX_ERR_INTERNAL : status;
}

START_TEST(ends_that_nobody_uses_are_not_mapped) {
  for (enum kind kind = 0; kind < KINDS; kind++) {
    zx_handle_t ends[2], again;
    zx_info_handle_basic_t basic[2];
    int fds = jx_test_open_fds();
    make(kind, ends);
    ck_assert_int_eq(jx_test_open_fds() - fds, 3);
    for (int i = 0; i < 2; i++)
      ck_assert_int_eq(
          zx_object_get_info(ends[i], ZX_INFO_HANDLE_BASIC, &basic[i], sizeof(basic[i]), NULL, NULL), ZX_OK);
    ck_assert_uint_eq(basic[0].related_koid, basic[1].koid);
    ck_assert_int_eq(zx_handle_replace(ends[0], ZX_RIGHT_SAME_RIGHTS, &again), ZX_OK);
    ck_assert_int_eq(count_mappings("memfd:zx"), 0);
    ck_assert_int_eq(zx_handle_close(again), ZX_OK);
    ck_assert_int_eq(count_mappings("memfd:zx"), 0);
    ck_assert_int_eq(zx_handle_close(ends[1]), ZX_OK);
    ck_assert_int_eq(count_mappings("memfd:zx"), 0);
    ck_assert_int_eq(jx_test_open_fds(), fds);
  }
}
END_TEST

START_TEST(both_ends_in_a_process_share_one_mapping_until_the_last_goes) {
  for (enum kind kind = 0; kind < KINDS; kind++) {
    for (int first = 0; first < 2; first++) {
      zx_handle_t ends[2];
      make(kind, ends);
      ck_assert_int_eq(put(kind, ends[0], 3), ZX_OK);
      ck_assert_int_eq(count_mappings("memfd:zx"), 1);
      ck_assert_int_eq(take(kind, ends[1], 3), ZX_OK);
      ck_assert_int_eq(put(kind, ends[1], 4), ZX_OK);
      ck_assert_int_eq(take(kind, ends[0], 4), ZX_OK);
      ck_assert_int_eq(count_mappings("memfd:zx"), 1);
      zx_handle_close(ends[first]);
      ck_assert_int_eq(count_mappings("memfd:zx"), 1);
      ck_assert_int_eq(put(kind, ends[!first], 5), ZX_ERR_PEER_CLOSED);
      zx_handle_close(ends[!first]);
      ck_assert_int_eq(count_mappings("memfd:zx"), 0);
    }
  }
}
END_TEST

static void send_handle(zx_handle_t channel, zx_handle_t handle) {
  ck_assert_int_eq(zx_channel_write(channel, 0, NULL, 0, &handle, 1), ZX_OK);
}

static zx_handle_t receive_handle(zx_handle_t channel) {
  zx_handle_t handle = ZX_HANDLE_INVALID;
  uint32_t count = 0;
  ck_assert_int_eq(zx_channel_read(channel, 0, NULL, &handle, 0, 1, NULL, &count), ZX_OK);
  ck_assert_uint_eq(count, 1);
  return handle;
}

START_TEST(an_end_that_is_sent_before_it_is_used_is_mapped_where_it_is_used) {
  zx_handle_t c[2];
  ck_assert_int_eq(zx_channel_create(0, &c[0], &c[1]), ZX_OK);
  for (enum kind kind = 0; kind < KINDS; kind++) {
    zx_handle_t ends[2];
    make(kind, ends);
    send_handle(c[0], ends[1]);
    ck_assert_int_eq(count_mappings("memfd:zx"), 0);
    ck_assert_int_eq(put(kind, ends[0], 1), ZX_OK);
    zx_handle_t far = receive_handle(c[1]);
    ck_assert_int_eq(count_mappings("memfd:zx"), 1);  // of the end that wrote
    send_handle(c[0], far);                           // on, unused
    far = receive_handle(c[1]);
    ck_assert_int_eq(count_mappings("memfd:zx"), 1);
    ck_assert_int_eq(take(kind, far, 1), ZX_OK);
    ck_assert_int_eq(put(kind, far, 2), ZX_OK);
    ck_assert_int_eq(take(kind, ends[0], 2), ZX_OK);
    ck_assert_int_eq(count_mappings("memfd:zx"), 2);
    zx_handle_close(ends[0]);
    ck_assert_int_eq(put(kind, far, 3), ZX_ERR_PEER_CLOSED);
    zx_handle_close(far);
    ck_assert_int_eq(count_mappings("memfd:zx"), 0);
  }
  zx_handle_close_many(c, 2);
}
END_TEST

START_TEST(an_end_that_is_closed_unused_has_told_its_peer_when_the_close_returns) {
  for (enum kind kind = 0; kind < KINDS; kind++) {
    for (int used = 0; used < 2; used++) {
      zx_handle_t ends[2];
      zx_signals_t observed;
      make(kind, ends);
      if (used) ck_assert_int_eq(put(kind, ends[1], 1), ZX_OK);
      ck_assert_int_eq(zx_handle_close(ends[0]), ZX_OK);
      // Not by a look at the socket, which a write would not take.
      ck_assert_int_eq(put(kind, ends[1], 2), ZX_ERR_PEER_CLOSED);
      ck_assert_int_eq(zx_object_wait_one(ends[1], ZX_OBJECT_PEER_CLOSED, 0, &observed), ZX_OK);
      zx_handle_close(ends[1]);
    }
  }
}
END_TEST

// A process that waits with one end, and says when it is about to and what came of it.
static pid_t start_waiter(zx_handle_t end, int said) {
  pid_t child = fork();
  if (child == 0) {
    zx_signals_t observed = 0;
    zx_linux_after_fork_keep(&end, 1);
    zx_linux_after_fork_in_child();
    if (zx_object_wait_one(end, 0, 0, &observed) != ZX_ERR_TIMED_OUT) _exit(1);
    (void)!write(said, "w", 1);
    _exit(zx_object_wait_one(end, ZX_OBJECT_PEER_CLOSED, ZX_TIME_INFINITE, &observed) == ZX_OK ? 0 : 2);
  }
  ck_assert_int_gt(child, 0);
  zx_linux_after_fork_leave(&end, 1);
  return child;
}

static void ck_assert_ends_well(pid_t child) {
  int status;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
}

START_TEST(an_end_that_is_closed_unused_wakes_a_process_that_waits_though_a_third_has_copies) {
  for (enum kind kind = 0; kind < KINDS; kind++) {
    zx_handle_t ends[2];
    int said[2], end[2];
    char word;
    ck_assert_int_eq(pipe(said), 0);
    ck_assert_int_eq(pipe(end), 0);
    make(kind, ends);
    pid_t waiter = start_waiter(ends[1], said[1]);
    pid_t third = fork();
    if (third == 0) {
      close(end[1]);
      _exit(read(end[0], &word, 1) == 0 ? 0 : 1);
    }
    ck_assert_int_eq(read(said[0], &word, 1), 1);
    ck_assert_int_eq(zx_handle_close(ends[0]), ZX_OK);
    ck_assert_int_eq(count_mappings("memfd:zx"), 0);
    ck_assert_ends_well(waiter);
    for (int i = 0; i < 2; i++) {
      close(said[i]);
      close(end[i]);
    }
    ck_assert_ends_well(third);
  }
}
END_TEST

START_TEST(an_end_that_a_child_keeps_unused_works_there) {
  for (enum kind kind = 0; kind < KINDS; kind++) {
    zx_handle_t ends[2];
    make(kind, ends);
    if (kind % 2) ck_assert_int_eq(put(kind, ends[0], 1), ZX_OK);  // mapped before, or only in the child
    pid_t child = fork();
    if (child == 0) {
      zx_signals_t observed;
      zx_linux_after_fork_keep(&ends[1], 1);
      zx_linux_after_fork_in_child();
      if (count_mappings("memfd:zx") != (int)(kind % 2)) _exit(1);
      if (kind % 2 && take(kind, ends[1], 1) != ZX_OK) _exit(2);
      if (put(kind, ends[1], 2) != ZX_OK) _exit(3);
      _exit(zx_object_wait_one(ends[1], ZX_OBJECT_PEER_CLOSED, ZX_TIME_INFINITE, &observed) == ZX_OK ? 0 : 4);
    }
    zx_linux_after_fork_leave(&ends[1], 1);
    zx_signals_t observed, want = kind == EVENTPAIR ? ZX_USER_SIGNAL_2 : ZX_OBJECT_READABLE;
    ck_assert_int_eq(zx_object_wait_one(ends[0], want, ZX_TIME_INFINITE, &observed), ZX_OK);
    ck_assert_int_eq(take(kind, ends[0], 2), ZX_OK);
    zx_handle_close(ends[0]);
    ck_assert_ends_well(child);
  }
}
END_TEST

static struct rlimit change_limit(int which, rlim_t to) {
  struct rlimit before, after;
  ck_assert_int_eq(getrlimit(which, &before), 0);
  after = before;
  after.rlim_cur = to;
  jx_assert(setrlimit(which, &after) == 0);  // Check's own asserts write into a file
  return before;
}

// Every call that would be the first use.
static void use_in_vain(enum kind kind, zx_handle_t end, zx_handle_t port) {
  zx_signals_t observed;
  zx_wait_item_t item = {end, ZX_OBJECT_PEER_CLOSED, 0};
  ck_assert_int_eq(put(kind, end, 1), ZX_ERR_NO_MEMORY);
  ck_assert_int_eq(take(kind, end, 1), ZX_ERR_NO_MEMORY);
  ck_assert_int_eq(zx_object_signal(end, 0, ZX_USER_SIGNAL_0), ZX_ERR_NO_MEMORY);
  ck_assert_int_eq(zx_object_signal_peer(end, 0, ZX_USER_SIGNAL_0), ZX_ERR_NO_MEMORY);
  ck_assert_int_eq(zx_object_wait_one(end, ZX_OBJECT_PEER_CLOSED, ZX_TIME_INFINITE, &observed),
                   ZX_ERR_NO_MEMORY);
  ck_assert_int_eq(zx_object_wait_many(&item, 1, ZX_TIME_INFINITE), ZX_ERR_NO_MEMORY);
  ck_assert_int_eq(zx_object_wait_async(end, port, 0, ZX_OBJECT_PEER_CLOSED, 0), ZX_ERR_NO_MEMORY);
  if (kind < STREAM) return;
  zx_info_socket_t info;
  size_t threshold = 10;
  ck_assert_int_eq(zx_object_get_info(end, ZX_INFO_SOCKET, &info, sizeof(info), NULL, NULL),
                   ZX_ERR_NO_MEMORY);
  ck_assert_int_eq(zx_object_set_property(end, ZX_PROP_SOCKET_RX_THRESHOLD, &threshold, sizeof(threshold)),
                   ZX_ERR_NO_MEMORY);
  ck_assert_int_eq(zx_socket_shutdown(end, ZX_SOCKET_SHUTDOWN_WRITE), ZX_ERR_NO_MEMORY);
  ck_assert_int_eq(zx_socket_set_disposition(end, ZX_SOCKET_DISPOSITION_WRITE_DISABLED, 0), ZX_ERR_NO_MEMORY);
}

START_TEST(a_first_use_without_address_space_fails_and_may_be_tried_again) {
  if (OWN_MAPPINGS) return;
  for (enum kind kind = 0; kind < KINDS; kind++) {
    zx_handle_t ends[2], port, c[2];
    make(kind, ends);
    ck_assert_int_eq(zx_port_create(0, &port), ZX_OK);
    ck_assert_int_eq(zx_channel_create(0, &c[0], &c[1]), ZX_OK);
    struct rlimit before = change_limit(RLIMIT_AS, 0);
    use_in_vain(kind, ends[0], port);
    // What needs no memory goes on.
    send_handle(c[0], ends[1]);
    ends[1] = receive_handle(c[1]);
    use_in_vain(kind, ends[1], port);
    setrlimit(RLIMIT_AS, &before);
    ck_assert_int_eq(put(kind, ends[0], 1), ZX_OK);
    ck_assert_int_eq(take(kind, ends[1], 1), ZX_OK);
    change_limit(RLIMIT_AS, 0);
    ck_assert_int_eq(put(kind, ends[1], 2), ZX_OK);  // it has its mapping
    zx_handle_close(ends[1]);
    setrlimit(RLIMIT_AS, &before);
    ck_assert_int_eq(put(kind, ends[0], 3), ZX_ERR_PEER_CLOSED);
    zx_handle_close(ends[0]);
    zx_handle_close(port);
    zx_handle_close_many(c, 2);
  }
}
END_TEST

START_TEST(an_end_that_is_closed_unused_tells_its_peer_without_address_space) {
  if (OWN_MAPPINGS) return;
  for (enum kind kind = 0; kind < KINDS; kind++) {
    zx_handle_t ends[2];
    make(kind, ends);
    struct rlimit before = change_limit(RLIMIT_AS, 0);
    zx_handle_close(ends[1]);
    setrlimit(RLIMIT_AS, &before);
    ck_assert_int_eq(put(kind, ends[0], 1), ZX_ERR_PEER_CLOSED);
    zx_handle_close(ends[0]);
  }
}
END_TEST

// The kernel answers writes beyond that limit with SIGXFSZ, which would end the process.
START_TEST(an_end_that_is_closed_unused_tells_its_peer_where_no_file_may_be_written) {
  for (enum kind kind = 0; kind < KINDS; kind++) {
    zx_handle_t ends[2];
    make(kind, ends);
    struct rlimit before = change_limit(RLIMIT_FSIZE, 0);
    zx_handle_close(ends[1]);
    setrlimit(RLIMIT_FSIZE, &before);
    ck_assert_int_eq(put(kind, ends[0], 1), ZX_ERR_PEER_CLOSED);
    zx_handle_close(ends[0]);
  }
}
END_TEST

struct user {
  enum kind kind;
  zx_handle_t end;
  pthread_barrier_t* start;
};

static void* use_first(void* context) {
  struct user* user = context;
  pthread_barrier_wait(user->start);
  return (void*)(intptr_t)put(user->kind, user->end, 1);
}

// Two threads for each end, all of them the first ones, or one that closes its end meanwhile.
START_TEST(threads_may_use_both_ends_for_the_first_time_at_once) {
  enum { THREADS = 4, ROUNDS = 60 };
  pthread_barrier_t start;
  ck_assert_int_eq(pthread_barrier_init(&start, NULL, THREADS + 1), 0);
  for (int round = 0; round < ROUNDS; round++) {
    enum kind kind = (enum kind)(round % KINDS);
    bool closes = round / KINDS % 2;
    zx_handle_t ends[2];
    make(kind, ends);
    struct user users[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
      users[i] = (struct user){kind, ends[closes ? 0 : i % 2], &start};
      ck_assert_int_eq(pthread_create(&threads[i], NULL, use_first, &users[i]), 0);
    }
    pthread_barrier_wait(&start);
    if (closes) ck_assert_int_eq(zx_handle_close(ends[1]), ZX_OK);
    for (int i = 0; i < THREADS; i++) {
      void* result;
      ck_assert_int_eq(pthread_join(threads[i], &result), 0);
      zx_status_t status = (zx_status_t)(intptr_t)result;
      ck_assert(status == ZX_OK || (closes && status == ZX_ERR_PEER_CLOSED));
    }
    ck_assert_int_eq(count_mappings("memfd:zx"), 1);
    ck_assert_int_eq(put(kind, ends[0], 2), closes ? ZX_ERR_PEER_CLOSED : ZX_OK);
    for (int i = 0; i < 2 && kind != EVENTPAIR && !closes; i++) {
      ck_assert_int_eq(take(kind, ends[i], 1), ZX_OK);
      ck_assert_int_eq(take(kind, ends[i], 1), ZX_OK);
    }
    zx_handle_close(ends[0]);
    if (!closes) zx_handle_close(ends[1]);
    ck_assert_int_eq(count_mappings("memfd:zx"), 0);
  }
  pthread_barrier_destroy(&start);
}
END_TEST

// Sends one end of an eventpair by hand, and returns what the channel's reader gets.
static zx_status_t offer(int memory, bool may_write) {
  int bells[2], sockets[2];
  zx_handle_t channel, got = ZX_HANDLE_INVALID;
  struct wire_handle wire = {.type = ZX_OBJ_TYPE_EVENTPAIR,
                             .rights = ZX_DEFAULT_EVENTPAIR_RIGHTS,
                             .koid = 5000,
                             .related_koid = 5001,
                             .num_fds = 2};
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, bells), 0);
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
  ck_assert_int_eq(zx_linux_channel_from_fd(sockets[0], &channel), ZX_OK);
  char path[64];
  snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
  struct packet_handles handles = {
      .count = 1, .num_fds = 2, .fds = {bells[0], may_write ? dup(memory) : open(path, O_RDONLY)}};
  handles.wires[0] = wire;
  struct packet_header header = {.kind = PACKET_MESSAGE};
  struct iovec iov[2];
  ck_assert_int_eq(packet_send(sockets[1], &header, iov, 2, &handles), ZX_OK);
  zx_status_t status = zx_channel_read(channel, 0, NULL, &got, 0, 1, NULL, NULL);
  if (status == ZX_OK) ck_assert_int_eq(zx_object_signal(got, 0, ZX_USER_SIGNAL_0), ZX_OK);
  zx_handle_close(got);
  zx_handle_close(channel);
  close(handles.fds[1]);
  close(bells[0]);
  close(bells[1]);
  close(sockets[1]);
  return status;
}

START_TEST(memory_that_could_not_be_mapped_later_is_refused_at_once) {
  const int right = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  const struct {
    int seals;
    off_t size;
    bool may_write;
    zx_status_t status;
  } cases[] = {{right, 4096, true, ZX_OK},
               {right, 4096, false, ZX_ERR_PEER_CLOSED},
               {right | F_SEAL_FUTURE_WRITE, 4096, true, ZX_ERR_PEER_CLOSED},
               {right | F_SEAL_WRITE, 4096, true, ZX_ERR_PEER_CLOSED},
               {F_SEAL_SHRINK | F_SEAL_GROW, 4096, true, ZX_ERR_PEER_CLOSED},  // may be sealed after all
               {F_SEAL_GROW | F_SEAL_SEAL, 4096, true, ZX_ERR_PEER_CLOSED},
               {right, 64, true, ZX_ERR_PEER_CLOSED}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    int memory = memfd_create("pair", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ck_assert_int_ge(memory, 0);
    ck_assert_int_eq(ftruncate(memory, cases[i].size), 0);
    ck_assert_int_eq(fcntl(memory, F_ADD_SEALS, cases[i].seals), 0);
    ck_assert_int_eq(offer(memory, cases[i].may_write), cases[i].status);
    close(memory);
  }
}
END_TEST

int main(void) {
  Suite* suite = suite_create("pair");
  TCase* tc = jx_test_case(suite, "pair");
  tcase_add_test(tc, ends_that_nobody_uses_are_not_mapped);
  tcase_add_test(tc, both_ends_in_a_process_share_one_mapping_until_the_last_goes);
  tcase_add_test(tc, an_end_that_is_sent_before_it_is_used_is_mapped_where_it_is_used);
  tcase_add_test(tc, an_end_that_is_closed_unused_has_told_its_peer_when_the_close_returns);
  tcase_add_test(tc, an_end_that_is_closed_unused_wakes_a_process_that_waits_though_a_third_has_copies);
  tcase_add_test(tc, an_end_that_a_child_keeps_unused_works_there);
  tcase_add_test(tc, a_first_use_without_address_space_fails_and_may_be_tried_again);
  tcase_add_test(tc, an_end_that_is_closed_unused_tells_its_peer_without_address_space);
  tcase_add_test(tc, an_end_that_is_closed_unused_tells_its_peer_where_no_file_may_be_written);
  tcase_add_test(tc, threads_may_use_both_ends_for_the_first_time_at_once);
  tcase_add_test(tc, memory_that_could_not_be_mapped_later_is_refused_at_once);
  return jx_test_run(suite);
}
