// The driver's side of the FIFOs and the memory; see exchange.h. Above it stands session.c, which knows the
// FIDL protocol, and device.c, which knows the wire.
//
// Invariant: rx_empty.count + rx_large.count + rx_returning.count <= EXCHANGE_DEPTH, and tx_out +
// tx_returning.count <= EXCHANGE_DEPTH. The provide operations take no more from the client than keeps this
// true, so a push can't overflow.
#include "exchange.h"

#include <assert.h>
#include <string.h>
#include <zircon/syscalls.h>

#define ENTRY_BYTES sizeof(exchange_entry_t)
_Static_assert(ENTRY_BYTES == 16, "an entry has 16 bytes");
_Static_assert(EXCHANGE_DEPTH* ENTRY_BYTES <= ZX_FIFO_MAX_SIZE_BYTES, "the FIFOs can't be that deep");

// Offsets have 32 bits and lengths 16: memory beyond their reach (in whole pages) is not mapped.
#define MEMORY_MAX_BYTES (((uint64_t)1 << 32) + ((uint64_t)1 << 16))

static void queue_push(exchange_queue_t* queue, const exchange_entry_t* entry) {
  assert(queue->count < EXCHANGE_DEPTH);
  queue->entries[(queue->head + queue->count) % EXCHANGE_DEPTH] = *entry;
  queue->count++;
}

static const exchange_entry_t* queue_newest(const exchange_queue_t* queue) {
  assert(queue->count > 0);
  return &queue->entries[(queue->head + queue->count - 1) % EXCHANGE_DEPTH];
}

// Takes the newest.
static exchange_entry_t queue_pop(exchange_queue_t* queue) {
  exchange_entry_t entry = *queue_newest(queue);
  queue->count--;
  return entry;
}

static void queue_drop(exchange_queue_t* queue, uint32_t count) {
  assert(count <= queue->count);
  queue->head = (queue->head + count) % EXCHANGE_DEPTH;
  queue->count -= count;
}

// Writes the entries into the FIFO, oldest first, until it is full.
static zx_status_t queue_flush(exchange_queue_t* queue, zx_handle_t fifo) {
  while (queue->count > 0) {
    uint32_t run = EXCHANGE_DEPTH - queue->head;
    if (run > queue->count) run = queue->count;
    size_t written;
    zx_status_t status = zx_fifo_write(fifo, ENTRY_BYTES, &queue->entries[queue->head], run, &written);
    if (status == ZX_ERR_SHOULD_WAIT) return ZX_OK;
    if (status != ZX_OK) return status;
    queue_drop(queue, (uint32_t)written);
  }
  return ZX_OK;
}

// Takes up to `room` entries, at most a batch. Returns 0 also when the client has gone, which PEER_CLOSED
// tells.
static size_t take_entries(zx_handle_t fifo, exchange_entry_t entries[EXCHANGE_BATCH], size_t room) {
  if (room > EXCHANGE_BATCH) room = EXCHANGE_BATCH;
  size_t count;
  if (room == 0 || zx_fifo_read(fifo, ENTRY_BYTES, entries, room, &count) != ZX_OK) return 0;
  return count;
}

// The one check of a range, for both directions. The sum can't wrap: it is made in 64 bits.
static bool entry_in_memory(const exchange_t* exchange, const exchange_entry_t* entry) {
  return (uint64_t)entry->offset + entry->length <= exchange->memory_bytes;
}

void exchange_init(exchange_t* exchange, uint32_t frame_min, uint32_t frame_max,
                   ethernet_counters_t* counters) {
  memset(exchange, 0, sizeof(*exchange));
  exchange->frame_min = frame_min;
  exchange->frame_max = frame_max;
  exchange->counters = counters;
}

void exchange_set_offloads(exchange_t* exchange, uint32_t tx, uint32_t rx) {
  exchange->header_bytes = OFFLOAD_HEADER_BYTES;
  exchange->tx_offloads = tx;
  exchange->rx_offloads = rx;
}

void exchange_deinit(exchange_t* exchange) {
  zx_handle_close(exchange->rx_fifo);
  zx_handle_close(exchange->tx_fifo);
  exchange->rx_fifo = exchange->tx_fifo = ZX_HANDLE_INVALID;
  if (exchange->memory) {
    zx_vmar_unmap(zx_vmar_root_self(), (zx_vaddr_t)exchange->memory, (size_t)exchange->memory_bytes);
  }
  exchange->memory = NULL;
  exchange->memory_bytes = 0;
}

zx_status_t exchange_create_fifos(exchange_t* exchange, zx_handle_t* out_rx, zx_handle_t* out_tx) {
  if (exchange->rx_fifo != ZX_HANDLE_INVALID) return ZX_ERR_ALREADY_BOUND;
  zx_handle_t client_rx = ZX_HANDLE_INVALID, rx = ZX_HANDLE_INVALID;
  zx_handle_t client_tx = ZX_HANDLE_INVALID, tx = ZX_HANDLE_INVALID;
  zx_status_t status = zx_fifo_create(EXCHANGE_DEPTH, ENTRY_BYTES, 0, &client_rx, &rx);
  if (status == ZX_OK) status = zx_fifo_create(EXCHANGE_DEPTH, ENTRY_BYTES, 0, &client_tx, &tx);
  if (status != ZX_OK) {
    zx_handle_close(client_rx);
    zx_handle_close(rx);
    return status;
  }
  exchange->rx_fifo = rx;
  exchange->tx_fifo = tx;
  *out_rx = client_rx;
  *out_tx = client_tx;
  return ZX_OK;
}

zx_status_t exchange_map(exchange_t* exchange, zx_handle_t vmo) {
  zx_status_t status = ZX_ERR_ALREADY_BOUND;
  if (!exchange->memory) {
    uint64_t bytes = 0;
    zx_vaddr_t address = 0;
    status = zx_vmo_get_size(vmo, &bytes);
    if (status == ZX_OK && bytes == 0) status = ZX_ERR_INVALID_ARGS;
    if (bytes > MEMORY_MAX_BYTES) bytes = MEMORY_MAX_BYTES;
    if (status == ZX_OK) {
      status =
          zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE | ZX_VM_REQUIRE_NON_RESIZABLE,
                      0, vmo, 0, (size_t)bytes, &address);
    }
    if (status == ZX_OK) {
      exchange->memory = (uint8_t*)address;
      exchange->memory_bytes = bytes;
    } else if (status != ZX_ERR_NO_MEMORY) {
      status = ZX_ERR_INVALID_ARGS;
    }
  }
  zx_handle_close(vmo);
  return status;
}

bool exchange_ready(const exchange_t* exchange) {
  return exchange->rx_fifo != ZX_HANDLE_INVALID && exchange->memory != NULL;
}

static void rx_refuse(exchange_t* exchange, exchange_entry_t* entry) {
  entry->length = 0;
  entry->flags = fuchsia_hardware_ethernet_FIFO_INVALID;
  queue_push(&exchange->rx_returning, entry);
}

// How many entries of the receive FIFO are here.
static uint32_t rx_held(const exchange_t* exchange) {
  return exchange->rx_empty.count + exchange->rx_large.count + exchange->rx_returning.count;
}

static bool rx_wants_large(const exchange_t* exchange) {
  return (exchange->rx_offloads & (OFFLOAD_TSO | OFFLOAD_USO)) != 0;
}

bool exchange_rx_ready(const exchange_t* exchange) {
  return exchange->rx_large.count > 0 || (exchange->rx_empty.count > 0 && !rx_wants_large(exchange));
}

bool exchange_rx_provide(exchange_t* exchange) {
  exchange_entry_t entries[EXCHANGE_BATCH];
  size_t count;
  while ((count = take_entries(exchange->rx_fifo, entries, EXCHANGE_DEPTH - rx_held(exchange))) > 0) {
    for (size_t i = 0; i < count; i++) {
      if (entries[i].length <= exchange->header_bytes || !entry_in_memory(exchange, &entries[i])) {
        exchange->counters->rx_invalid++;
        rx_refuse(exchange, &entries[i]);
      } else if (entries[i].length == EXCHANGE_LARGE_BYTES && rx_wants_large(exchange)) {
        queue_push(&exchange->rx_large, &entries[i]);
      } else {
        queue_push(&exchange->rx_empty, &entries[i]);
      }
    }
  }
  return exchange_rx_ready(exchange);
}

bool exchange_rx_accepts(const exchange_t* exchange, const offload_header_t* header, size_t length) {
  if (exchange->header_bytes == 0) return offload_is_plain(header);
  return length + exchange->header_bytes <= UINT16_MAX &&
         offload_header_valid(header, exchange->rx_offloads, length);
}

// Takes a buffer for `length` bytes with their header: an ordinary one if they fit, else a large one.
static bool rx_take_buffer(exchange_t* exchange, size_t length, exchange_entry_t* out) {
  if (rx_held(exchange) == exchange->rx_returning.count) exchange_rx_provide(exchange);
  exchange_queue_t* small = &exchange->rx_empty;
  bool large = small->count == 0 || length > small->entries[small->head].length;
  if (large && exchange->rx_large.count > 0) {
    *out = queue_pop(&exchange->rx_large);
    return true;
  }
  bool ordinary = length <= exchange->header_bytes + exchange->frame_max;
  if (small->count == 0 || (large && rx_wants_large(exchange) && !ordinary)) return false;
  *out = small->entries[small->head];
  queue_drop(small, 1);
  return true;
}

// Where a buffer's frame is, behind its header.
static uint8_t* frame_at(const exchange_t* exchange, const exchange_entry_t* entry) {
  return exchange->memory + entry->offset + exchange->header_bytes;
}

// The frame is in its buffer, which goes back.
static void rx_filled(exchange_t* exchange, exchange_entry_t* entry, const offload_header_t* header,
                      size_t length, uint16_t flags) {
  memcpy(exchange->memory + entry->offset, header, exchange->header_bytes);
  entry->length = (uint16_t)(exchange->header_bytes + length);
  entry->flags = flags;
  queue_push(&exchange->rx_returning, entry);
  exchange->counters->rx_frames++;
  exchange->counters->rx_bytes += length;
}

void exchange_rx_return(exchange_t* exchange, const offload_header_t* header, const uint8_t* frame,
                        size_t length, uint16_t flags) {
  exchange_entry_t entry;
  size_t bytes = exchange->header_bytes + length;
  if (!rx_take_buffer(exchange, bytes, &entry)) {
    exchange->counters->rx_no_buffer++;
    return;
  }
  if (bytes > entry.length) {
    exchange->counters->rx_too_long++;
    rx_refuse(exchange, &entry);
    return;
  }
  memcpy(frame_at(exchange, &entry), frame, length);
  rx_filled(exchange, &entry, header, length, flags);
}

size_t exchange_rx_place(const exchange_t* exchange, struct iovec out[2]) {
  const exchange_queue_t *small = &exchange->rx_empty, *large = &exchange->rx_large;
  bool wants_large = rx_wants_large(exchange);
  if (exchange->header_bytes == 0 || small->count == 0 || (wants_large && large->count == 0)) return 0;
  const exchange_entry_t* first = &small->entries[small->head];
  // The first piece has room for whatever is looked at there.
  if (first->length < exchange->header_bytes + exchange->frame_min) return 0;
  out[0] = (struct iovec){frame_at(exchange, first), first->length - exchange->header_bytes};
  if (!wants_large) return 1;
  const exchange_entry_t* second = queue_newest(large);
  out[1] = (struct iovec){frame_at(exchange, second) + out[0].iov_len,
                          second->length - exchange->header_bytes - out[0].iov_len};
  return 2;
}

void exchange_rx_placed(exchange_t* exchange, const offload_header_t* header, size_t length, uint16_t flags) {
  exchange_queue_t* small = &exchange->rx_empty;
  exchange_entry_t entry = small->entries[small->head];
  size_t room = entry.length - exchange->header_bytes;
  if (length <= room) {
    queue_drop(small, 1);
  } else {
    const uint8_t* head = frame_at(exchange, &entry);
    entry = queue_pop(&exchange->rx_large);
    memcpy(frame_at(exchange, &entry), head, room);
  }
  rx_filled(exchange, &entry, header, length, flags);
}

// The one check of an entry to send. The header is copied out first.
static bool tx_valid(const exchange_t* exchange, const exchange_entry_t* entry, exchange_frame_t* out) {
  uint32_t header_bytes = exchange->header_bytes;
  if (!entry_in_memory(exchange, entry) || entry->length < header_bytes + exchange->frame_min) return false;
  const uint8_t* at = exchange->memory + entry->offset;
  *out =
      (exchange_frame_t){.entry = *entry, .data = at + header_bytes, .length = entry->length - header_bytes};
  memcpy(&out->header, at, header_bytes);
  bool run = out->header.gso_type != OFFLOAD_GSO_NONE;
  size_t frame = run ? out->header.gso_size : out->length;
  return frame <= exchange->frame_max && !(out->header.flags & OFFLOAD_DATA_VALID) &&
         offload_header_valid(&out->header, exchange->tx_offloads, out->length);
}

size_t exchange_tx_provide(exchange_t* exchange, exchange_frame_t frames[EXCHANGE_BATCH]) {
  exchange_entry_t entries[EXCHANGE_BATCH];
  size_t taken = take_entries(exchange->tx_fifo, entries,
                              EXCHANGE_DEPTH - exchange->tx_out - exchange->tx_returning.count);
  size_t valid = 0;
  for (size_t i = 0; i < taken; i++) {
    exchange_entry_t* entry = &entries[i];
    if (tx_valid(exchange, entry, &frames[valid])) {
      valid++;
    } else {
      exchange->counters->tx_invalid++;
      entry->flags = fuchsia_hardware_ethernet_FIFO_INVALID;
      queue_push(&exchange->tx_returning, entry);
    }
  }
  exchange->tx_out += (uint32_t)valid;
  return valid;
}

void exchange_tx_return(exchange_t* exchange, const exchange_entry_t* entry, uint16_t flags) {
  assert(exchange->tx_out > 0);
  exchange_entry_t returned = *entry;
  returned.flags = flags;
  exchange->tx_out--;
  queue_push(&exchange->tx_returning, &returned);
}

zx_status_t exchange_flush(exchange_t* exchange) {
  zx_status_t status = queue_flush(&exchange->tx_returning, exchange->tx_fifo);
  if (status != ZX_OK) return status;
  return queue_flush(&exchange->rx_returning, exchange->rx_fifo);
}

zx_signals_t exchange_tx_trigger(const exchange_t* exchange) {
  zx_signals_t signals = ZX_FIFO_PEER_CLOSED;
  if (exchange->tx_returning.count > 0) signals |= ZX_FIFO_WRITABLE;
  if (exchange->tx_out + exchange->tx_returning.count < EXCHANGE_DEPTH) signals |= ZX_FIFO_READABLE;
  return signals;
}

zx_signals_t exchange_rx_trigger(const exchange_t* exchange, bool want_buffers) {
  zx_signals_t signals = ZX_FIFO_PEER_CLOSED;
  if (exchange->rx_returning.count > 0) signals |= ZX_FIFO_WRITABLE;
  if (want_buffers && !exchange_rx_ready(exchange) && rx_held(exchange) < EXCHANGE_DEPTH) {
    signals |= ZX_FIFO_READABLE;
  }
  return signals;
}
