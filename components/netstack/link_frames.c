// Frames between the engine and the Ethernet driver's process: buffers in the shared VMO, entries in the
// FIFOs. Above: link_endpoint.c. Below: zx_fifo_*.
//
// Receiving: every free buffer is with the device; it comes back with a frame, the frame is copied out and
// handed on, and the buffer goes back with the rest of its batch. Sending: a frame is copied into a free
// buffer and its entry waits in tx_pending until the flush; buffers that have come back are collected when
// the next batch begins, so no wake-up is spent on them. Only a transmit that finds no buffer makes us wait
// for the transmit FIFO.
//
// The device never holds more buffers of a queue than the queue's depth, so neither side's writes can find a
// FIFO of an honest peer full.
#include <errno.h>
#include <string.h>

#include <lib/trace/trace.h>
#include <zircon/syscalls.h>

#include "link_internal.h"

// Entries handled in one go before the loop looks after everybody else.
enum { RX_BUDGET = LINK_MAX_DEPTH };

static uint32_t buffer_offset(const link_queue_t* queue, uint32_t index) {
  return queue->first_offset + index * queue->buffer_bytes;
}

static link_entry_t buffer_entry(const link_queue_t* queue, uint32_t index, uint16_t length) {
  return (link_entry_t){.offset = buffer_offset(queue, index), .length = length, .cookie = index};
}

static void queue_init(link_queue_t* queue, zx_handle_t fifo, uint32_t depth, uint32_t first_offset,
                       uint32_t buffer_bytes) {
  queue->fifo = fifo;
  queue->depth = depth;
  queue->first_offset = first_offset;
  queue->buffer_bytes = buffer_bytes;
  queue->free_count = depth;
  memset(queue->with_device, 0, sizeof(queue->with_device));
  for (uint32_t i = 0; i < depth; i++)
    queue->free[i] = (uint16_t)(depth - 1 - i);
}

static void queue_deinit(link_endpoint_t* link, link_queue_t* queue) {
  (void)async_cancel_wait(link->dispatcher, &queue->wait);
  zx_handle_close(queue->fifo);
  queue->fifo = ZX_HANDLE_INVALID;
  queue->depth = 0;
  queue->free_count = 0;
}

// The one check of what a device puts into a FIFO. `entry` is our copy. On true the buffer *out_index is ours
// again and on the free stack, and the entry's range lies within it. False: counted; if the cookie was good
// the buffer is ours again all the same.
static bool take_back(link_endpoint_t* link, link_queue_t* queue, const link_entry_t* entry,
                      uint16_t known_flags, uint32_t* out_index) {
  if (entry->cookie >= queue->depth || !queue->with_device[entry->cookie]) {
    link->counters.bad_cookie++;
    return false;
  }
  uint32_t index = (uint32_t)entry->cookie;
  queue->with_device[index] = false;
  queue->free[queue->free_count++] = (uint16_t)index;
  if (entry->offset != buffer_offset(queue, index) || entry->length > queue->buffer_bytes) {
    link->counters.bad_range++;
    return false;
  }
  if (entry->flags & ~known_flags) {
    link->counters.bad_flags++;
    return false;
  }
  *out_index = index;
  return true;
}

// Writes entries whose buffers are off the free stack. Those that the FIFO does not take are put back on it.
static size_t queue_write(link_queue_t* queue, const link_entry_t* entries, size_t count) {
  size_t actual = 0;
  if (zx_fifo_write(queue->fifo, sizeof(*entries), entries, count, &actual) != ZX_OK) actual = 0;
  for (size_t i = 0; i < count; i++) {
    uint32_t index = (uint32_t)entries[i].cookie;
    if (i < actual) {
      queue->with_device[index] = true;
    } else {
      queue->free[queue->free_count++] = (uint16_t)index;
    }
  }
  return actual;
}

// Gives the device all free receive buffers.
static void rx_provide(link_endpoint_t* link) {
  link_queue_t* rx = &link->rx;
  while (rx->free_count > 0) {
    link_entry_t entries[LINK_BATCH];
    size_t count = 0;
    while (count < LINK_BATCH && rx->free_count > 0) {
      uint32_t index = rx->free[--rx->free_count];
      entries[count++] = buffer_entry(rx, index, (uint16_t)rx->buffer_bytes);
    }
    if (queue_write(rx, entries, count) < count) return;
  }
}

static void rx_entry(link_endpoint_t* link, const link_entry_t* entry) {
  const uint16_t known = fuchsia_hardware_ethernet_FIFO_RX_OK | fuchsia_hardware_ethernet_FIFO_INVALID |
                         fuchsia_hardware_ethernet_FIFO_RX_TX;
  uint32_t index;
  if (!take_back(link, &link->rx, entry, known, &index)) return;
  if (entry->flags & fuchsia_hardware_ethernet_FIFO_RX_TX) return;  // not asked for
  if (entry->flags != fuchsia_hardware_ethernet_FIFO_RX_OK) {
    link->counters.rx_errors++;
    return;
  }
  link->counters.rx_frames++;
  link->counters.rx_bytes += entry->length;
  trace_point("link.rx", entry->length);
  memcpy(link->frame, link->memory + buffer_offset(&link->rx, index), entry->length);
  link->ops.input(link->context, link->frame, entry->length);
}

// Takes what has been received. ZX_ERR_SHOULD_WAIT: that was all. ZX_OK: there may be more.
static zx_status_t rx_take(link_endpoint_t* link) {
  zx_status_t status = ZX_OK;
  bool any = false;
  for (size_t taken = 0; status == ZX_OK && taken < RX_BUDGET;) {
    link_entry_t entries[LINK_BATCH];
    size_t count = 0;
    status = zx_fifo_read(link->rx.fifo, sizeof(entries[0]), entries, LINK_BATCH, &count);
    if (status != ZX_OK) break;
    for (size_t i = 0; i < count; i++)
      rx_entry(link, &entries[i]);
    rx_provide(link);
    any = true;
    taken += count;
    if (count < LINK_BATCH) status = ZX_ERR_SHOULD_WAIT;
  }
  if (any) link->ops.input_done(link->context);
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
      uint32_t index;
      if (!take_back(link, &link->tx, &entries[i], known, &index)) continue;
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

static void tx_ready(async_dispatcher_t* dispatcher, async_wait_t* wait, zx_status_t status,
                     const zx_packet_signal_t* signal) {
  link_endpoint_t* link = (void*)((char*)wait - offsetof(link_endpoint_t, tx.wait));
  if (status != ZX_OK) return;
  tx_reclaim(link);
  if (link->tx.free_count > 0) {
    link->ops.writable(link->context);
  } else if (!(signal->observed & ZX_FIFO_PEER_CLOSED)) {  // otherwise the receive FIFO has seen the same
    tx_wait(link);
  }
}

static size_t total_length(const struct iovec* iov, size_t iov_count) {
  size_t length = 0;
  for (size_t i = 0; i < iov_count; i++)
    length += iov[i].iov_len;
  return length;
}

int link_endpoint_transmit(link_endpoint_t* link, const struct iovec* iov, size_t iov_count) {
  if (!link->started) return -ENETDOWN;
  link_queue_t* tx = &link->tx;
  size_t length = total_length(iov, iov_count);
  if (length > tx->buffer_bytes) {
    link->counters.tx_dropped++;
    return -EMSGSIZE;
  }
  if (link->tx_pending_count == 0) tx_reclaim(link);
  if (tx->free_count == 0) {
    link_endpoint_flush(link);
    tx_wait(link);
    return -EAGAIN;
  }
  uint32_t index = tx->free[--tx->free_count];
  uint8_t* to = link->memory + buffer_offset(tx, index);
  for (size_t i = 0; i < iov_count; i++) {
    memcpy(to, iov[i].iov_base, iov[i].iov_len);
    to += iov[i].iov_len;
  }
  trace_point("link.tx", length);
  link->counters.tx_frames++;
  link->counters.tx_bytes += length;
  link->tx_pending[link->tx_pending_count++] = buffer_entry(tx, index, (uint16_t)length);
  if (link->tx_pending_count == LINK_BATCH) link_endpoint_flush(link);
  return 0;
}

void link_endpoint_flush(link_endpoint_t* link) {
  size_t count = link->tx_pending_count;
  if (count == 0) return;
  link->tx_pending_count = 0;
  size_t written = queue_write(&link->tx, link->tx_pending, count);
  link->counters.tx_dropped += count - written;
}

// How large a buffer must be for a frame of this MTU. Two usual ones fill a page.
static uint32_t buffer_bytes_for(uint32_t mtu) {
  uint32_t bytes = mtu + LINK_HEADER_BYTES;
  if (bytes <= fuchsia_hardware_ethernet_DEFAULT_BUFFER_SIZE)
    return fuchsia_hardware_ethernet_DEFAULT_BUFFER_SIZE;
  return bytes < UINT16_MAX ? bytes : UINT16_MAX;
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

static uint32_t usable_depth(uint32_t depth) {
  return depth < LINK_MAX_DEPTH ? depth : LINK_MAX_DEPTH;
}

zx_status_t link_frames_init(link_endpoint_t* link, fuchsia_hardware_ethernet_Fifos* fifos) {
  uint32_t rx_depth = usable_depth(fifos->rx_depth);
  uint32_t tx_depth = usable_depth(fifos->tx_depth);
  uint32_t bytes = buffer_bytes_for(link->info.mtu);
  queue_init(&link->rx, fifos->rx, rx_depth, 0, bytes);
  queue_init(&link->tx, fifos->tx, tx_depth, rx_depth * bytes, bytes);
  fifos->rx = fifos->tx = ZX_HANDLE_INVALID;
  link->rx.wait = (async_wait_t){.handler = rx_ready, .object = link->rx.fifo};
  link->tx.wait = (async_wait_t){
      .handler = tx_ready, .object = link->tx.fifo, .trigger = ZX_FIFO_READABLE | ZX_FIFO_PEER_CLOSED};
  link->tx_pending_count = 0;
  if (rx_depth == 0 || tx_depth == 0) return ZX_ERR_INVALID_ARGS;
  return share_memory(link, (size_t)(rx_depth + tx_depth) * bytes);
}

zx_status_t link_frames_start(link_endpoint_t* link) {
  rx_provide(link);
  return rx_wait(link);
}

zx_status_t link_frames_listen(link_endpoint_t* link) {
  (void)async_cancel_wait(link->dispatcher, &link->rx.wait);
  return rx_wait(link);
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
