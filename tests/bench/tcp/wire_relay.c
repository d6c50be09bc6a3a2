// A wire for benchmarks, with a rate, a queue in front of it, a delay and losses, between two ports.
//
//   wire_relay PORT PORT
//     tap:NAME:NETNS  the TAP device NAME, made in the network namespace of the file NETNS; frames of up to
//     64 KB with
//                     virtio-net headers and checksums left to the wire
//     plain:NAME:NETNS  the same without such work: frames of 1,500 bytes with headers of zeros
//     fd:NUMBER       a SOCK_SEQPACKET descriptor whose messages are such frames
//
// Orders on standard input, one a line, answered by a line "ok ...":
//     wire MBIT QUEUE_BYTES DELAY_US LOSS0_PPM LOSS1_PPM SEED   what it is from now on; whatever was under
//     way is gone counts                                     packets carried, lost, dropped by the queue, of
//     port 0 and of port 1
// MBIT 0 is without limit; DELAY is that of one direction; LOSS0 is for what port 0 sends.
//
// A frame with a segmentation request is a train of packets: each waits its turn, takes its time and is lost
// by itself. The packets of one train that arrive within 50 us of wire time and without a hole are handed
// over together, as network cards and drivers do it with their merging and interrupt moderation. The same is
// done to whatever sends.
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bench.h"
#include "cut.h"

#define FRAME_MAX (VNET_HEADER + 14 + 65536)
#define ARENA_BYTES ((size_t)16 << 20)
#define TRAINS_MAX 65536u  // a power of two
#define TOGETHER_NS 50000
#define BATCH 64

// What is handed over at once.
typedef struct train {
  uint64_t due;
  const uint8_t* payload;
  size_t payload_length;
  uint64_t arena_end;  // up to which the arena is free once this is gone
  size_t head_length;
  uint8_t head[CUT_HEAD_MAX];
} train_t;

typedef struct direction {
  int from, to;
  uint8_t* arena;  // frames as they were read, used as a ring
  uint64_t arena_head, arena_tail;
  train_t* trains;
  uint32_t head, count;
  uint64_t free_at;  // when the wire has sent what it has accepted
  uint32_t loss_ppm;
  uint64_t carried, lost, dropped;
} direction_t;

typedef struct relay {
  direction_t ways[2];
  uint64_t bytes_per_s, queue_bytes, delay_ns;
  uint64_t random;
} relay_t;

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static int open_tap(const char* name, const char* netns, unsigned offloads) {
  int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), inside = open(netns, O_RDONLY | O_CLOEXEC);
  if (home < 0 || inside < 0 || setns(inside, CLONE_NEWNET) != 0) fail(netns);
  int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK), size = (int)VNET_HEADER;
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
  snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
  if (fd < 0 || ioctl(fd, TUNSETIFF, &request) != 0 || ioctl(fd, TUNSETVNETHDRSZ, &size) != 0 ||
      ioctl(fd, TUNSETOFFLOAD, offloads) != 0)
    fail(name);
  if (setns(home, CLONE_NEWNET) != 0) fail("setns");
  close(home);
  close(inside);
  return fd;
}

static int open_port(char* text) {
  char* kind = strtok(text, ":");
  char* name = strtok(NULL, ":");
  char* netns = strtok(NULL, ":");
  if (kind && name && netns && strcmp(kind, "tap") == 0)
    return open_tap(name, netns, TUN_F_CSUM | TUN_F_TSO4);
  if (kind && name && netns && strcmp(kind, "plain") == 0) return open_tap(name, netns, 0);
  if (!kind || !name || strcmp(kind, "fd") != 0) {
    fprintf(stderr, "wire_relay: a port is tap:NAME:NETNS, plain:NAME:NETNS or fd:NUMBER\n");
    exit(2);
  }
  int fd = atoi(name);
  if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) fail("fd");
  return fd;
}

static uint64_t next_random(relay_t* relay) {  // xorshift64*
  relay->random ^= relay->random >> 12;
  relay->random ^= relay->random << 25;
  relay->random ^= relay->random >> 27;
  return relay->random * 2685821657736338717u;
}

// The wire takes a packet; false if it won't arrive.
static bool accept_packet(relay_t* relay, direction_t* way, size_t length, uint64_t now) {
  if (way->free_at < now) way->free_at = now;
  if (relay->bytes_per_s) {
    uint64_t waiting = (way->free_at - now) * relay->bytes_per_s / 1000000000u;
    if (waiting + length > relay->queue_bytes) {
      way->dropped++;
      return false;
    }
    way->free_at += length * 1000000000u / relay->bytes_per_s;
  }
  way->carried++;
  if (!way->loss_ppm || (next_random(relay) >> 33) % 1000000 >= way->loss_ppm) return true;
  way->lost++;
  return false;
}

static void add_train(relay_t* relay, direction_t* way, const cut_frame_t* frame, size_t first,
                      size_t count) {
  train_t* t = &way->trains[(way->head + way->count++) & (TRAINS_MAX - 1)];
  t->head_length = cut_packets(frame, first, count, t->head, &t->payload, &t->payload_length);
  t->due = way->free_at + relay->delay_ns;
  t->arena_end = way->arena_tail;
}

static void take_frame(relay_t* relay, direction_t* way, const cut_frame_t* frame, uint64_t now) {
  size_t first = 0, count = 0;
  uint64_t began = 0;
  for (size_t i = 0; i < frame->count; i++) {
    bool arrives = accept_packet(relay, way, cut_packet_length(frame, i), now);
    if (arrives && count++ == 0) {
      first = i;
      began = way->free_at;
    }
    bool hole = !arrives || i + 1 == frame->count || way->free_at - began >= TOGETHER_NS;
    if (count && hole) {
      add_train(relay, way, frame, first, count);
      count = 0;
    }
  }
}

static uint8_t* arena_room(direction_t* way) {
  if (way->count == 0) way->arena_head = way->arena_tail;
  size_t at = way->arena_tail % ARENA_BYTES;
  if (ARENA_BYTES - at < FRAME_MAX) way->arena_tail += ARENA_BYTES - at;  // frames lie in one piece
  bool full = way->arena_tail + FRAME_MAX - way->arena_head > ARENA_BYTES || way->count + BATCH > TRAINS_MAX;
  return full ? NULL : way->arena + way->arena_tail % ARENA_BYTES;
}

static void read_frames(relay_t* relay, direction_t* way) {
  for (int i = 0; i < BATCH; i++) {
    uint8_t* room = arena_room(way);
    ssize_t length = room ? read(way->from, room, FRAME_MAX) : 0;
    if (length <= 0) return;
    cut_frame_t frame;
    if (!cut_open(room, (size_t)length, &frame)) continue;
    way->arena_tail += (size_t)length;
    take_frame(relay, way, &frame, bench_now_ns());
  }
}

// Hands over what has arrived; false if the port cannot take it now.
static bool write_frames(direction_t* way, uint64_t now) {
  while (way->count && way->trains[way->head].due <= now) {
    train_t* t = &way->trains[way->head];
    struct iovec pieces[2] = {{t->head, t->head_length}, {(void*)(uintptr_t)t->payload, t->payload_length}};
    if (writev(way->to, t->head_length ? pieces : pieces + 1, t->head_length ? 2 : 1) < 0 && errno == EAGAIN)
      return false;
    way->arena_head = t->arena_end;
    way->head = (way->head + 1) & (TRAINS_MAX - 1);
    way->count--;
  }
  return true;
}

static bool take_order(relay_t* relay) {
  static char line[256];
  unsigned long long mbit, queue, delay, loss0, loss1, seed;
  ssize_t length = read(STDIN_FILENO, line, sizeof(line) - 1);
  if (length <= 0) return false;
  line[length] = 0;
  direction_t* ways = relay->ways;
  if (sscanf(line, "wire %llu %llu %llu %llu %llu %llu", &mbit, &queue, &delay, &loss0, &loss1, &seed) == 6) {
    relay->bytes_per_s = mbit * 125000;
    relay->queue_bytes = queue;
    relay->delay_ns = delay * 1000;
    relay->random = seed * 2 + 1;
    for (int i = 0; i < 2; i++) {
      ways[i].loss_ppm = (uint32_t)(i ? loss1 : loss0);
      ways[i].carried = ways[i].lost = ways[i].dropped = 0;
      ways[i].count = ways[i].head = 0;
      ways[i].free_at = 0;
    }
    printf("ok\n");
  } else if (strncmp(line, "counts", 6) == 0) {
    printf("ok");
    for (int i = 0; i < 2; i++)
      printf(" %llu %llu %llu", (unsigned long long)ways[i].carried, (unsigned long long)ways[i].lost,
             (unsigned long long)ways[i].dropped);
    printf("\n");
  } else {
    fprintf(stderr, "wire_relay: unknown order %s", line);
    return false;
  }
  fflush(stdout);
  return true;
}

static void wait_for_work(relay_t* relay, const bool* blocked, struct pollfd* items) {
  uint64_t now = bench_now_ns(), next = UINT64_MAX;
  for (int i = 0; i < 2; i++) {
    const direction_t* way = &relay->ways[i];
    items[i] = (struct pollfd){way->from, POLLIN, 0};
    if (blocked[!i]) items[i].events |= POLLOUT;  // the other way's `to` is this one's `from`
    if (way->count && !blocked[i] && way->trains[way->head].due < next) next = way->trains[way->head].due;
  }
  items[2] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
  uint64_t wait = next > now ? next - now : 0;
  struct timespec timeout = {(time_t)(wait / 1000000000u), (long)(wait % 1000000000u)};
  if (ppoll(items, 3, next == UINT64_MAX ? NULL : &timeout, NULL) < 0 && errno != EINTR) fail("ppoll");
}

int main(int argc, char** argv) {
  static relay_t relay = {.random = 1};
  if (argc != 3) {
    fprintf(stderr, "usage: wire_relay PORT PORT\n");
    return 2;
  }
  int ports[2] = {open_port(argv[1]), open_port(argv[2])};
  for (int i = 0; i < 2; i++) {
    direction_t* way = &relay.ways[i];
    way->from = ports[i];
    way->to = ports[!i];
    way->arena = malloc(ARENA_BYTES);
    way->trains = malloc(TRAINS_MAX * sizeof(train_t));
    if (!way->arena || !way->trains) fail("memory");
    // Memory that is touched for the first time while frames pass makes a wire slow that has carried nothing
    // yet.
    memset(way->arena, 0, ARENA_BYTES);
    memset(way->trains, 0, TRAINS_MAX * sizeof(train_t));
  }
  (void)prctl(PR_SET_TIMERSLACK, 1);
  printf("ok\n");
  fflush(stdout);
  struct pollfd items[3] = {0};
  for (bool running = true; running;) {
    bool blocked[2];
    for (int i = 0; i < 2; i++)
      blocked[i] = !write_frames(&relay.ways[i], bench_now_ns());
    wait_for_work(&relay, blocked, items);
    for (int i = 0; i < 2; i++)
      if (items[i].revents & POLLIN) read_frames(&relay, &relay.ways[i]);
    if (items[2].revents & (POLLIN | POLLHUP)) running = take_order(&relay);
    if ((items[0].revents | items[1].revents) & (POLLHUP | POLLERR)) running = false;
  }
  return 0;
}
