// Frames between the engine and the Ethernet driver's process: bytes in the shared VMO, entries in the FIFOs.
// Above: link_endpoint.c. Below: link_queue.c.
//
// Receiving: every free buffer is with the device; it comes back with a frame, the frame is handed on, and
// the buffer goes back with the rest of its batch, once the user is done with all of it. Sending: a frame is
// copied into a free buffer and its entry waits in tx_pending until the flush; buffers that have come back
// are collected when the next batch begins, so no wake-up is spent on them. Only a transmit that finds too
// few buffers makes us wait for the transmit FIFO.
//
// What a frame asks for and the device does not do is done here while the frame is copied (inet/offload.h),
// so that the engine may ask every device for everything.
#include <errno.h>
#include <string.h>

#include <inet/pieces.h>
#include <lib/trace/trace.h>
#include <zircon/syscalls.h>

#include "link_internal.h"

// Entries handled in one go before the loop looks after everybody else.
enum { RX_BUDGET = LINK_MAX_DEPTH };

// Entries of the device that are not what they must be are counted; false then. Otherwise the buffer is ours
// again, and keeps its bytes until it is given away.
static bool take_back(link_endpoint_t* link, link_queue_t* queue, const link_entry_t* entry,
                      uint16_t known_flags) {
  switch (link_queue_put_back(queue, entry)) {
    case LINK_RETURN_BAD_COOKIE:
      link->counters.bad_cookie++;
      return false;
    case LINK_RETURN_BAD_RANGE:
      link->counters.bad_range++;
      return false;
    case LINK_RETURN_GOOD:
      break;
  }
  if (entry->flags & ~known_flags) {
    link->counters.bad_flags++;
    return false;
  }
  return true;
}

// Gives the device all free receive buffers.
static void rx_provide(link_endpoint_t* link) {
  link_queue_t* rx = &link->rx;
  while (rx->ordinary.free_count + rx->large.free_count > 0) {
    link_entry_t entries[LINK_BATCH];
    size_t count = 0;
    while (count < LINK_BATCH && rx->large.free_count > 0)
      entries[count++] = link_queue_take(rx, &rx->large);
    while (count < LINK_BATCH && rx->ordinary.free_count > 0)
      entries[count++] = link_queue_take(rx, &rx->ordinary);
    if (link_queue_write(rx, entries, count) < count) return;
  }
}

// Finds the frame in a buffer, behind its header, of which a copy is checked.
static bool rx_find(const link_endpoint_t* link, const link_entry_t* entry, offload_header_t* out_header,
                    const uint8_t** out_frame, size_t* out_length) {
  const uint8_t* from = link->memory + entry->offset;
  *out_header = (offload_header_t){0};
  if (entry->length < link->header_bytes) return false;
  memcpy(out_header, from, link->header_bytes);
  *out_frame = from + link->header_bytes;
  *out_length = entry->length - link->header_bytes;
  return offload_header_valid(out_header, link->receive_offloads, *out_length);
}

static void rx_entry(link_endpoint_t* link, const link_entry_t* entry) {
  const uint16_t known = fuchsia_hardware_ethernet_FIFO_RX_OK | fuchsia_hardware_ethernet_FIFO_INVALID |
                         fuchsia_hardware_ethernet_FIFO_RX_TX;
  if (!take_back(link, &link->rx, entry, known)) return;
  if (entry->flags & fuchsia_hardware_ethernet_FIFO_RX_TX) return;  // not asked for
  if (entry->flags != fuchsia_hardware_ethernet_FIFO_RX_OK) {
    link->counters.rx_errors++;
    return;
  }
  offload_header_t header;
  const uint8_t* frame;
  size_t length = 0;
  if (!rx_find(link, entry, &header, &frame, &length)) {
    link->counters.bad_header++;
    return;
  }
  link->counters.rx_frames++;
  link->counters.rx_bytes += length;
  trace_point("link.rx", length);
  link->ops.input(link->context, &header, link->frame, frame, length);
}

// Takes what has been received. ZX_ERR_SHOULD_WAIT: that was all. ZX_OK: there may be more.
static zx_status_t rx_take(link_endpoint_t* link) {
  zx_status_t status = ZX_OK;
  for (size_t taken = 0; status == ZX_OK && taken < RX_BUDGET;) {
    link_entry_t entries[LINK_BATCH];
    size_t count = 0;
    status = zx_fifo_read(link->rx.fifo, sizeof(entries[0]), entries, LINK_BATCH, &count);
    if (status != ZX_OK) break;
    for (size_t i = 0; i < count; i++)
      rx_entry(link, &entries[i]);
    taken += count;
    if (count < LINK_BATCH) status = ZX_ERR_SHOULD_WAIT;
    link->ops.input_done(link->context, status == ZX_OK && taken < RX_BUDGET);
    rx_provide(link);
  }
  return status;
}

static zx_status_t rx_wait(link_endpoint_t* link) {
  link->rx.wait.trigger = ZX_FIFO_READABLE | ZX_FIFO_PEER_CLOSED;
  if (!link->status_pending) link->rx.wait.trigger |= fuchsia_hardware_ethernet_SIGNAL_STATUS;
  return async_begin_wait(link->dispatcher, &link->rx.wait);
}

static void rx_ready(async_dispatcher_t* dispatcher, async_wait_t* wait, zx_status_t status,
                     const zx_packet_signal_t* signal) {
  link_endpoint_t* link = (void*)((char*)wait - offsetof(link_endpoint_t, rx.wait));
  if (status != ZX_OK) return;
  status = rx_take(link);
  if (status != ZX_OK && status != ZX_ERR_SHOULD_WAIT) {
    link_session_lost(link, status);
    return;
  }
  if (signal->observed & fuchsia_hardware_ethernet_SIGNAL_STATUS) link_session_ask_status(link);
  if (link->client && rx_wait(link) != ZX_OK) link_session_lost(link, ZX_ERR_INTERNAL);
}

// Collects the transmit buffers that the device is done with.
static void tx_reclaim(link_endpoint_t* link) {
  for (size_t taken = 0; taken < LINK_MAX_DEPTH;) {
    link_entry_t entries[LINK_BATCH];
    size_t count = 0;
    if (zx_fifo_read(link->tx.fifo, sizeof(entries[0]), entries, LINK_BATCH, &count) != ZX_OK) return;
    for (size_t i = 0; i < count; i++) {
      const uint16_t known = fuchsia_hardware_ethernet_FIFO_TX_OK | fuchsia_hardware_ethernet_FIFO_INVALID;
      if (!take_back(link, &link->tx, &entries[i], known)) continue;
      if (entries[i].flags != fuchsia_hardware_ethernet_FIFO_TX_OK) link->counters.tx_errors++;
    }
    taken += count;
    if (count < LINK_BATCH) return;
  }
}

static void tx_wait(link_endpoint_t* link) {
  // It may be pending already; it cannot fail otherwise unless the session is about to end.
  (void)async_begin_wait(link->dispatcher, &link->tx.wait);
}

// A transmit has failed for want of `count` buffers of a pool. We wait for some more than that, so that the
// next wait is not soon.
static int tx_want(link_endpoint_t* link, link_pool_t* pool, uint32_t count) {
  uint32_t some = pool->count / 4;
  link->tx_wanted_pool = pool;
  link->tx_wanted = count > some ? count : some;
  link_endpoint_flush(link);
  tx_wait(link);
  return -EAGAIN;
}

static void tx_ready(async_dispatcher_t* dispatcher, async_wait_t* wait, zx_status_t status,
                     const zx_packet_signal_t* signal) {
  link_endpoint_t* link = (void*)((char*)wait - offsetof(link_endpoint_t, tx.wait));
  if (status != ZX_OK) return;
  tx_reclaim(link);
  if (link->tx_wanted_pool->free_count >= link->tx_wanted) {
    link->ops.writable(link->context);
  } else if (!(signal->observed & ZX_FIFO_PEER_CLOSED)) {  // otherwise the receive FIFO has seen the same
    tx_wait(link);
  }
}

// Appends an entry for the `length` bytes of frame that lie behind the header's place in its buffer.
static void tx_append(link_endpoint_t* link, link_entry_t entry, const offload_header_t* header,
                      size_t length) {
  memcpy(link->memory + entry.offset, header, link->header_bytes);
  entry.length = (uint16_t)(link->header_bytes + length);
  trace_point("link.tx", length);
  link->counters.tx_frames++;
  link->counters.tx_bytes += length;
  link->tx_pending[link->tx_pending_count++] = entry;
  if (link->tx_pending_count == LINK_BATCH) link_endpoint_flush(link);
}

// A frame that the device gets as it is.
static int transmit_whole(link_endpoint_t* link, const offload_header_t* header, const struct iovec* iov,
                          size_t iov_count, size_t length) {
  link_queue_t* tx = &link->tx;
  size_t bytes = link->header_bytes + length;
  link_pool_t* pool = bytes <= tx->ordinary.buffer_bytes ? &tx->ordinary : &tx->large;
  if (bytes > pool->buffer_bytes || pool->count == 0) {
    link->counters.tx_dropped++;
    return -EMSGSIZE;
  }
  if (pool->free_count == 0) return tx_want(link, pool, 1);
  link_entry_t entry = link_queue_take(tx, pool);
  uint8_t* to = link->memory + entry.offset + link->header_bytes;
  for (size_t i = 0; i < iov_count; i++) {
    memcpy(to, iov[i].iov_base, iov[i].iov_len);
    to += iov[i].iov_len;
  }
  tx_append(link, entry, header, length);
  return 0;
}

// A frame whose checksum or segmentation is ours to do. All of its segments go, or none; only those of a
// frame that would not fit into all buffers together are lost from where they end.
static int transmit_split(link_endpoint_t* link, const offload_header_t* header, const struct iovec* iov,
                          size_t iov_count, size_t length) {
  static const offload_header_t plain;
  link_queue_t* tx = &link->tx;
  offload_split_t split;
  if (!offload_header_valid(header, OFFLOAD_ALL, length) ||
      !offload_split_begin(&split, header, iov, iov_count, length)) {
    link->counters.tx_dropped++;
    return -EINVAL;
  }
  if (link->header_bytes + offload_split_bytes_max(&split) > tx->ordinary.buffer_bytes) {
    link->counters.tx_dropped++;
    return -EMSGSIZE;
  }
  uint32_t wanted = split.count < tx->ordinary.count ? split.count : tx->ordinary.count;
  if (tx->ordinary.free_count < wanted) return tx_want(link, &tx->ordinary, wanted);
  while (split.count > 0 && tx->ordinary.free_count > 0) {
    link_entry_t entry = link_queue_take(tx, &tx->ordinary);
    size_t bytes = offload_split_next(&split, link->memory + entry.offset + link->header_bytes);
    tx_append(link, entry, &plain, bytes);
  }
  link->counters.tx_dropped += split.count;
  return 0;
}

int link_endpoint_transmit(link_endpoint_t* link, const offload_header_t* header, const struct iovec* iov,
                           size_t iov_count) {
  if (!link->started) return -ENETDOWN;
  size_t length = pieces_length(iov, iov_count);
  if (link->tx_pending_count == 0) tx_reclaim(link);
  bool whole = offload_header_valid(header, link->transmit_offloads, length);
  return whole ? transmit_whole(link, header, iov, iov_count, length)
               : transmit_split(link, header, iov, iov_count, length);
}

void link_endpoint_flush(link_endpoint_t* link) {
  size_t count = link->tx_pending_count;
  if (count == 0) return;
  link->tx_pending_count = 0;
  size_t written = link_queue_write(&link->tx, link->tx_pending, count);
  link->counters.tx_dropped += count - written;
}

static zx_status_t share_memory(link_endpoint_t* link, size_t bytes) {
  zx_status_t status = zx_vmo_create(bytes, 0, &link->vmo);
  if (status != ZX_OK) return status;
  uint64_t size = 0;
  status = zx_vmo_get_size(link->vmo, &size);
  if (status != ZX_OK) return status;
  zx_vaddr_t address = 0;
  status =
      zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, link->vmo, 0, size, &address);
  if (status != ZX_OK) return status;
  link->memory = (uint8_t*)address;
  link->memory_bytes = size;
  return ZX_OK;
}

// How the buffers of a direction are cut: two usual ones fill a page, and where runs of segments are agreed
// on an eighth of them is large.
static link_shape_t shape_for(const link_endpoint_t* link, uint32_t depth, uint32_t offloads) {
  uint32_t bytes = link->header_bytes + link->info.mtu + LINK_HEADER_BYTES;
  if (bytes < fuchsia_hardware_ethernet_DEFAULT_BUFFER_SIZE)
    bytes = fuchsia_hardware_ethernet_DEFAULT_BUFFER_SIZE;
  link_shape_t shape = {.depth = depth < LINK_MAX_DEPTH ? depth : LINK_MAX_DEPTH, .ordinary_bytes = bytes};
  if ((offloads & (OFFLOAD_TSO | OFFLOAD_USO)) && shape.depth > 1) shape.large_count = (shape.depth + 7) / 8;
  return shape;
}

zx_status_t link_frames_init(link_endpoint_t* link, fuchsia_hardware_ethernet_Fifos* fifos) {
  link_shape_t rx = shape_for(link, fifos->rx_depth, link->receive_offloads);
  link_shape_t tx = shape_for(link, fifos->tx_depth, link->transmit_offloads);
  uint32_t end = link_queue_init(&link->rx, fifos->rx, &rx, 0);
  end = link_queue_init(&link->tx, fifos->tx, &tx, end);
  fifos->rx = fifos->tx = ZX_HANDLE_INVALID;
  link->rx.wait = (async_wait_t){.handler = rx_ready, .object = link->rx.fifo};
  link->tx.wait = (async_wait_t){
      .handler = tx_ready, .object = link->tx.fifo, .trigger = ZX_FIFO_READABLE | ZX_FIFO_PEER_CLOSED};
  link->tx_pending_count = 0;
  if (rx.depth == 0 || tx.depth == 0) return ZX_ERR_INVALID_ARGS;
  // Segmentation in software takes many buffers at once.
  link->info.offloads = OFFLOAD_CHECKSUM | link->transmit_offloads;
  if (tx.depth >= LINK_SPLIT_DEPTH) link->info.offloads = OFFLOAD_ALL;
  return share_memory(link, end);
}

zx_status_t link_frames_start(link_endpoint_t* link) {
  rx_provide(link);
  return rx_wait(link);
}

zx_status_t link_frames_listen(link_endpoint_t* link) {
  (void)async_cancel_wait(link->dispatcher, &link->rx.wait);
  return rx_wait(link);
}

static void queue_deinit(link_endpoint_t* link, link_queue_t* queue) {
  (void)async_cancel_wait(link->dispatcher, &queue->wait);
  link_queue_deinit(queue);
}

void link_frames_deinit(link_endpoint_t* link) {
  link->counters.tx_dropped += link->tx_pending_count;
  link->tx_pending_count = 0;
  queue_deinit(link, &link->rx);
  queue_deinit(link, &link->tx);
  zx_handle_close(link->vmo);
  link->vmo = ZX_HANDLE_INVALID;
  if (link->memory) (void)zx_vmar_unmap(zx_vmar_root_self(), (zx_vaddr_t)link->memory, link->memory_bytes);
  link->memory = NULL;
  link->memory_bytes = 0;
}
