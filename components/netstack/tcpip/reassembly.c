// Reassembly of fragmented datagrams, both families (RFC 791, RFC 8200).
//
// Fragments are kept as they came, in order of their offsets, so memory is what arrived and not what a header
// claims. Whatever does not fit together (overlaps, two ends, data beyond the end) condemns the whole
// datagram: its entry stays empty until its time is over, so that late pieces do not begin a new one (RFC
// 5722; the same for IPv4, which also disposes of RFC 1858 and RFC 3128).
#include <stdlib.h>

#include "checksum.h"
#include "stack.h"

#define PIECES_MAX 512
#define IPV4_REASSEMBLY_TIME (30 * NS_PER_S)
#define IPV6_REASSEMBLY_TIME (60 * NS_PER_S)
#define IPV4_FIRST_MIN 8u  // the transport's ports must be in the first piece

enum { ICMPV4_TIME_EXCEEDED = 11, ICMPV6_TIME_EXCEEDED = 3, REASSEMBLY_TIME_EXCEEDED = 1 };

typedef struct piece {
  struct piece* next;
  uint32_t offset, length;
  uint8_t bytes[];
} piece_t;

typedef struct reassembly {
  table_node_t node;
  list_node_t age;
  wheel_timer_t timer;
  tcpip_t* stack;
  interface_t* interface;
  addr_t source, destination;
  uint32_t identification;
  uint8_t protocol;
  bool v4, condemned, has_last, to_group, foreign;
  uint8_t ttl, tos;
  uint32_t total;     // known once has_last
  uint32_t received;  // bytes in the pieces
  uint32_t piece_count;
  piece_t* pieces;
  piece_t* last;
} reassembly_t;

static void free_pieces(reassembly_t* r) {
  for (piece_t *piece = r->pieces, *next; piece; piece = next) {
    next = piece->next;
    r->stack->reassembly_used -= sizeof *piece + piece->length;
    free(piece);
  }
  r->pieces = r->last = NULL;
  r->piece_count = 0;
}

static void destroy(reassembly_t* r) {
  free_pieces(r);
  wheel_stop(&r->stack->wheel, &r->timer);
  table_remove(&r->stack->reassemblies, &r->node);
  list_unlink(&r->age);
  r->stack->reassembly_used -= sizeof *r;
  free(r);
}

static void condemn(reassembly_t* r, uint64_t* counter) {
  ++*counter;
  r->condemned = true;
  free_pieces(r);
}

// The packet as it was before it was cut: a plain IP header before `payload` bytes. Returns the header's
// length.
static size_t header_put(const reassembly_t* r, uint8_t* h, size_t payload) {
  if (!r->v4) {
    be32_put(h, 6u << 28 | (uint32_t)r->tos << 20);
    be16_put(h + 4, (uint32_t)payload);
    h[6] = r->protocol;
    h[7] = r->ttl;
    memcpy(h + 8, r->source.b, 16);
    memcpy(h + 24, r->destination.b, 16);
    return IPV6_HEADER;
  }
  memset(h, 0, IPV4_HEADER);
  h[0] = 0x45;
  h[1] = r->tos;
  be16_put(h + 2, (uint32_t)(payload + IPV4_HEADER));
  be16_put(h + 4, r->identification);
  h[8] = r->ttl;
  h[9] = r->protocol;
  memcpy(h + 12, r->source.b + 12, 4);
  memcpy(h + 16, r->destination.b + 12, 4);
  checksum_put(h + 10, checksum_finish(checksum_add(0, h, IPV4_HEADER)));
  return IPV4_HEADER;
}

static rx_t rx_of(const reassembly_t* r, const uint8_t* packet, size_t header, size_t payload) {
  return (rx_t){.stack = r->stack,
                .interface = r->interface,
                .network = packet,
                .network_length = header + payload,
                .transport = packet + header,
                .transport_length = payload,
                .source = r->source,
                .destination = r->destination,
                .v4 = r->v4,
                .protocol = r->protocol,
                .ttl = r->ttl,
                .tos = r->tos,
                .fragmented = true,
                .to_group = r->to_group,
                .foreign = r->foreign};
}

// Sent only if the first piece is there to be quoted (RFC 792; RFC 8200, 4.5).
static void report_timeout(const reassembly_t* r) {
  const piece_t* first = r->pieces;
  if (!first || first->offset != 0) return;
  uint8_t quote[IPV6_HEADER + IPV6_MIN_MTU];
  size_t length = first->length < IPV6_MIN_MTU ? first->length : IPV6_MIN_MTU;
  size_t header = header_put(r, quote, length);
  memcpy(quote + header, first->bytes, length);
  rx_t rx = rx_of(r, quote, header, length);
  if (r->v4)
    icmpv4_error(&rx, ICMPV4_TIME_EXCEEDED, REASSEMBLY_TIME_EXCEEDED, 0);
  else
    icmpv6_error(&rx, ICMPV6_TIME_EXCEEDED, REASSEMBLY_TIME_EXCEEDED, 0);
}

static void timeout(wheel_timer_t* timer) {
  reassembly_t* r = list_owner(timer, reassembly_t, timer);
  if (!r->condemned) {
    count(r->stack, reassembly_timeout);
    report_timeout(r);
  }
  destroy(r);
}

static uint64_t key_hash(const rx_t* rx, const fragment_t* f) {
  uint64_t protocol = rx->v4 ? rx->protocol : 0;  // only IPv4 tells datagrams apart by it
  uint64_t words[5] = {rx->source.q[0], rx->source.q[1], rx->destination.q[0], rx->destination.q[1],
                       (uint64_t)f->identification << 8 | protocol};
  return hash_words(&rx->stack->table_key, words, 5);
}

static reassembly_t* find(const rx_t* rx, const fragment_t* f, uint64_t hash) {
  table_node_t* node = table_find(&rx->stack->reassemblies, hash);
  for (; node; node = table_find_next(node)) {
    reassembly_t* r = table_owner(node, reassembly_t, node);
    if (r->identification == f->identification && addr_equal(&r->source, &rx->source) &&
        addr_equal(&r->destination, &rx->destination) && r->interface == rx->interface &&
        (!rx->v4 || r->protocol == rx->protocol))
      return r;
  }
  return NULL;
}

// The oldest datagrams give way, but not the one in hand.
static bool make_room(tcpip_t* stack, size_t bytes, const reassembly_t* keep) {
  while (stack->reassembly_used + bytes > stack->limits.reassembly_bytes) {
    reassembly_t* oldest = list_empty(&stack->reassembly_ages)
                               ? NULL
                               : list_owner(stack->reassembly_ages.next, reassembly_t, age);
    if (!oldest || oldest == keep) {
      count(stack, reassembly_no_memory);
      return false;
    }
    count(stack, reassembly_no_memory);
    destroy(oldest);
  }
  return true;
}

static reassembly_t* create(const rx_t* rx, const fragment_t* f, uint64_t hash) {
  tcpip_t* stack = rx->stack;
  if (!make_room(stack, sizeof(reassembly_t), NULL)) return NULL;
  reassembly_t* r = calloc(1, sizeof *r);
  if (!r || table_insert(&stack->reassemblies, &r->node, hash)) {
    count(stack, no_memory);
    free(r);
    return NULL;
  }
  r->stack = stack;
  r->interface = rx->interface;
  r->source = rx->source;
  r->destination = rx->destination;
  r->identification = f->identification;
  r->protocol = f->protocol;
  r->v4 = rx->v4;
  r->foreign = rx->foreign;
  r->timer.fire = timeout;
  stack->reassembly_used += sizeof *r;
  list_append(&stack->reassembly_ages, &r->age);
  wheel_start(&stack->wheel, &r->timer, stack->now + (r->v4 ? IPV4_REASSEMBLY_TIME : IPV6_REASSEMBLY_TIME));
  return r;
}

typedef enum fit { FIT_HERE, FIT_KNOWN, FIT_CONFLICT } fit_t;

// Where in the order a piece belongs; `*out_before` NULL means in front.
static fit_t place(const reassembly_t* r, uint32_t offset, uint32_t length, piece_t** out_before) {
  piece_t* before = NULL;
  if (r->last && r->last->offset + r->last->length <= offset) {
    *out_before = r->last;
    return FIT_HERE;
  }
  piece_t* after = r->pieces;
  while (after && after->offset + after->length <= offset) {
    before = after;
    after = after->next;
  }
  *out_before = before;
  if (!after || offset + length <= after->offset) return FIT_HERE;
  return after->offset == offset && after->length == length ? FIT_KNOWN : FIT_CONFLICT;
}

static void insert(reassembly_t* r, const rx_t* rx, uint32_t offset, piece_t* before) {
  uint32_t length = (uint32_t)rx->transport_length;
  if (!make_room(r->stack, sizeof(piece_t) + length, r)) return;
  piece_t* piece = malloc(sizeof *piece + length);
  if (!piece) {
    count(r->stack, no_memory);
    return;
  }
  r->stack->reassembly_used += sizeof *piece + length;
  piece->offset = offset;
  piece->length = length;
  memcpy(piece->bytes, rx->transport, length);
  piece->next = before ? before->next : r->pieces;
  *(before ? &before->next : &r->pieces) = piece;
  if (!piece->next) r->last = piece;
  r->piece_count++;
  r->received += length;
}

static void complete(reassembly_t* r) {
  tcpip_t* stack = r->stack;
  size_t payload = r->total;
  uint8_t* packet = malloc(IPV6_HEADER + payload);
  if (!packet) {
    count(stack, no_memory);
    destroy(r);
    return;
  }
  size_t header = header_put(r, packet, payload);
  for (const piece_t* piece = r->pieces; piece; piece = piece->next)
    memcpy(packet + header + piece->offset, piece->bytes, piece->length);
  rx_t rx = rx_of(r, packet, header, payload);
  destroy(r);
  count(stack, reassembly_done);
  if (rx.v4)
    ipv4_deliver(&rx);
  else
    ipv6_deliver(&rx, rx.protocol, IPV6_HEADER);
  free(packet);
}

static bool lengths_good(const reassembly_t* r, const fragment_t* f, size_t length) {
  size_t limit = r->v4 ? 65535 - IPV4_HEADER : 65535, end = f->offset + length;
  if (length == 0 || end > limit || (f->more && length % 8) || (f->offset == 0 && length < IPV4_FIRST_MIN))
    return false;
  if (f->more) return !r->has_last || end <= r->total;
  bool beyond = r->last && r->last->offset + r->last->length > end;
  return !beyond && (!r->has_last || r->total == end);
}

void reassembly_input(rx_t* rx, const fragment_t* f) {
  tcpip_t* stack = rx->stack;
  count(stack, reassembly_fragments);
  uint64_t hash = key_hash(rx, f);
  reassembly_t* r = find(rx, f, hash);
  if (!r) r = create(rx, f, hash);
  if (!r || r->condemned) return;
  piece_t* before;
  if (!lengths_good(r, f, rx->transport_length) || r->piece_count >= PIECES_MAX) {
    condemn(r, &stack->stats.reassembly_bad);
    return;
  }
  fit_t fit = place(r, f->offset, (uint32_t)rx->transport_length, &before);
  if (fit == FIT_CONFLICT) {
    condemn(r, &stack->stats.reassembly_overlap);
    return;
  }
  r->to_group |= rx->to_group;
  if (f->offset == 0) {
    r->protocol = f->protocol;
    r->ttl = rx->ttl;
    r->tos = rx->tos;
  }
  if (fit == FIT_HERE) insert(r, rx, f->offset, before);
  if (!f->more) {
    r->has_last = true;
    r->total = (uint32_t)(f->offset + rx->transport_length);
  }
  if (r->has_last && r->received == r->total) complete(r);
}

void reassembly_flush_interface(tcpip_t* stack, const interface_t* interface) {
  for (list_node_t *node = stack->reassembly_ages.next, *next; node != &stack->reassembly_ages; node = next) {
    next = node->next;
    reassembly_t* r = list_owner(node, reassembly_t, age);
    if (r->interface == interface) destroy(r);
  }
}

void reassembly_deinit(tcpip_t* stack) {
  while (!list_empty(&stack->reassembly_ages))
    destroy(list_owner(stack->reassembly_ages.next, reassembly_t, age));
  table_deinit(&stack->reassemblies);
}
