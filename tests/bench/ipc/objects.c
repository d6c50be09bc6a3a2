// Creation and idleness; see objects.h.
#include "objects.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "bench.h"
#include "peer.h"

#define CREATION_ROUNDS 9
#define PER_ROUND 200
#define IDLE_CHANNELS 10000u
#define SPARE_FDS 200u
#define IDLE_CALLS 2000u

static void make_channel(zx_handle_t ends[2]) {
  ipc_check(zx_channel_create(0, &ends[0], &ends[1]) == ZX_OK, "zx_channel_create");
}
static void make_eventpair(zx_handle_t ends[2]) {
  ipc_check(zx_eventpair_create(0, &ends[0], &ends[1]) == ZX_OK, "zx_eventpair_create");
}
static void make_fifo(zx_handle_t ends[2]) {
  ipc_check(zx_fifo_create(256, 16, 0, &ends[0], &ends[1]) == ZX_OK, "zx_fifo_create");
}
static void make_socket(zx_handle_t ends[2]) {
  ipc_check(zx_socket_create(0, &ends[0], &ends[1]) == ZX_OK, "zx_socket_create");
}

static double time_objects(void (*make)(zx_handle_t ends[2])) {
  zx_handle_t ends[2];
  uint64_t start = bench_now_ns();
  for (int i = 0; i < PER_ROUND; i++) {
    make(ends);
    zx_handle_close_many(ends, 2);
  }
  return (double)(bench_now_ns() - start) / 1e3 / PER_ROUND;
}

static double time_socketpairs(void) {
  int fds[2];
  uint64_t start = bench_now_ns();
  for (int i = 0; i < PER_ROUND; i++) {
    ipc_check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0, "socketpair");
    close(fds[0]);
    close(fds[1]);
  }
  return (double)(bench_now_ns() - start) / 1e3 / PER_ROUND;
}

void ipc_bench_creation(void) {
  static const struct {
    const char* name;
    void (*make)(zx_handle_t ends[2]);
  } kinds[] = {{"zx_channel", make_channel},
               {"zx_eventpair", make_eventpair},
               {"zx_fifo", make_fifo},
               {"zx_socket", make_socket}};
  enum { kKinds = sizeof(kinds) / sizeof(kinds[0]) };
  static double times[kKinds][CREATION_ROUNDS], raw[CREATION_ROUNDS];
  for (int round = 0; round < CREATION_ROUNDS; round++) {
    raw[round] = time_socketpairs();
    for (int i = 0; i < kKinds; i++)
      times[i][round] = time_objects(kinds[i].make);
  }
  double reference = bench_median(raw, CREATION_ROUNDS);
  for (int i = 0; i < kKinds; i++) {
    bench_row_t row = {"create and close a pair",
                       kinds[i].name,
                       bench_median(times[i], CREATION_ROUNDS),
                       "us",
                       "socketpair",
                       reference};
    bench_report(&row);
  }
}

static double resident_bytes(void) {
  unsigned long pages = 0;
  FILE* file = fopen("/proc/self/statm", "r");
  ipc_check(file && fscanf(file, "%*u %lu", &pages) == 1, "/proc/self/statm");
  fclose(file);
  return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static unsigned count_fds(void) {
  unsigned count = 0;
  DIR* fds = opendir("/proc/self/fd");
  ipc_check(fds != NULL, "/proc/self/fd");
  while (readdir(fds))
    count++;
  closedir(fds);
  return count;
}

// How many channels this user may have, up to IDLE_CHANNELS; their descriptors exist once in all processes.
static unsigned allowed_channels(void) {
  struct rlimit limit = {0};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  rlim_t channels = limit.rlim_max > SPARE_FDS ? (limit.rlim_max - SPARE_FDS) / 2 : 0;
  return channels < IDLE_CHANNELS ? (unsigned)channels : IDLE_CHANNELS;
}

static void echo_all(zx_handle_t (*channels)[2], unsigned count) {
  zx_handle_t port;
  zx_port_packet_t packet;
  const zx_signals_t signals = ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED;
  uint32_t size;
  ipc_check(zx_port_create(0, &port) == ZX_OK, "zx_port_create");
  for (unsigned i = 0; i < count; i++)
    ipc_check(zx_object_wait_async(channels[i][1], port, i, signals, 0) == ZX_OK, "zx_object_wait_async");
  while (zx_port_wait(port, ZX_TIME_INFINITE, &packet) == ZX_OK) {
    zx_handle_t channel = channels[packet.key][1];
    if (zx_channel_read(channel, 0, ipc_answer, NULL, 64, 0, &size, NULL) == ZX_OK)
      zx_channel_write(channel, 0, ipc_answer, size, NULL, 0);
    zx_object_wait_async(channel, port, packet.key, signals, 0);
  }
}

// Calls on channels chosen at random of `count`.
static double time_calls(zx_handle_t (*channels)[2], unsigned count) {
  static double samples[IDLE_CALLS];
  pid_t server = fork();
  ipc_check(server >= 0, "fork");
  if (server == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    zx_linux_after_fork_keep(&channels[0][0], 2 * (size_t)count);
    echo_all(channels, count);
    _exit(1);
  }
  uint32_t num_bytes, num_handles;
  zx_channel_call_args_t args = {
      .wr_bytes = ipc_message, .wr_num_bytes = 64, .rd_bytes = ipc_answer, .rd_num_bytes = 64};
  srand(1);
  for (unsigned i = 0; i < IDLE_CALLS; i++) {
    uint64_t start = bench_now_ns();
    ipc_check(zx_channel_call(channels[(unsigned)rand() % count][0], 0, ZX_TIME_INFINITE, &args, &num_bytes,
                              &num_handles) == ZX_OK,
              "zx_channel_call");
    samples[i] = (double)(bench_now_ns() - start) / 1e3;
  }
  ipc_end(server);
  return bench_median(samples, IDLE_CALLS);
}

void ipc_bench_idle(void) {
  static zx_handle_t few[16][2];
  static zx_handle_t channels[IDLE_CHANNELS][2];
  const char* name = "10,000 channels, idle: each end";
  unsigned count = allowed_channels();
  if (count < IDLE_CHANNELS / 2) {
    bench_skip("10,000 channels: this user may not have that many descriptors (ulimit -Hn)");
    return;
  }
  ipc_place(IPC_SAME, false);
  for (unsigned i = 0; i < 16; i++)
    make_channel(few[i]);
  double alone = time_calls(few, 16);
  double memory = resident_bytes();
  unsigned fds = count_fds();
  for (unsigned i = 0; i < count; i++)
    make_channel(channels[i]);
  bench_row_t memory_row = {name, "memory", (resident_bytes() - memory) / 2 / count, "B", NULL, 0};
  bench_row_t fds_row = {name, "descriptors", (double)(count_fds() - fds) / 2 / count, "", NULL, 0};
  bench_report(&memory_row);
  bench_report(&fds_row);
  bench_row_t row = {"10,000 channels, call 64 B on any",
                     "zx_channel_call, port",
                     time_calls(channels, count),
                     "us",
                     "of 16 channels",
                     alone};
  bench_report(&row);
}
