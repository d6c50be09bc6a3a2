// Two processes that exchange numbers through a fifo, a socket and an eventpair, in random batches, each
// sleeping in a randomly chosen way whenever it finds nothing: no wake-up may be lost, whichever way it is
// waited for.
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "jx_test.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { NUMBERS = 60000 };
#else
enum { NUMBERS = 500000 };
#endif

static zx_time_t soon(void) {
  return zx_deadline_after(ZX_SEC(30));
}

// One way or another until one of `signals` is on, or, with an edge, has come on since the wait began.
static void wait_somehow(zx_handle_t handle, zx_handle_t port, zx_signals_t signals) {
  zx_wait_item_t item = {handle, signals, 0};
  zx_port_packet_t packet;
  switch (rand() % 3) {
    case 0:
      jx_assert(zx_object_wait_one(handle, signals, soon(), NULL) == ZX_OK);
      break;
    case 1:
      jx_assert(zx_object_wait_many(&item, 1, soon()) == ZX_OK);
      break;
    default:
      jx_assert(zx_object_wait_async(handle, port, 1, signals, 0) == ZX_OK);
      jx_assert(zx_port_wait(port, soon(), &packet) == ZX_OK);
  }
}

struct ends {
  zx_handle_t fifo, socket, pair, port;
};

static size_t some(size_t limit) {
  return 1 + (size_t)rand() % limit;
}

// Sends numbers from `first` on through the fifo; returns how many fitted.
static size_t send_fifo(zx_handle_t fifo, uint64_t first, size_t count) {
  uint64_t batch[40];
  size_t sent = 0;
  for (size_t i = 0; i < count; i++)
    batch[i] = first + i;
  zx_status_t status = zx_fifo_write(fifo, 8, batch, count, &sent);
  jx_assert(status == ZX_OK || status == ZX_ERR_SHOULD_WAIT);
  return sent;
}

static size_t receive_fifo(zx_handle_t fifo, uint64_t expected) {
  uint64_t batch[40];
  size_t received = 0;
  zx_status_t status = zx_fifo_read(fifo, 8, batch, some(40), &received);
  jx_assert(status == ZX_OK || status == ZX_ERR_SHOULD_WAIT);
  for (size_t i = 0; i < received; i++)
    jx_assert(batch[i] == expected + i);
  return received;
}

// Both ends send and receive at once; each leaves when it has seen all.
static void exchange_through_fifo(const struct ends* e) {
  uint64_t sent = 0, received = 0;
  while (sent < NUMBERS || received < NUMBERS) {
    size_t left = NUMBERS - sent, count = some(40);
    size_t now = sent < NUMBERS ? send_fifo(e->fifo, sent, count < left ? count : left) : 0;
    size_t got = received < NUMBERS ? receive_fifo(e->fifo, received) : 0;
    sent += now;
    received += got;
    zx_signals_t want = (received < NUMBERS ? ZX_FIFO_READABLE : 0) | (sent < NUMBERS ? ZX_FIFO_WRITABLE : 0);
    if (!now && !got && want) wait_somehow(e->fifo, e->port, want);
  }
}

static void exchange_through_socket(const struct ends* e) {
  static unsigned char out[9000], in[9000];
  size_t sent = 0, received = 0, total = (size_t)NUMBERS * 16, actual;
  while (sent < total || received < total) {
    bool moved = false;
    size_t count = some(sizeof(out));
    if (count > total - sent) count = total - sent;
    for (size_t i = 0; i < count; i++)
      out[i] = (unsigned char)((sent + i) * 13 >> 3);
    if (count && zx_socket_write(e->socket, 0, out, count, &actual) == ZX_OK) {
      sent += actual;
      moved = true;
    }
    if (zx_socket_read(e->socket, 0, in, some(sizeof(in)), &actual) == ZX_OK) {
      for (size_t i = 0; i < actual; i++)
        jx_assert(in[i] == (unsigned char)((received + i) * 13 >> 3));
      received += actual;
      moved = true;
    }
    zx_signals_t want = (received < total ? ZX_SOCKET_READABLE : 0) | (sent < total ? ZX_SOCKET_WRITABLE : 0);
    if (!moved && want) wait_somehow(e->socket, e->port, want);
  }
}

// A wait for an edge is begun before the queue is emptied: what comes after that must be told.
static void receive_at_edges(const struct ends* e) {
  zx_port_packet_t packet;
  for (uint64_t received = 0; received < NUMBERS;) {
    jx_assert(zx_object_wait_async(e->fifo, e->port, 7, ZX_FIFO_READABLE, ZX_WAIT_ASYNC_EDGE) == ZX_OK);
    for (size_t got; (got = receive_fifo(e->fifo, received)) > 0;)
      received += got;
    if (received < NUMBERS) {
      jx_assert(zx_port_wait(e->port, soon(), &packet) == ZX_OK);
    } else {
      (void)zx_port_cancel(e->port, e->fifo, 7);
    }
  }
}

static void send_all(const struct ends* e) {
  for (uint64_t sent = 0; sent < NUMBERS;) {
    size_t left = NUMBERS - sent, count = some(40);
    size_t now = send_fifo(e->fifo, sent, count < left ? count : left);
    if (!now) wait_somehow(e->fifo, e->port, ZX_FIFO_WRITABLE);
    if (rand() % 200 == 0) zx_nanosleep(0);
    sent += now;
  }
}

// The signal goes to and fro. Each side clears its own before it answers, so that none is missed.
static void play(const struct ends* e, bool begins) {
  for (int i = 0; i < NUMBERS / 20; i++) {
    zx_signals_t bit = ZX_USER_SIGNAL_0 << i % 8;
    if (begins) jx_assert(zx_object_signal_peer(e->pair, 0, bit) == ZX_OK);
    wait_somehow(e->pair, e->port, bit);
    jx_assert(zx_object_signal(e->pair, bit, 0) == ZX_OK);
    if (!begins) jx_assert(zx_object_signal_peer(e->pair, 0, bit) == ZX_OK);
  }
}

static void run(const struct ends* e, bool begins) {
  srand(begins ? 1 : 2);
  exchange_through_fifo(e);
  exchange_through_socket(e);
  play(e, begins);
  if (begins) {
    send_all(e);
  } else {
    receive_at_edges(e);
  }
}

START_TEST(millions_of_numbers_in_random_batches_lose_no_wake_up) {
  zx_handle_t carrier[2], theirs[3];
  struct ends e;
  ck_assert_int_eq(zx_channel_create(0, &carrier[0], &carrier[1]), ZX_OK);
  ck_assert_int_eq(zx_fifo_create(64, 8, 0, &e.fifo, &theirs[0]), ZX_OK);
  ck_assert_int_eq(zx_socket_create(0, &e.socket, &theirs[1]), ZX_OK);
  ck_assert_int_eq(zx_eventpair_create(0, &e.pair, &theirs[2]), ZX_OK);
  ck_assert_int_eq(zx_channel_write(carrier[0], 0, NULL, 0, theirs, 3), ZX_OK);
  pid_t child = fork();
  if (child == 0) {
    zx_linux_after_fork_keep(&carrier[1], 1);
    zx_linux_after_fork_in_child();
    if (zx_channel_read(carrier[1], 0, NULL, theirs, 0, 3, NULL, NULL) != ZX_OK) _exit(1);
    e = (struct ends){.fifo = theirs[0], .socket = theirs[1], .pair = theirs[2]};
    if (zx_port_create(0, &e.port) != ZX_OK) _exit(2);
    run(&e, false);
    _exit(0);
  }
  zx_linux_after_fork_leave(&carrier[1], 1);
  zx_handle_close(carrier[0]);
  ck_assert_int_eq(zx_port_create(0, &e.port), ZX_OK);
  run(&e, true);
  int status;
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
  zx_handle_close_many((zx_handle_t[]){e.fifo, e.socket, e.pair, e.port}, 4);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("stress");
  TCase* tc = jx_test_case(suite, "stress");
  tcase_set_timeout(tc, 180);
  tcase_add_test(tc, millions_of_numbers_in_random_batches_lose_no_wake_up);
  return jx_test_run(suite);
}
