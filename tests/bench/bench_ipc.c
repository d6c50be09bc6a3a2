// What messages between processes cost: zx channels, fifos and sockets beside a raw SOCK_SEQPACKET pair and a
// pipe pair, in turns within one run; both processes on one processor, on two, or wherever the kernel puts
// them.
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "bench.h"

enum { kRounds = 15, kMaxBytes = 65536 };

// Where the two processes run.
enum placement { kSame, kSplit, kAnywhere };
static const char* const kPlacements[] = {"same core", "two cores", "unpinned"};

static char message[kMaxBytes];
static char answer[kMaxBytes];

static void place(enum placement placement, bool server) {
  if (placement == kAnywhere) return;
  bench_pin(placement == kSplit && server ? 1 : 0);
}

static void check(bool good, const char* what) {
  if (good) return;
  fprintf(stderr, "bench_ipc: %s failed\n", what);
  exit(1);
}

// --- transports: an end that sends a message and gets the answer, and a server that answers

struct transport {
  const char* name;
  zx_handle_t ends[2];
  zx_handle_t passed;  // a handle to be sent along, or ZX_HANDLE_INVALID
  int fds[2];
  int pipes[2][2];
  pid_t server;
};

static void zx_serve(struct transport* t) {
  zx_handle_t channel = t->ends[1];
  for (;;) {
    uint32_t size;
    uint32_t num_handles;
    zx_handle_t handle = ZX_HANDLE_INVALID;
    zx_status_t status =
        zx_object_wait_one(channel, ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED, ZX_TIME_INFINITE, NULL);
    if (status == ZX_OK)
      status = zx_channel_read(channel, 0, answer, &handle, kMaxBytes, 1, &size, &num_handles);
    if (status == ZX_ERR_SHOULD_WAIT) continue;
    if (status != ZX_OK) _exit(0);
    zx_channel_write(channel, 0, answer, size, &handle, num_handles);
  }
}

// As a server that has more to wait for than one channel.
static void zx_serve_by_port(struct transport* t) {
  zx_handle_t port;
  zx_port_packet_t packet;
  uint32_t size;
  check(zx_port_create(0, &port) == ZX_OK, "zx_port_create");
  for (;;) {
    zx_object_wait_async(t->ends[1], port, 0, ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED, 0);
    check(zx_port_wait(port, ZX_TIME_INFINITE, &packet) == ZX_OK, "zx_port_wait");
    zx_status_t status = zx_channel_read(t->ends[1], 0, answer, NULL, kMaxBytes, 0, &size, NULL);
    if (status == ZX_ERR_SHOULD_WAIT) continue;
    if (status != ZX_OK) _exit(0);
    zx_channel_write(t->ends[1], 0, answer, size, NULL, 0);
  }
}

static void zx_call_once(struct transport* t, uint32_t size) {
  uint32_t num_bytes;
  uint32_t num_handles;
  zx_handle_t got = ZX_HANDLE_INVALID;
  zx_channel_call_args_t args = {.wr_bytes = message,
                                 .wr_num_bytes = size,
                                 .wr_handles = &t->passed,
                                 .wr_num_handles = t->passed ? 1 : 0,
                                 .rd_bytes = answer,
                                 .rd_num_bytes = kMaxBytes,
                                 .rd_handles = &got,
                                 .rd_num_handles = 1};
  check(zx_channel_call(t->ends[0], 0, ZX_TIME_INFINITE, &args, &num_bytes, &num_handles) == ZX_OK,
        "zx_channel_call");
  t->passed = got;
}

static void seq_serve(struct transport* t) {
  char control[CMSG_SPACE(sizeof(int))];
  for (;;) {
    struct iovec iov = {answer, kMaxBytes};
    struct msghdr header = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    ssize_t size = recvmsg(t->fds[1], &header, MSG_CMSG_CLOEXEC);
    if (size <= 0) _exit(0);
    iov.iov_len = (size_t)size;
    if (!header.msg_controllen) header.msg_control = NULL;
    check(sendmsg(t->fds[1], &header, 0) == size, "sendmsg");
    if (header.msg_controllen) close(*(int*)(void*)CMSG_DATA(CMSG_FIRSTHDR(&header)));
  }
}

static void seq_call_once(struct transport* t, uint32_t size) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec iov = {message, size};
  struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
  if (t->pipes[0][0] >= 0) {
    header.msg_control = control.bytes;
    header.msg_controllen = sizeof(control.bytes);
    control.header = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.header), &t->pipes[0][0], sizeof(int));
  }
  check(sendmsg(t->fds[0], &header, 0) == (ssize_t)size, "sendmsg");
  iov = (struct iovec){answer, kMaxBytes};
  if (t->pipes[0][0] >= 0) close(t->pipes[0][0]);
  check(recvmsg(t->fds[0], &header, MSG_CMSG_CLOEXEC) == (ssize_t)size, "recvmsg");
  if (t->pipes[0][0] >= 0) memcpy(&t->pipes[0][0], CMSG_DATA(&control.header), sizeof(int));
}

static void read_all(int fd, char* to, size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t now = read(fd, to + done, size - done);
    if (now <= 0) _exit(0);
    done += (size_t)now;
  }
}

static void write_all(int fd, const char* from, size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t now = write(fd, from + done, size - done);
    if (now <= 0) _exit(0);
    done += (size_t)now;
  }
}

static uint32_t pipe_size;

static void pipe_serve(struct transport* t) {
  for (;;) {
    read_all(t->pipes[0][0], answer, pipe_size);
    write_all(t->pipes[1][1], answer, pipe_size);
  }
}

static void pipe_call_once(struct transport* t, uint32_t size) {
  write_all(t->pipes[0][1], message, size);
  read_all(t->pipes[1][0], answer, size);
}

// --- round trips

struct kind {
  const char* name;
  void (*serve)(struct transport*);
  void (*call)(struct transport*, uint32_t size);
};

static const struct kind kKinds[] = {{"zx_channel_call", zx_serve, zx_call_once},
                                     {"seqpacket", seq_serve, seq_call_once},
                                     {"pipe", pipe_serve, pipe_call_once},
                                     {"zx_channel_call, server on a port", zx_serve_by_port, zx_call_once}};
enum { kNumKinds = 4 };

static void open_transport(struct transport* t, const struct kind* kind, enum placement placement,
                           bool with_handle) {
  *t = (struct transport){.name = kind->name, .fds = {-1, -1}, .pipes = {{-1, -1}, {-1, -1}}};
  check(zx_channel_create(0, &t->ends[0], &t->ends[1]) == ZX_OK, "zx_channel_create");
  check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, t->fds) == 0, "socketpair");
  if (kind->serve == pipe_serve) {
    check(pipe(t->pipes[0]) == 0 && pipe(t->pipes[1]) == 0, "pipe");
  } else if (with_handle) {
    if (kind->serve == seq_serve) t->pipes[0][0] = dup(0);
    if (kind->serve == zx_serve) check(zx_linux_fd_wrap(dup(0), &t->passed) == ZX_OK, "zx_linux_fd_wrap");
  }
  t->server = fork();
  if (t->server == 0) {
    place(placement, true);
    zx_handle_close(t->ends[0]);
    close(t->fds[0]);
    if (kind->serve == pipe_serve) close(t->pipes[0][1]);
    kind->serve(t);
  }
  zx_handle_close(t->ends[1]);
  close(t->fds[1]);
  if (kind->serve == pipe_serve) {
    close(t->pipes[0][0]);
    close(t->pipes[1][1]);
  }
}

static void close_transport(struct transport* t) {
  kill(t->server, SIGKILL);
  waitpid(t->server, NULL, 0);
  zx_handle_close(t->ends[0]);
  zx_handle_close(t->passed);
  close(t->fds[0]);
  for (int i = 0; i < 4; i++) {
    if (t->pipes[i / 2][i % 2] >= 0) close(t->pipes[i / 2][i % 2]);
  }
}

static void think(void) {
  struct timespec pause = {.tv_nsec = 1000000};
  nanosleep(&pause, NULL);
}

struct round_trip {
  const char* name;
  uint32_t size;
  unsigned calls;  // per round
  bool cold;       // 1 ms of thinking before each
  bool with_handle;
  int kinds;  // the first so many
};

static void bench_round_trip(const struct round_trip* what, enum placement placement) {
  static double single[kNumKinds][kRounds * 512];
  size_t num_single = 0;
  struct transport transports[kNumKinds];
  pipe_size = what->size;
  for (int k = 0; k < what->kinds; k++)
    open_transport(&transports[k], &kKinds[k], placement, what->with_handle);
  place(placement, false);
  for (int round = -2; round < kRounds; round++) {
    for (int k = 0; k < what->kinds; k++) {
      for (unsigned i = 0; i < what->calls; i++) {
        if (what->cold) think();
        uint64_t start = bench_now_ns();
        kKinds[k].call(&transports[k], what->size);
        uint64_t took = bench_now_ns() - start;
        if (round >= 0) single[k][num_single + i] = (double)took / 1e3;
      }
    }
    if (round >= 0) num_single += what->calls;
  }
  char name[96];
  for (int k = 0; k < what->kinds; k++) {
    if (k == 1) continue;
    snprintf(name, sizeof(name), "%s, %s", what->name, kPlacements[placement]);
    bench_row_t row = {name, kKinds[k].name, bench_median(single[k], num_single),
                       "us", "seqpacket",    bench_median(single[1], num_single)};
    bench_report(&row);
    if (k != 0) continue;
    snprintf(name, sizeof(name), "%s, %s, p99", what->name, kPlacements[placement]);
    row.value = single[0][num_single * 99 / 100];
    row.reference_value = single[1][num_single * 99 / 100];
    bench_report(&row);
  }
  for (int k = 0; k < what->kinds; k++)
    close_transport(&transports[k]);
}

// --- streaming: a process that writes, one that reads

static void stream_zx_out(struct transport* t, uint32_t size, unsigned count, unsigned batch) {
  for (unsigned i = 0; i < count; i++) {
    zx_status_t status;
    while ((status = zx_channel_write(t->ends[0], 0, message, size, NULL, 0)) == ZX_ERR_SHOULD_WAIT) {
      zx_object_wait_one(t->ends[0], ZX_CHANNEL_WRITABLE | ZX_CHANNEL_PEER_CLOSED, ZX_TIME_INFINITE, NULL);
    }
    check(status == ZX_OK, "zx_channel_write");
  }
}

static void stream_zx_in(struct transport* t, uint32_t size, unsigned count) {
  for (unsigned i = 0; i < count;) {
    uint32_t got;
    zx_status_t status = zx_channel_read(t->ends[1], 0, answer, NULL, kMaxBytes, 0, &got, NULL);
    if (status == ZX_OK) i++;
    if (status != ZX_ERR_SHOULD_WAIT) continue;
    zx_object_wait_one(t->ends[1], ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED, ZX_TIME_INFINITE, NULL);
  }
}

static void stream_seq_out(struct transport* t, uint32_t size, unsigned count, unsigned batch) {
  struct mmsghdr headers[32] = {{{0}, 0}};
  struct iovec iov = {message, size};
  for (unsigned i = 0; i < batch; i++)
    headers[i].msg_hdr = (struct msghdr){.msg_iov = &iov, .msg_iovlen = 1};
  for (unsigned i = 0; i < count;) {
    int sent = sendmmsg(t->fds[0], headers, count - i < batch ? count - i : batch, 0);
    check(sent > 0, "sendmmsg");
    i += (unsigned)sent;
  }
}

static void stream_seq_in(struct transport* t, uint32_t size, unsigned count) {
  for (unsigned i = 0; i < count; i++)
    check(recv(t->fds[1], answer, kMaxBytes, 0) == (ssize_t)size, "recv");
}

static void stream_fifo_out(struct transport* t, uint32_t size, unsigned count, unsigned batch) {
  for (unsigned i = 0; i < count;) {
    size_t put = 0;
    zx_status_t status =
        zx_fifo_write(t->ends[0], size, message, count - i < batch ? count - i : batch, &put);
    i += (unsigned)put;
    if (status == ZX_ERR_SHOULD_WAIT)
      zx_object_wait_one(t->ends[0], ZX_FIFO_WRITABLE, ZX_TIME_INFINITE, NULL);
  }
}

static void stream_fifo_in(struct transport* t, uint32_t size, unsigned count) {
  for (unsigned i = 0; i < count;) {
    size_t got = 0;
    zx_status_t status = zx_fifo_read(t->ends[1], size, answer, 32, &got);
    i += (unsigned)got;
    if (status == ZX_ERR_SHOULD_WAIT)
      zx_object_wait_one(t->ends[1], ZX_FIFO_READABLE, ZX_TIME_INFINITE, NULL);
  }
}

static void stream_socket_out(struct transport* t, uint32_t size, unsigned count, unsigned batch) {
  for (unsigned i = 0; i < count; i++) {
    while (zx_socket_write(t->ends[0], 0, message, size, NULL) == ZX_ERR_SHOULD_WAIT) {
      zx_object_wait_one(t->ends[0], ZX_SOCKET_WRITABLE, ZX_TIME_INFINITE, NULL);
    }
  }
}

static void stream_socket_in(struct transport* t, uint32_t size, unsigned count) {
  for (unsigned i = 0; i < count;) {
    zx_status_t status = zx_socket_read(t->ends[1], 0, answer, kMaxBytes, NULL);
    if (status == ZX_OK) i++;
    if (status == ZX_ERR_SHOULD_WAIT)
      zx_object_wait_one(t->ends[1], ZX_SOCKET_READABLE, ZX_TIME_INFINITE, NULL);
  }
}

struct stream_kind {
  const char* name;
  void (*out)(struct transport*, uint32_t size, unsigned count, unsigned batch);
  void (*in)(struct transport*, uint32_t size, unsigned count);
};

static const struct stream_kind kStreams[] = {{"zx_channel", stream_zx_out, stream_zx_in},
                                              {"seqpacket", stream_seq_out, stream_seq_in},
                                              {"zx_fifo", stream_fifo_out, stream_fifo_in},
                                              {"zx_socket datagram", stream_socket_out, stream_socket_in}};
enum { kNumStreams = 4 };

static double stream_once(const struct stream_kind* kind, uint32_t size, unsigned batch,
                          enum placement placement) {
  struct transport t = {.fds = {-1, -1}};
  const unsigned count = kind->out == stream_seq_out ? 4000 : 20000;
  int done[2];
  check(pipe(done) == 0, "pipe");
  if (kind->out == stream_zx_out)
    check(zx_channel_create(0, &t.ends[0], &t.ends[1]) == ZX_OK, "zx_channel_create");
  if (kind->out == stream_seq_out) check(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, t.fds) == 0, "socketpair");
  if (kind->out == stream_fifo_out) {
    check(zx_fifo_create(ZX_FIFO_MAX_SIZE_BYTES / size, size, 0, &t.ends[0], &t.ends[1]) == ZX_OK,
          "zx_fifo_create");
  }
  if (kind->out == stream_socket_out)
    check(zx_socket_create(1, &t.ends[0], &t.ends[1]) == ZX_OK, "zx_socket_create");
  pid_t reader = fork();
  if (reader == 0) {
    place(placement, true);
    kind->in(&t, size, count);  // to get warm
    write_all(done[1], "", 1);
    kind->in(&t, size, count);
    write_all(done[1], "", 1);
    _exit(0);
  }
  place(placement, false);
  char byte;
  kind->out(&t, size, count, batch);
  read_all(done[0], &byte, 1);
  uint64_t start = bench_now_ns();
  kind->out(&t, size, count, batch);
  read_all(done[0], &byte, 1);
  double seconds = (double)(bench_now_ns() - start) / 1e9;
  waitpid(reader, NULL, 0);
  zx_handle_close(t.ends[0]);
  zx_handle_close(t.ends[1]);
  for (int i = 0; i < 2; i++) {
    close(done[i]);
    if (t.fds[i] >= 0) close(t.fds[i]);
  }
  return count / seconds / 1e6;
}

static void bench_stream(uint32_t size, unsigned batch, enum placement placement) {
  enum { kStreamRounds = 3 };
  static double rates[kNumStreams][kStreamRounds];
  for (int round = 0; round < kStreamRounds; round++) {
    for (int k = 0; k < kNumStreams; k++)
      rates[k][round] = stream_once(&kStreams[k], size, batch, placement);
  }
  char name[96];
  double reference = bench_median(rates[1], kStreamRounds);
  snprintf(name, sizeof(name), "stream %u B, batch %u, %s", size, batch, kPlacements[placement]);
  for (int k = 0; k < kNumStreams; k++) {
    if (k == 1) continue;
    bench_row_t row = {name,        kStreams[k].name, bench_median(rates[k], kStreamRounds),
                       "million/s", "seqpacket",      reference};
    bench_report(&row);
  }
}

static void bench_creation(void) {
  static double zx[kRounds], raw[kRounds];
  for (int round = 0; round < kRounds; round++) {
    uint64_t start = bench_now_ns();
    for (int i = 0; i < 200; i++) {
      zx_handle_t ends[2];
      check(zx_channel_create(0, &ends[0], &ends[1]) == ZX_OK, "zx_channel_create");
      zx_handle_close_many(ends, 2);
    }
    zx[round] = (double)(bench_now_ns() - start) / 200e3;
    start = bench_now_ns();
    for (int i = 0; i < 200; i++) {
      int fds[2];
      check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0, "socketpair");
      close(fds[0]);
      close(fds[1]);
    }
    raw[round] = (double)(bench_now_ns() - start) / 200e3;
  }
  bench_row_t row = {"create and close",        "zx_channel", bench_median(zx, kRounds), "us", "seqpacket",
                     bench_median(raw, kRounds)};
  bench_report(&row);
}

int main(int argc, char** argv) {
  static const struct round_trip kCases[] = {
      {"call 64 B", 64, 200, false, false, 4},
      {"call 1,400 B", 1400, 200, false, false, 3},
      {"call 16 KiB", 16384, 100, false, false, 3},
      {"call 64 KiB", 65536, 50, false, false, 3},
      {"call passing a handle", 64, 100, false, true, 2},
      {"cold call 64 B", 64, 10, true, false, 4},
  };
  signal(SIGPIPE, SIG_IGN);
  for (size_t i = 0; i < sizeof(kCases) / sizeof(kCases[0]); i++) {
    for (enum placement placement = kSame; placement <= kAnywhere; placement++) {
      // A child of its own, so that pinning does not last.
      pid_t child = fork();
      if (child == 0) {
        bench_round_trip(&kCases[i], placement);
        fflush(stdout);
        _exit(0);
      }
      waitpid(child, NULL, 0);
    }
  }
  for (enum placement placement = kSame; placement <= kSplit; placement++) {
    bench_stream(64, 1, placement);
    bench_stream(64, 32, placement);
    bench_stream(1400, 1, placement);
    bench_stream(1400, 32, placement);
  }
  bench_creation();
  return 0;
}
