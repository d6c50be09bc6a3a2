#include "tcp_world.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "tcp_invariants.h"

// Not Check's assertions, which write to a pipe each time that they hold.
#define require(condition, ...)                  \
  do {                                           \
    if (!(condition)) ck_abort_msg(__VA_ARGS__); \
  } while (0)

void tcp_invariants_failed(const char* what) {
  ck_abort_msg("%s", what);
  abort();
}

static int extra_at;
static int extra(void) {
  if (!extra_at) extra_at = atoi(getenv("EXTRA") ? getenv("EXTRA") : "-1");
  return extra_at;
}
#define EX(n)                                      \
  do {                                             \
    if (extra() == n) (void)wire_random(&w->wire); \
  } while (0)
#define PORT_FIRST 10000
#define TIME_MAX (7200 * S)

static uint64_t below(world_t* w, uint64_t bound) {
  return wire_random(&w->wire) % bound;
}

static bool chance(world_t* w, uint32_t percent) {
  return wire_chance(&w->wire, percent * 10000);
}

static uint8_t byte_at(uint32_t key, uint64_t position) {
  uint64_t x = (position >> 3) * UINT64_C(0x9e3779b97f4a7c15) + key;
  x ^= x >> 29;
  x *= UINT64_C(0xbf58476d1ce4e5b9);
  return (uint8_t)(x >> (8 * (position & 7)));
}

static void fill(const world_end_t* e, uint8_t* bytes, size_t length) {
  for (size_t i = 0; i < length; i++)
    bytes[i] = byte_at(e->write_key, e->written + i);
}

static void check_bytes(world_end_t* e, const world_end_t* other, const uint8_t* bytes, size_t length) {
  bool right = true;  // an assertion for each byte would take longer than all the rest
  for (size_t i = 0; i < length; i++)
    right &= bytes[i] == byte_at(e->read_key, e->read + i);
  require(right, "octets from %llu on are not what was written", (unsigned long long)e->read);
  e->read += length;
  require(e->read <= other->written, "more was read than written");
}

// May this end be told of a reset?
static bool may_fail(const world_end_t* e, const world_end_t* other) {
  return e->manner == WORLD_ABORT || other->manner == WORLD_ABORT || other->manner == WORLD_HASTY;
}

static void failed(world_end_t* e, const world_end_t* other, int64_t error) {
  require(may_fail(e, other) && (error == -ECONNRESET || error == -EPIPE), "failed with %lld",
          (long long)error);
  e->failed = true;
}

static int64_t write_piece(world_t* w, world_end_t* e, size_t length) {
  static uint8_t bytes[65536];
  if (e->in_place) {
    struct iovec room[2];
    size_t count;
    int64_t n = tcpip_socket_send_space(e->socket, length, room, &count);
    if (n <= 0) return n;
    fill(e, bytes, (size_t)n);
    memcpy(room[0].iov_base, bytes, room[0].iov_len);
    if (count == 2) memcpy(room[1].iov_base, bytes + room[0].iov_len, room[1].iov_len);
    int result = tcpip_socket_send_commit(e->socket, (size_t)n);
    return result ? result : n;
  }
  fill(e, bytes, length);
  struct iovec iov[2] = {{bytes, length / 2}, {bytes + length / 2, length - length / 2}};
  tcpip_send_t send = {
      .iov = iov, .iov_count = 2, .ttl = -1, .tos = -1, .urgent = e->urgent && chance(w, 20)};
  return tcpip_socket_send(e->socket, &send);
}

static void write_some(world_t* w, world_end_t* e, const world_end_t* other) {
  while (e->written < e->to_write) {
    uint64_t left = e->to_write - e->written, piece = 1 + below(w, chance(w, 50) ? 200 : 65536);
    int64_t n = write_piece(w, e, piece < left ? piece : left);
    if (n == -EAGAIN || n == -ENOBUFS) return;
    if (n < 0) {
      failed(e, other, n);
      return;
    }
    e->written += (uint64_t)n;
    if (chance(w, 10)) (void)tcpip_socket_set(e->socket, TCPIP_TCP_CORK, chance(w, 30));
  }
  if (e->shut || e->manner == WORLD_HASTY) return;
  e->shut = true;
  int result = tcpip_socket_shutdown(e->socket, false, true);
  // One with nothing to write may learn so that it was reset before it was accepted.
  require(result == 0 || (result == -ENOTCONN && may_fail(e, other)), "shutting down failed with %d", result);
}

static int64_t read_piece(world_t* w, world_end_t* e, const world_end_t* other) {
  static uint8_t bytes[65536];
  size_t most = e->slow ? 1 + below(w, 3000) : sizeof bytes;
  if (e->in_place) {
    struct iovec data[TCPIP_PIECES_MAX];
    size_t count;
    int64_t n = tcpip_socket_recv_data(e->socket, data, &count);
    if (n <= 0) return n;
    size_t length = data[0].iov_len < most ? data[0].iov_len : most;
    check_bytes(e, other, data[0].iov_base, length);
    require(tcpip_socket_recv_consume(e->socket, length) == 0, "consume");
    return (int64_t)length;
  }
  tcpip_recv_t peek = {.peek = true};
  int64_t n = chance(w, 5) ? host_recv(e->socket, bytes, most, &peek) : 1;
  if (n > 0) n = host_recv(e->socket, bytes, most, NULL);
  if (n > 0) check_bytes(e, other, bytes, (size_t)n);
  return n;
}

static void read_some(world_t* w, world_end_t* e, const world_end_t* other) {
  int rounds = e->slow ? 1 : 100;
  while (!e->eof && !e->failed && rounds--) {
    int64_t n = read_piece(w, e, other);
    if (n == -EAGAIN) return;
    if (n == 0) {
      e->eof = true;
      // The end of the stream comes after all of it.
      require(e->read == other->to_write, "ended after %llu of %llu", (unsigned long long)e->read,
              (unsigned long long)other->to_write);
    } else if (n < 0) {
      failed(e, other, n);
    }
  }
}

static void close_end(world_end_t* e) {
  tcpip_socket_destroy(e->socket);
  e->socket = NULL;
  e->closed = true;
}

static void play(world_t* w, world_end_t* e, const world_end_t* other) {
  if (e->waiting) {
    if (!chance(w, 20)) return;
    ck_assert_int_eq(tcpip_socket_admit(e->socket), 0);
    e->waiting = false;
  }
  uint32_t state = tcpip_socket_poll(e->socket);
  bool half = e->manner == WORLD_HALF && !e->shut && other->manner != WORLD_HALF;
  if (!e->failed && (state & TCPIP_EVENT_WRITABLE)) write_some(w, e, other);
  if (!e->failed && !half && (state & TCPIP_EVENT_READABLE)) read_some(w, e, other);
  if (e->manner == WORLD_ABORT && e->written + e->read >= e->abort_after && (state & TCPIP_EVENT_WRITABLE)) {
    ck_assert_int_eq(tcpip_socket_set(e->socket, TCPIP_LINGER, 0), 0);
    close_end(e);
  } else if (e->failed || (e->shut && e->eof) || (e->manner == WORLD_HASTY && e->written == e->to_write)) {
    if (chance(w, 30)) close_end(e);
  }
}

static void accept_all(world_t* w) {
  for (int l = 0; l < 2; l++) {
    tcpip_socket_t* s;
    while (tcpip_socket_accept(w->listeners[l], &w->hosts[1], &s) == 0) {
      tcpip_endpoint_t peer;
      ck_assert_int_eq(tcpip_socket_peer(s, &peer), 0);
      int i = peer.port - PORT_FIRST;
      ck_assert(i >= 0 && i < w->streams && !w->ends[i][1].socket && !w->ends[i][1].closed);
      if (w->stands_in && chance(w, 20)) {  // it asks again
        tcpip_socket_refuse(s, ETIMEDOUT);
        continue;
      }
      w->ends[i][1].socket = s;
      w->ends[i][1].waiting = w->stands_in;
    }
  }
}

// An end whose peer aborted before it was accepted may never be.
static bool never_comes(const world_end_t* e, const world_end_t* other) {
  return !e->socket && !e->closed && other->closed && other->manner != WORLD_ORDERLY;
}

static bool pump(world_t* w) {
  bool all = true;
  accept_all(w);
  for (int i = 0; i < w->streams; i++) {
    for (int k = 0; k < 2; k++) {
      world_end_t *e = &w->ends[i][k], *other = &w->ends[i][1 - k];
      if (e->socket) play(w, e, other);
      all &= e->closed || (k == 1 && never_comes(e, other));
    }
    if (w->ends[i][0].socket && w->ends[i][1].socket)
      tcp_invariants_check_pair(w->ends[i][0].socket, w->ends[i][1].socket);
  }
  return all;
}

static void random_options(world_t* w, tcpip_socket_t* s) {
  const struct {
    tcpip_option_t option;
    uint32_t percent;
    int64_t low, range;
  } rows[] = {{TCPIP_TCP_CONGESTION, 50, TCPIP_CONGESTION_RENO, 3},
              {TCPIP_RECEIVE_BUFFER, 20, 4000, 20000},
              {TCPIP_SEND_BUFFER, 20, 3000, 20000},
              {TCPIP_TCP_MAX_SEGMENT, 20, 100, 1000},
              {TCPIP_TCP_NO_DELAY, 30, 0, 2},
              {TCPIP_TCP_CORK, 5, 0, 2},
              {TCPIP_TCP_QUICK_ACK, 20, 0, 2},
              {TCPIP_TCP_WINDOW_CLAMP, 10, 1500, 20000},
              {TCPIP_TCP_ECN, 50, 0, 3},
              {TCPIP_KEEP_ALIVE, 100, 1, 1},
              {TCPIP_TCP_KEEP_ALIVE_IDLE, 100, 1, 20},
              {TCPIP_TCP_LINGER2, 20, 0, 100}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    if (!chance(w, rows[i].percent)) continue;
    int64_t value = rows[i].low + (int64_t)below(w, (uint64_t)rows[i].range);
    ck_assert_int_eq(tcpip_socket_set(s, rows[i].option, value), 0);
  }
  ck_assert_int_eq(tcpip_socket_set(s, TCPIP_OUT_OF_BAND_INLINE, 1), 0);
  ck_assert_int_eq(tcpip_socket_set(s, TCPIP_TCP_SYN_COUNT, 30), 0);
}

static void draw_end(world_t* w, world_end_t* e, uint64_t bytes) {
  e->to_write = chance(w, 10) ? 0 : below(w, chance(w, 30) ? 200 : bytes + 1);
  e->write_key = (uint32_t)wire_random(&w->wire);
  e->slow = chance(w, 15);
  e->urgent = chance(w, 10);
  e->in_place = chance(w, 30);
  e->manner = chance(w, 70) ? WORLD_ORDERLY : (world_manner_t)below(w, 4);
  e->abort_after = below(w, bytes + 1);
}

static void open_listeners(world_t* w) {
  for (int l = 0; l < 2; l++) {
    tcpip_endpoint_t at = host_endpoint(l ? "::" : "0.0.0.0", 80);
    uint8_t family = l ? TCPIP_IPV6 : TCPIP_IPV4;
    ck_assert_int_eq(tcpip_socket_create(w->hosts[1].client, family, TCPIP_TCP, NULL, &w->listeners[l]), 0);
    random_options(w, w->listeners[l]);
    if (w->stands_in) {
      ck_assert_int_eq(tcpip_socket_stand_in(w->listeners[l], w->hosts[1].interface), 0);
      ck_assert_int_eq(tcpip_socket_listen(w->listeners[l], 1 + (int)below(w, 4)), 0);
      continue;
    }
    if (l) ck_assert_int_eq(tcpip_socket_set(w->listeners[l], TCPIP_IPV6_ONLY, 1), 0);
    ck_assert_int_eq(tcpip_socket_bind(w->listeners[l], &at), 0);
    ck_assert_int_eq(tcpip_socket_listen(w->listeners[l], 16), 0);
  }
}

static tcpip_endpoint_t server_of(const world_t* w, int stream) {
  bool v6 = stream & 1;
  if (!w->stands_in) return host_endpoint(v6 ? "fd00::2" : "10.0.0.2", 80);
  tcpip_endpoint_t to = host_endpoint(v6 ? "2001:db8::" : "203.0.113.0", (uint16_t)(80 + stream / 2));
  to.address.bytes[v6 ? 15 : 3] = (uint8_t)(1 + stream);
  return to;
}

// The second host is the router of the first.
static void route_through(world_t* w) {
  for (int v6 = 0; v6 < 2; v6++) {
    tcpip_route_t route = {.destination = {{.family = v6 ? TCPIP_IPV6 : TCPIP_IPV4}, 0},
                           .gateway = v6 ? host_ipv6(2) : host_ipv4(2),
                           .interface = w->hosts[0].interface};
    ck_assert_int_eq(tcpip_route_add(w->hosts[0].stack, &route), 0);
  }
}

static void open_streams(world_t* w, uint64_t bytes) {
  open_listeners(w);
  for (int i = 0; i < w->streams; i++) {
    bool v6 = i & 1;
    world_end_t *a = &w->ends[i][0], *b = &w->ends[i][1];
    tcpip_endpoint_t from = host_endpoint(v6 ? "::" : "0.0.0.0", (uint16_t)(PORT_FIRST + i));
    tcpip_endpoint_t to = server_of(w, i);
    draw_end(w, a, bytes);
    draw_end(w, b, bytes);
    a->read_key = b->write_key;
    b->read_key = a->write_key;
    uint8_t family = v6 ? TCPIP_IPV6 : TCPIP_IPV4;
    ck_assert_int_eq(tcpip_socket_create(w->hosts[0].client, family, TCPIP_TCP, NULL, &a->socket), 0);
    random_options(w, a->socket);
    ck_assert_int_eq(tcpip_socket_bind(a->socket, &from), 0);
    ck_assert_int_eq(tcpip_socket_connect(a->socket, &to), -EINPROGRESS);
  }
}

static void draw_wire(world_t* w, uint64_t seed) {
  static const uint64_t rates[] = {0, 125000, 1250000, 12500000, 125000000};
  wire_t* wire = &w->wire;
  EX(2);
  bool bad = chance(w, 80);
  wire->config = (wire_config_t){.seed = seed,
                                 .delay = (int64_t)below(w, 30) * MS,
                                 .jitter = chance(w, 50) ? (int64_t)below(w, 10) * MS : 0,
                                 .loss = bad ? (uint32_t)below(w, 50000) : 0,
                                 .duplicate = bad ? (uint32_t)below(w, 30000) : 0,
                                 .corrupt = bad && chance(w, 50) ? (uint32_t)below(w, 30000) : 0,
                                 .congested = chance(w, 30) ? (uint32_t)below(w, 50000) : 0,
                                 .mtu = chance(w, 10) ? 1280 + (size_t)below(w, 200) : 0,
                                 .bytes_per_s = rates[below(w, 5)],
                                 .queue_bytes = 20000 + below(w, 200000),
                                 .lends = seed % 2 == 0};
}

static void open_world(world_t* w, uint64_t seed) {
  w->wire.random = seed;
  w->mtu = chance(w, 70) ? 1500 : 1280 + (uint32_t)below(w, 8000);
  for (int h = 0; h < 2; h++) {
    uint32_t features = chance(w, 30) ? TCPIP_LINK_TX_CHECKSUM | TCPIP_LINK_TX_TSO : 0;
    host_config_t config = {.last_octet = (uint8_t)(h + 1),
                            .seed = seed * 2 + (uint64_t)h,
                            .link_features = features,
                            .mtu = w->mtu};
    host_init(&w->hosts[h], &config);
  }
  wire_config_t plain = {.seed = seed * 3};
  wire_init(&w->wire, &w->hosts[0], &w->hosts[1], &plain);
  draw_wire(w, seed);
  if (chance(w, 20)) w->hosts[below(w, 2)].room = 1 + below(w, 20);
  if (w->wire.config.loss || w->wire.config.congested)  // ARP gives up too soon, and nothing protects it
    host_introduce(&w->hosts[0], &w->hosts[1]);
  EX(3);
  if (w->stands_in) route_through(w);
  w->streams = 1 + (int)below(w, 5);
  open_streams(w, chance(w, 20) ? 200000 : 20000);
}

static void report(world_t* w) {
  for (int i = 0; i < w->streams; i++) {
    for (int k = 0; k < 2; k++) {
      world_end_t* e = &w->ends[i][k];
      tcpip_tcp_info_t info = {0};
      if (e->socket) tcpip_socket_tcp_info(e->socket, &info);
      printf(
          "# stream %d end %d: %s, manner %d, state %d, wrote %llu of %llu, read %llu, cwnd %u, flight %u, "
          "unsent %u, rto %lld\n",
          i, k,
          e->closed   ? "closed"
          : e->socket ? "open"
                      : "not accepted",
          (int)e->manner, (int)info.state, (unsigned long long)e->written, (unsigned long long)e->to_write,
          (unsigned long long)e->read, info.window_bytes, info.in_flight_bytes, info.unsent_bytes,
          (long long)info.rto_ns);
    }
  }
  fflush(stdout);
}

static void check_nothing_left(world_t* w) {
  int64_t end = w->wire.now + 1000 * S;
  // One that stands in for others lets them hear each other to the end.
  for (int l = 0; l < 2 && !w->stands_in; l++)
    tcpip_socket_destroy(w->listeners[l]);
  while (wire_step(&w->wire, end)) {
  }
  for (int l = 0; l < 2 && w->stands_in; l++)
    tcpip_socket_destroy(w->listeners[l]);
  for (int h = 0; h < 2; h++) {
    size_t used;
    uint32_t sockets;
    tcpip_client_usage(w->hosts[h].client, &sockets, &used);
    ck_assert_uint_eq(sockets, 0);
    ck_assert_uint_eq(used, 0);
    ck_assert_uint_eq(host_connections(&w->hosts[h]), 0);
  }
}

// What a host sends again is what the wire lost, what a timeout gave up and the tail probes, and beside that
// some in error: where the wire reorders, each octet twice at the most; where it does not, half of them once
// (what was lost may have been the acknowledgements).
static void check_retransmissions(const world_t* w, int h) {
  const tcpip_stats_t* stats = tcpip_stats(w->hosts[h].stack);
  uint64_t written = 0, again = stats->tcp_retransmitted_bytes;
  for (int i = 0; i < w->streams; i++)
    written += w->ends[i][h].written;
  uint64_t needed = w->wire.lost_bytes[1 - h] + stats->tcp_timed_out_bytes + stats->tcp_tail_probes * w->mtu;
  uint64_t in_error = w->wire.config.jitter ? 2 * written : written / 2;
  require(again <= needed + in_error,
          "%llu octets were sent again: of %llu that were written, %llu had to be", (unsigned long long)again,
          (unsigned long long)written, (unsigned long long)needed);
}

static world_outcome_t run(uint64_t seed, bool stands_in) {
  world_t* w = calloc(1, sizeof *w);
  w->stands_in = stands_in;
  world_outcome_t out = {0};
  open_world(w, seed);
  int64_t start = w->wire.now;
  bool done = false;
  while (!done && w->wire.now < start + TIME_MAX) {
    (void)wire_step(&w->wire, w->wire.now + 50 * MS);  // a slow reader goes on even if nothing else happens
    done = pump(w);
    for (int h = 0; h < 2; h++) {
      tcp_invariants_check(w->hosts[h].stack);
      check_retransmissions(w, h);
    }
    out.steps++;
  }
  out.took = w->wire.now - start;
  if (getenv("SCAN"))
    for (int h = 0; h < 2; h++) {
      const tcpip_stats_t* st = tcpip_stats(w->hosts[h].stack);
      unsigned long long WW = 0;
      for (int i = 0; i < w->streams; i++)
        WW += w->ends[i][h].written;
      int64_t rest =
          (int64_t)(st->tcp_retransmitted_bytes - w->wire.lost_bytes[1 - h] - st->tcp_timed_out_bytes);
      printf(
          "SCAN %llu %d rtx %llu rtxbytes %llu lostbytes %llu timeouts %llu tob %llu tp %llu rest %lld "
          "jitter %lld room %zu dup %llu delay %lld tx %llu W %llu ratio %.2f backlost %llu\n",
          (unsigned long long)seed, h, (unsigned long long)st->tcp_retransmits,
          (unsigned long long)st->tcp_retransmitted_bytes, (unsigned long long)w->wire.lost_bytes[1 - h],
          (unsigned long long)st->tcp_timeouts, (unsigned long long)st->tcp_timed_out_bytes,
          (unsigned long long)st->tcp_tail_probes, (long long)rest, (long long)w->wire.config.jitter,
          w->hosts[h].room, (unsigned long long)w->wire.config.duplicate, (long long)w->wire.config.delay,
          (unsigned long long)st->tcp_tx, WW, (double)rest / (double)(WW + 1),
          (unsigned long long)w->wire.lost_bytes[h]);
    }
  if (!done) report(w);
  ck_assert_msg(done, "not finished");
  for (int i = 0; i < w->streams; i++)
    out.bytes += w->ends[i][0].read + w->ends[i][1].read;
  out.lost = w->wire.lost;
  out.delivered = w->wire.delivered;
  check_nothing_left(w);
  for (int h = 0; h < 2; h++)
    host_deinit(&w->hosts[h]);
  wire_deinit(&w->wire);
  free(w);
  return out;
}

world_outcome_t world_run(uint64_t seed) {
  return run(seed, false);
}

world_outcome_t world_run_stand_in(uint64_t seed) {
  return run(seed, true);
}
