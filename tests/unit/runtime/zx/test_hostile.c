// Peers that die at any instruction, and peers that scribble, lie and flood, for every object that two
// processes share. Whatever they do, each call here returns, in time, and nothing stays behind.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "hostility.h"
#include "jx_test.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { DEATHS = 40, ATTACKS = 12 };
#else
enum { DEATHS = 200, ATTACKS = 24 };
#endif

// Forks a process that gets one end of each object, as it would get them in a message, and runs `body` with
// them.
static pid_t start_peer(struct ends* e, bool swap, void (*body)(const zx_handle_t* theirs, unsigned seed),
                        unsigned seed) {
  zx_handle_t carrier[2], got[OBJECTS];
  hostile_make(e);
  if (swap) {
    zx_handle_t channel = e->mine[CHANNEL];
    e->mine[CHANNEL] = e->theirs[CHANNEL];
    e->theirs[CHANNEL] = channel;
  }
  ck_assert_int_eq(zx_channel_create(0, &carrier[0], &carrier[1]), ZX_OK);
  ck_assert_int_eq(zx_channel_write(carrier[0], 0, NULL, 0, e->theirs, OBJECTS), ZX_OK);
  pid_t child = fork();
  if (child == 0) {
    zx_linux_after_fork_keep(&carrier[1], 1);
    zx_linux_after_fork_in_child();
    if (zx_channel_read(carrier[1], 0, NULL, got, 0, OBJECTS, NULL, NULL) != ZX_OK) _exit(99);
    body(got, seed);
    _exit(0);
  }
  ck_assert_int_gt(child, 0);
  zx_linux_after_fork_leave(&carrier[1], 1);
  zx_handle_close(carrier[0]);
  return child;
}

// --- death

struct numbers {
  uint32_t channel, datagram;
  uint64_t fifo;
  size_t socket;
};

// Sends numbers through everything, as fast as it goes, and never reads but what makes room.
static void send_numbers(const zx_handle_t* theirs, unsigned seed) {
  struct numbers n = {0};
  unsigned char bytes[256];
  uint32_t message[64];
  char dropped[64];
  for (;;) {
    zx_handle_t event = ZX_HANDLE_INVALID;
    memset(message, 0, sizeof(message));
    message[0] = message[63] = n.channel;
    if (n.channel % 16 == 5) zx_event_create(0, &event);
    if (zx_channel_write(theirs[CHANNEL], 0, message, sizeof(message), &event, event ? 1 : 0) == ZX_OK)
      n.channel++;
    if (zx_fifo_write(theirs[FIFO], 8, &n.fifo, 1, NULL) == ZX_OK) n.fifo++;
    for (size_t i = 0; i < sizeof(bytes); i++)
      bytes[i] = (unsigned char)((n.socket + i) * 7);
    size_t actual = 0;
    if (zx_socket_write(theirs[SOCKET], 0, bytes, sizeof(bytes), &actual) == ZX_OK) n.socket += actual;
    if (zx_socket_write(theirs[DATAGRAM], 0, message, 4 + n.datagram % 100, NULL) == ZX_OK) n.datagram++;
    zx_object_signal_peer(theirs[EVENTPAIR], n.fifo % 2 ? ZX_USER_SIGNAL_0 : 0,
                          n.fifo % 2 ? 0 : ZX_USER_SIGNAL_0);
    (void)zx_channel_read(theirs[CHANNEL], 0, dropped, NULL, sizeof(dropped), 0, NULL, NULL);
    (void)zx_fifo_read(theirs[FIFO], 8, dropped, 8, NULL);
  }
}

// Reads one of each and checks that it is the next. Returns how many objects had something.
static int read_numbers(const zx_handle_t* mine, struct numbers* n, zx_status_t* status) {
  uint32_t message[64], size, handles = 0;
  unsigned char bytes[300];
  uint64_t value;
  zx_handle_t event;
  size_t actual;
  int found = 0;
  status[CHANNEL] = zx_channel_read(mine[CHANNEL], 0, message, &event, sizeof(message), 1, &size, &handles);
  if (status[CHANNEL] == ZX_OK) {
    jx_assert(size == sizeof(message) && message[0] == n->channel && message[63] == n->channel);
    jx_assert((handles == 1) == (n->channel % 16 == 5));
    if (handles) jx_assert(zx_handle_close(event) == ZX_OK);
    n->channel++;
    found++;
  }
  status[FIFO] = zx_fifo_read(mine[FIFO], 8, &value, 1, NULL);
  if (status[FIFO] == ZX_OK) {
    jx_assert(value == n->fifo++);
    found++;
  }
  status[SOCKET] = zx_socket_read(mine[SOCKET], 0, bytes, sizeof(bytes), &actual);
  if (status[SOCKET] == ZX_OK) {
    for (size_t i = 0; i < actual; i++)
      jx_assert(bytes[i] == (unsigned char)((n->socket + i) * 7));
    n->socket += actual;
    found++;
  }
  status[DATAGRAM] = zx_socket_read(mine[DATAGRAM], 0, bytes, sizeof(bytes), &actual);
  if (status[DATAGRAM] == ZX_OK) {
    jx_assert(actual == 4 + n->datagram++ % 100);
    found++;
  }
  return found;
}

START_TEST(a_peer_killed_at_any_instruction_leaves_whole_messages_and_a_closed_peer) {
  struct numbers total = {0};
  for (unsigned round = 0; round < DEATHS; round++) {
    struct ends e;
    struct numbers n = {0};
    zx_status_t status[OBJECTS];
    int fds = jx_test_open_fds();
    srand(round);
    pid_t child = start_peer(&e, round % 2, send_numbers, round);
    while (round % 4 && read_numbers(e.mine, &n, status) == 0)
      zx_object_wait_one(e.mine[FIFO], ZX_FIFO_READABLE, zx_deadline_after(ZX_SEC(60)), NULL);
    // Some die before they have done much, some with everything busy in shared memory.
    zx_time_t end = zx_deadline_after(ZX_USEC(rand() % (round % 4 ? 3000 : 300)));
    while (zx_clock_get_monotonic() < end) {
      read_numbers(e.mine, &n, status);
      (void)zx_channel_write(e.mine[CHANNEL], 0, "back", 4, NULL, 0);
      (void)zx_fifo_write(e.mine[FIFO], 8, &n.fifo, 1, NULL);
    }
    kill(child, SIGKILL);
    for (int i = 0; i < OBJECTS; i++) {
      zx_status_t waited =
          zx_object_wait_one(e.mine[i], ZX_OBJECT_PEER_CLOSED, zx_deadline_after(ZX_SEC(60)), NULL);
      ck_assert_msg(waited == ZX_OK, "round %u, object %d: %s", round, i, zx_status_get_string(waited));
    }
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    while (read_numbers(e.mine, &n, status) > 0) {
    }
    for (int i = 0; i < OBJECTS; i++) {
      if (i != EVENTPAIR) ck_assert_int_eq(status[i], ZX_ERR_PEER_CLOSED);
      ck_assert_int_eq(zx_object_signal_peer(e.mine[i], 0, ZX_USER_SIGNAL_1), ZX_ERR_PEER_CLOSED);
    }
    ck_assert_int_eq(zx_channel_write(e.mine[CHANNEL], 0, "x", 1, NULL, 0), ZX_ERR_PEER_CLOSED);
    ck_assert_int_eq(zx_fifo_write(e.mine[FIFO], 8, &n.fifo, 1, NULL), ZX_ERR_PEER_CLOSED);
    ck_assert_int_eq(zx_handle_close_many(e.mine, OBJECTS), ZX_OK);
    ck_assert_int_eq(jx_test_open_fds(), fds);
    total.channel += n.channel;
    total.fifo += n.fifo;
    total.socket += n.socket;
  }
  ck_assert(total.channel > DEATHS && total.fifo > DEATHS && total.socket > DEATHS);
}
END_TEST

// --- hostility

// Behaves at first, so that the channel is busy enough for shared memory, then does its worst.
static void attack(const zx_handle_t* theirs, unsigned seed) {
  static char bytes[65536];
  struct region regions[16];
  srand(seed);
  for (int i = 0; i < 3000 && seed % 2; i++) {
    uint32_t size;
    (void)zx_channel_write(theirs[CHANNEL], 0, bytes, 16, NULL, 0);
    if (zx_channel_read(theirs[CHANNEL], 0, bytes, NULL, sizeof(bytes), 0, &size, NULL) == ZX_OK) {
      (void)zx_channel_write(theirs[CHANNEL], 0, bytes, size, NULL, 0);
    }
  }
  hostile_map(theirs);
  int count = hostile_find(regions, 16);
  for (unsigned round = 0;; round++) {
    for (int i = 0; i < 200; i++)
      hostile_scribble(&regions[rand() % count]);
    hostile_send(round > 20);
    if (seed % 5 != 0 || rand() % 3) continue;
    // With honest calls in between, which work on the wreckage.
    (void)zx_channel_write(theirs[CHANNEL], 0, bytes, (uint32_t)rand() % 4000, NULL, 0);
    (void)zx_fifo_write(theirs[FIFO], 8, bytes, 3, NULL);
    (void)zx_socket_write(theirs[SOCKET], 0, bytes, 100, NULL);
    (void)zx_socket_write(theirs[DATAGRAM], 0, bytes, 100, NULL);
  }
}

START_TEST(a_process_that_scribbles_and_floods_gets_statuses_and_takes_nothing_along) {
  for (unsigned round = 0; round < ATTACKS; round++) {
    struct ends e;
    zx_handle_t port;
    int fds = jx_test_open_fds();
    pid_t child = start_peer(&e, round / 2 % 2, attack, round);
    srand(round);
    ck_assert_int_eq(zx_port_create(0, &port), ZX_OK);
    zx_time_t end = zx_deadline_after(ZX_MSEC(40));
    while (zx_clock_get_monotonic() < end) {
      zx_time_t start = zx_clock_get_monotonic();
      hostile_use(e.mine, port);
      ck_assert_int_lt(zx_clock_get_monotonic() - start, ZX_SEC(60));
    }
    int status;
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(WTERMSIG(status), SIGKILL);  // until then it did what it could
    hostile_use(e.mine, port);
    for (int i = 0; i < OBJECTS; i++)
      ck_assert_int_eq(
          zx_object_wait_one(e.mine[i], ZX_OBJECT_PEER_CLOSED, zx_deadline_after(ZX_SEC(60)), NULL), ZX_OK);
    ck_assert_int_eq(zx_handle_close_many(e.mine, OBJECTS), ZX_OK);
    zx_handle_close(port);
    ck_assert_int_eq(jx_test_open_fds(), fds);
  }
}
END_TEST

// --- floods

// Rings without end.
static void ring_for_ever(const zx_handle_t* theirs, unsigned seed) {
  for (;;)
    hostile_send(false);
}

START_TEST(a_deadline_holds_while_the_bell_rings) {
  struct ends e;
  zx_handle_t port;
  zx_port_packet_t packet;
  pid_t child = start_peer(&e, false, ring_for_ever, 0);
  ck_assert_int_eq(zx_port_create(0, &port), ZX_OK);
  for (int i = 0; i < 200; i++) {
    int object = i % 2 ? EVENTPAIR : FIFO;
    ck_assert_int_eq(
        zx_object_wait_one(e.mine[object], ZX_OBJECT_PEER_CLOSED, zx_deadline_after(ZX_USEC(200)), NULL),
        ZX_ERR_TIMED_OUT);
    ck_assert_int_eq(zx_object_wait_async(e.mine[object], port, 0, ZX_OBJECT_PEER_CLOSED, 0), ZX_OK);
    ck_assert_int_eq(zx_port_wait(port, zx_deadline_after(ZX_USEC(200)), &packet), ZX_ERR_TIMED_OUT);
  }
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  zx_handle_close_many(e.mine, OBJECTS);
  zx_handle_close(port);
}
END_TEST

START_TEST(a_flood_stays_in_the_kernel_and_is_read_in_order) {
  int fds[2];
  zx_handle_t channel;
  zx_signals_t observed;
  char packet[1032] = {0x4a, 0, 0, 0, 0, 4};
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
  ck_assert_int_eq(zx_linux_channel_from_fd(fds[0], &channel), ZX_OK);
  uint32_t sent = 0, full = 0;
  while (full < 100) {
    memcpy(packet + 8, &sent, sizeof(sent));
    if (send(fds[1], packet, sizeof(packet), MSG_DONTWAIT) > 0) {
      sent++;
    } else {
      // A look for the user's signals looks behind the messages, but not without end.
      full++;
      ck_assert_int_eq(zx_object_wait_one(channel, ZX_USER_SIGNAL_0, 0, &observed), ZX_ERR_TIMED_OUT);
    }
    ck_assert_uint_lt(sent, 20000);
  }
  for (uint32_t i = 0; i < sent; i++) {
    char got[1024];
    uint32_t value;
    ck_assert_int_eq(zx_channel_read(channel, 0, got, NULL, sizeof(got), 0, NULL, NULL), ZX_OK);
    memcpy(&value, got, sizeof(value));
    ck_assert_uint_eq(value, i);
  }
  ck_assert_int_eq(zx_channel_read(channel, 0, NULL, NULL, 0, 0, NULL, NULL), ZX_ERR_SHOULD_WAIT);
  close(fds[1]);
  zx_handle_close(channel);
}
END_TEST

static void* flood(void* context) {
  char bytes[4096] = {0};
  zx_handle_t channel = *(zx_handle_t*)context;
  for (zx_status_t status = ZX_OK; status != ZX_ERR_PEER_CLOSED;)
    status = zx_channel_write(channel, 0, bytes, sizeof(bytes), NULL, 0);
  return NULL;
}

START_TEST(a_flood_in_the_place_of_an_answer_ends_the_channel) {
  zx_handle_t ends[2];
  pthread_t thread;
  char request[8] = {0};
  uint32_t bytes, handles;
  ck_assert_int_eq(zx_channel_create(0, &ends[0], &ends[1]), ZX_OK);
  pthread_create(&thread, NULL, flood, &ends[1]);
  zx_channel_call_args_t args = {
      .wr_bytes = request, .wr_num_bytes = 8, .rd_bytes = request, .rd_num_bytes = 8};
  ck_assert_int_eq(zx_channel_call(ends[0], 0, ZX_TIME_INFINITE, &args, &bytes, &handles),
                   ZX_ERR_PEER_CLOSED);
  pthread_join(thread, NULL);
  zx_handle_close_many(ends, 2);
}
END_TEST

START_TEST(descriptors_in_unread_messages_are_not_taken_in_without_end) {
  zx_handle_t ends[2];
  zx_signals_t observed;
  ck_assert_int_eq(zx_channel_create(0, &ends[0], &ends[1]), ZX_OK);
  int before = jx_test_open_fds();
  for (int i = 0; i < 400; i++) {
    zx_handle_t events[8];
    for (int j = 0; j < 8; j++)
      ck_assert_int_eq(zx_event_create(0, &events[j]), ZX_OK);
    (void)zx_channel_write(ends[0], 0, NULL, 0, events, 8);
    ck_assert_int_eq(zx_object_wait_one(ends[1], ZX_USER_SIGNAL_0, 0, &observed), ZX_ERR_TIMED_OUT);
    ck_assert_int_lt(jx_test_open_fds() - before, 256 + 192 + 16);
  }
  zx_handle_close_many(ends, 2);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("hostile");
  TCase* tc = jx_test_case(suite, "hostile");
  tcase_set_timeout(tc, 100);
  tcase_add_test(tc, a_peer_killed_at_any_instruction_leaves_whole_messages_and_a_closed_peer);
  tcase_add_test(tc, a_process_that_scribbles_and_floods_gets_statuses_and_takes_nothing_along);
  tcase_add_test(tc, a_deadline_holds_while_the_bell_rings);
  tcase_add_test(tc, a_flood_stays_in_the_kernel_and_is_read_in_order);
  tcase_add_test(tc, a_flood_in_the_place_of_an_answer_ends_the_channel);
  tcase_add_test(tc, descriptors_in_unread_messages_are_not_taken_in_without_end);
  return jx_test_run(suite);
}
