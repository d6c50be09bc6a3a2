// See streams.h. A batch is what a writer hands over at once: elements of a fifo, messages of sendmmsg; where
// there is no call for several, messages written one after the other before the writer looks up. The socket
// in stream mode writes a batch as one piece.
#include "streams.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "bench.h"
#include "peer.h"

#define MAX_BATCH 32u
#define ROUNDS 5

struct stream {
  zx_handle_t ends[2];
  int fds[2];
  uint32_t size;
  unsigned batch;
};

static void wait_for(zx_handle_t handle, zx_signals_t signals) {
  zx_object_wait_one(handle, signals | ZX_OBJECT_PEER_CLOSED, ZX_TIME_INFINITE, NULL);
}

static void channel_out(const struct stream* s, unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    while (zx_channel_write(s->ends[0], 0, ipc_message, s->size, NULL, 0) == ZX_ERR_SHOULD_WAIT)
      wait_for(s->ends[0], ZX_CHANNEL_WRITABLE);
  }
}

static void channel_in(const struct stream* s, unsigned count) {
  for (unsigned i = 0; i < count;) {
    zx_status_t status = zx_channel_read(s->ends[1], 0, ipc_answer, NULL, IPC_MAX_BYTES, 0, NULL, NULL);
    if (status == ZX_OK) i++;
    if (status == ZX_ERR_SHOULD_WAIT) wait_for(s->ends[1], ZX_CHANNEL_READABLE);
  }
}

static void seqpacket_out(const struct stream* s, unsigned count) {
  struct iovec iov = {ipc_message, s->size};
  struct mmsghdr messages[MAX_BATCH];
  for (unsigned i = 0; i < s->batch; i++)
    messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
  for (unsigned i = 0; i < count;) {
    int sent = sendmmsg(s->fds[0], messages, s->batch, 0);
    ipc_check(sent > 0, "sendmmsg");
    i += (unsigned)sent;
  }
}

static void seqpacket_in(const struct stream* s, unsigned count) {
  struct iovec iov = {ipc_answer, IPC_MAX_BYTES};
  struct mmsghdr messages[MAX_BATCH];
  for (unsigned i = 0; i < s->batch; i++)
    messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
  for (unsigned i = 0; i < count;) {
    int got = recvmmsg(s->fds[1], messages, s->batch, MSG_WAITFORONE, NULL);
    ipc_check(got > 0, "recvmmsg");
    i += (unsigned)got;
  }
}

static void fifo_out(const struct stream* s, unsigned count) {
  for (unsigned i = 0; i < count;) {
    size_t put = 0;
    unsigned want = count - i < s->batch ? count - i : s->batch;
    zx_status_t status = zx_fifo_write(s->ends[0], s->size, ipc_message, want, &put);
    i += (unsigned)put;
    if (status == ZX_ERR_SHOULD_WAIT) wait_for(s->ends[0], ZX_FIFO_WRITABLE);
  }
}

static void fifo_in(const struct stream* s, unsigned count) {
  for (unsigned i = 0; i < count;) {
    size_t got = 0;
    zx_status_t status = zx_fifo_read(s->ends[1], s->size, ipc_answer, MAX_BATCH, &got);
    i += (unsigned)got;
    if (status == ZX_ERR_SHOULD_WAIT) wait_for(s->ends[1], ZX_FIFO_READABLE);
  }
}

static void datagrams_out(const struct stream* s, unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    while (zx_socket_write(s->ends[0], 0, ipc_message, s->size, NULL) == ZX_ERR_SHOULD_WAIT)
      wait_for(s->ends[0], ZX_SOCKET_WRITABLE);
  }
}

static void datagrams_in(const struct stream* s, unsigned count) {
  for (unsigned i = 0; i < count;) {
    zx_status_t status = zx_socket_read(s->ends[1], 0, ipc_answer, IPC_MAX_BYTES, NULL);
    if (status == ZX_OK) i++;
    if (status == ZX_ERR_SHOULD_WAIT) wait_for(s->ends[1], ZX_SOCKET_READABLE);
  }
}

static void bytes_out(const struct stream* s, unsigned count) {
  for (size_t left = (size_t)count * s->size; left;) {
    size_t put = 0;
    size_t want = (size_t)s->size * s->batch;
    zx_status_t status = zx_socket_write(s->ends[0], 0, ipc_message, want < left ? want : left, &put);
    left -= put;
    if (status == ZX_ERR_SHOULD_WAIT) wait_for(s->ends[0], ZX_SOCKET_WRITABLE);
  }
}

static void bytes_in(const struct stream* s, unsigned count) {
  for (size_t left = (size_t)count * s->size; left;) {
    size_t got = 0;
    size_t want = (size_t)s->size * MAX_BATCH;
    zx_status_t status = zx_socket_read(s->ends[1], 0, ipc_answer, want < left ? want : left, &got);
    left -= got;
    if (status == ZX_ERR_SHOULD_WAIT) wait_for(s->ends[1], ZX_SOCKET_READABLE);
  }
}

static void open_channel(struct stream* s) {
  ipc_check(zx_channel_create(0, &s->ends[0], &s->ends[1]) == ZX_OK, "zx_channel_create");
}

static void open_seqpacket(struct stream* s) {
  ipc_check(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s->fds) == 0, "socketpair");
}

static void open_fifo(struct stream* s) {
  ipc_check(zx_fifo_create(ZX_FIFO_MAX_SIZE_BYTES / s->size, s->size, 0, &s->ends[0], &s->ends[1]) == ZX_OK,
            "zx_fifo_create");
}

static void open_datagrams(struct stream* s) {
  ipc_check(zx_socket_create(ZX_SOCKET_DATAGRAM, &s->ends[0], &s->ends[1]) == ZX_OK, "zx_socket_create");
}

static void open_bytes(struct stream* s) {
  ipc_check(zx_socket_create(ZX_SOCKET_STREAM, &s->ends[0], &s->ends[1]) == ZX_OK, "zx_socket_create");
}

struct kind {
  const char* name;
  uint32_t max_size;
  unsigned count;  // of messages in a turn
  void (*open)(struct stream* s);
  void (*out)(const struct stream* s, unsigned count);
  void (*in)(const struct stream* s, unsigned count);
};

static const struct kind kinds[] = {
    {"seqpacket", IPC_MAX_BYTES, 6000, open_seqpacket, seqpacket_out, seqpacket_in},  // the reference
    {"zx_channel", IPC_MAX_BYTES, 40000, open_channel, channel_out, channel_in},
    {"zx_fifo", 64, 40000, open_fifo, fifo_out, fifo_in},  // of 4096 bytes
    {"zx_socket, datagrams", IPC_MAX_BYTES, 40000, open_datagrams, datagrams_out, datagrams_in},
    {"zx_socket, bytes", 2048, 40000, open_bytes, bytes_out, bytes_in},
};
#define NUM_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static pid_t start_reader(const struct kind* kind, const struct stream* stream, int done,
                          enum ipc_place place) {
  pid_t reader = fork();
  ipc_check(reader >= 0, "fork");
  if (reader > 0) return reader;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  ipc_place(place, true);
  zx_linux_after_fork_keep(&stream->ends[1], 1);
  for (;;) {
    kind->in(stream, kind->count);
    if (write(done, "", 1) != 1) _exit(0);
  }
}

// Million messages a second: written and read.
static double run_once(const struct kind* kind, uint32_t size, unsigned batch, enum ipc_place place) {
  struct stream stream = {.fds = {-1, -1}, .size = size, .batch = batch};
  int done[2];
  char byte;
  kind->open(&stream);
  ipc_check(pipe(done) == 0, "pipe");
  pid_t reader = start_reader(kind, &stream, done[1], place);
  ipc_place(place, false);
  double seconds = 0;
  for (int turn = 0; turn < 2; turn++) {  // the first one to get warm
    uint64_t start = bench_now_ns();
    kind->out(&stream, kind->count);
    ipc_check(read(done[0], &byte, 1) == 1, "the reader");
    seconds = (double)(bench_now_ns() - start) / 1e9;
  }
  ipc_end(reader);
  zx_handle_close(stream.ends[0]);
  zx_handle_close(stream.ends[1]);
  for (int i = 0; i < 2; i++) {
    close(done[i]);
    if (stream.fds[i] >= 0) close(stream.fds[i]);
  }
  return kind->count / seconds / 1e6;
}

void ipc_bench_stream(uint32_t size, unsigned batch, enum ipc_place place) {
  static double rates[NUM_KINDS][ROUNDS];
  char name[96];
  for (int round = 0; round < ROUNDS; round++) {
    for (size_t i = 0; i < NUM_KINDS; i++) {
      if (size <= kinds[i].max_size) rates[i][round] = run_once(&kinds[i], size, batch, place);
    }
  }
  double reference = bench_median(rates[0], ROUNDS);
  snprintf(name, sizeof(name), "stream %u B, batch %u, %s", size, batch, ipc_place_names[place]);
  for (size_t i = 1; i < NUM_KINDS; i++) {
    if (size > kinds[i].max_size) continue;
    bench_row_t row = {name,        kinds[i].name, bench_median(rates[i], ROUNDS),
                       "million/s", kinds[0].name, reference};
    bench_report(&row);
  }
}
