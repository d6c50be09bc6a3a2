#include "wire.h"

#include <stdlib.h>
#include <string.h>

#include "base.h"

void wire_init(wire_t* wire, host_t* a, host_t* b, const wire_config_t* config) {
  *wire = (wire_t){
      .hosts = {a, b}, .config = *config, .random = config->seed, .now = a->now > b->now ? a->now : b->now};
}

void wire_deinit(wire_t* wire) {
  for (size_t i = 0; i < wire->count; i++)
    free(wire->frames[i].bytes);
  free(wire->frames);
  for (size_t i = 0; i < wire->lent_count; i++)
    free(wire->lent[i]);
  free(wire->lent);
}

// splitmix64
uint64_t wire_random(wire_t* wire) {
  uint64_t z = wire->random += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

bool wire_chance(wire_t* wire, uint32_t of_a_million) {
  return of_a_million && wire_random(wire) % 1000000 < of_a_million;
}

static bool before(const wire_frame_t* a, const wire_frame_t* b) {
  return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void heap_push(wire_t* wire, wire_frame_t frame) {
  if (wire->count == wire->room) {
    wire->room = wire->room ? 2 * wire->room : 64;
    wire->frames = realloc(wire->frames, wire->room * sizeof frame);
  }
  size_t at = wire->count++;
  for (size_t up; at && before(&frame, &wire->frames[up = (at - 1) / 2]); at = up)
    wire->frames[at] = wire->frames[up];
  wire->frames[at] = frame;
}

static wire_frame_t heap_pop(wire_t* wire) {
  wire_frame_t top = wire->frames[0], last = wire->frames[--wire->count];
  size_t at = 0;
  for (size_t down; (down = 2 * at + 1) < wire->count; at = down) {
    if (down + 1 < wire->count && before(&wire->frames[down + 1], &wire->frames[down])) down++;
    if (!before(&wire->frames[down], &last)) break;
    wire->frames[at] = wire->frames[down];
  }
  if (wire->count) wire->frames[at] = last;
  return top;
}

// What damages a frame comes behind what fills its checksum in: a sum that is not complete could fit by
// chance.
static void complete(wire_frame_t* frame) {
  const tcpip_offload_t* offload = &frame->offload;
  if (!(offload->flags & TCPIP_OFFLOAD_NEEDS_CHECKSUM)) return;
  uint8_t* from = frame->bytes + offload->checksum_start;
  uint16_t sum = (uint16_t)~naive_checksum(0, from, frame->length - offload->checksum_start);
  be16_put(from + offload->checksum_offset, sum ? sum : 0xffff);
}

static void put(wire_t* wire, const host_frame_t* sent, int to, int64_t leaves) {
  wire_frame_t frame = {.length = sent->length, .to = to, .order = wire->order++, .offload = sent->offload};
  frame.bytes = malloc(sent->length);
  memcpy(frame.bytes, sent->bytes, sent->length);
  frame.due = leaves + wire->config.delay;
  if (wire->config.jitter) frame.due += (int64_t)(wire_random(wire) % (uint64_t)wire->config.jitter);
  if (wire_chance(wire, wire->config.corrupt)) {
    frame.damaged = true;
    complete(&frame);
    wire->corrupted++;
    wire->lost_bytes[to] += sent->length;
    // Only from 0 to 1: opposite changes can cancel out in the Internet checksum, and no stack could tell.
    frame.bytes[wire_random(wire) % frame.length] |= (uint8_t)(1u << wire_random(wire) % 8);
  }
  heap_push(wire, frame);
}

// Marks an IP packet that says it can be; false if it does not.
static bool mark(uint8_t* bytes) {
  uint8_t* ip = bytes + 14;
  if (be16_get(bytes + 12) == 0x86dd) {
    if (!(ip[1] & 0x30)) return false;
    ip[1] |= 0x30;
    return true;
  }
  if (be16_get(bytes + 12) != 0x0800 || !(ip[1] & 3)) return false;
  ip[1] |= 3;
  be16_put(ip + 10, 0);
  be16_put(ip + 10, (uint16_t)~naive_checksum(0, ip, (size_t)(ip[0] & 0xf) * 4));
  return true;
}

// What is cut up further on is as large as its pieces.
static bool too_large(const wire_t* wire, const host_frame_t* sent) {
  size_t packet = sent->length - 14;
  if (sent->offload.gso_type) packet = sent->offload.header_length - 14u + sent->offload.gso_size;
  return wire->config.mtu && packet > wire->config.mtu;
}

static void lose(wire_t* wire, const host_frame_t* sent, int to) {
  wire->lost++;
  wire->lost_bytes[to] += sent->length;
}

static void accept_frame(wire_t* wire, const host_frame_t* sent, int to) {
  int64_t leaves = wire->now;
  if (wire->config.bytes_per_s) {
    int64_t start = wire->free_at[to] > wire->now ? wire->free_at[to] : wire->now;
    int64_t queued = (start - wire->now) / 1000 * (int64_t)wire->config.bytes_per_s / 1000000;
    if (wire->config.queue_bytes && queued > (int64_t)wire->config.queue_bytes) {
      lose(wire, sent, to);
      return;
    }
    leaves = start + (int64_t)(sent->length * 1000000000ull / wire->config.bytes_per_s);
    wire->free_at[to] = leaves;
  }
  bool congested = wire_chance(wire, wire->config.congested);
  if (wire_chance(wire, wire->config.loss) || too_large(wire, sent) || (congested && !mark(sent->bytes))) {
    lose(wire, sent, to);
    return;
  }
  put(wire, sent, to, leaves);
  if (wire_chance(wire, wire->config.duplicate)) {
    wire->duplicated++;
    put(wire, sent, to, leaves);
  }
}

static void collect(wire_t* wire) {
  for (int i = 0; i < 2; i++) {
    host_t* host = wire->hosts[i];
    for (size_t k = 0; k < host->frame_count; k++) {
      accept_frame(wire, &host->frames[k], 1 - i);
      free(host->frames[k].bytes);
    }
    host->frame_count = 0;
    if (host->room) tcpip_link_writable(host->stack, host->interface);
  }
}

static void lend(wire_t* wire, host_t* to, const wire_frame_t* frame) {
  if (wire->lent_count == wire->lent_room) {
    wire->lent_room = wire->lent_room ? 2 * wire->lent_room : 16;
    wire->lent = realloc(wire->lent, wire->lent_room * sizeof *wire->lent);
  }
  wire->lent[wire->lent_count++] = frame->bytes;
  uint8_t* copy = malloc(frame->length);
  tcpip_set_time(to->stack, to->now);
  tcpip_lend(to->stack);
  tcpip_input_shared(to->stack, to->interface, copy, frame->bytes, frame->length,
                     frame->damaged ? NULL : &frame->offload);
  free(copy);
}

static void settle(wire_t* wire) {
  for (int i = 0; i < 2; i++)
    tcpip_settle(wire->hosts[i]->stack);
  while (wire->lent_count)
    free(wire->lent[--wire->lent_count]);
}

static void deliver(wire_t* wire, const wire_frame_t* frame) {
  host_t* to = wire->hosts[frame->to];
  wire->delivered++;
  if (wire->config.lends) {
    lend(wire, to, frame);
    return;
  }
  host_input_shared(to, frame->bytes, frame->length, frame->damaged ? NULL : &frame->offload);
  free(frame->bytes);
}

bool wire_step(wire_t* wire, int64_t until) {
  settle(wire);
  collect(wire);
  int64_t next = wire->count ? wire->frames[0].due : INT64_MAX;
  for (int i = 0; i < 2; i++) {
    int64_t due = tcpip_deadline(wire->hosts[i]->stack);
    next = due < next ? due : next;
  }
  if (next > until) {
    wire->now = until;
    for (int i = 0; i < 2; i++)
      tcpip_advance(wire->hosts[i]->stack, wire->hosts[i]->now = until);
    collect(wire);
    return false;
  }
  if (next > wire->now) wire->now = next;
  for (int i = 0; i < 2; i++)
    tcpip_advance(wire->hosts[i]->stack, wire->hosts[i]->now = wire->now);
  while (wire->count && wire->frames[0].due <= wire->now) {
    wire_frame_t frame = heap_pop(wire);
    deliver(wire, &frame);
  }
  return true;
}
