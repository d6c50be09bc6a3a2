// The exchange of frames with one client: two FIFOs of entries and the memory that entries point into.
//
// Four operations move buffers, named from the driver's side:
//
//   client: empty buffers --rx FIFO--> exchange_rx_provide ... exchange_rx_return --rx FIFO--> frames
//   client: frames        --tx FIFO--> exchange_tx_provide ... exchange_tx_return --tx FIFO--> empty buffers
//
// The client is not trusted. An entry is copied out of the FIFO before it is looked at; its range is checked
// once, by one function for both directions; a bad one goes back at once, marked INVALID and counted. The
// client may change the memory at any time, so whoever uses a frame reads each byte once. A client that
// doesn't take its entries back gets no more taken from it: never more than EXCHANGE_DEPTH of them are kept
// here for each FIFO, and none is lost.
//
// Where offloads were agreed on, each buffer begins with a header (offload_header_t), which is copied out and
// checked once as the entry is. Empty buffers are then of two kinds: the client gives large ones for runs of
// segments beside those for ordinary frames. Of the large ones the last that came back is used first, because
// it is still in the cache.
//
// Everything happens on the loop's thread; nothing blocks.
#ifndef COMPONENTS_ETHERNET_EXCHANGE_H_
#define COMPONENTS_ETHERNET_EXCHANGE_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <fidl/fuchsia.hardware.ethernet.h>
#include <inet/offload.h>
#include <zircon/types.h>

#include "counters.h"

// Entries each FIFO holds, and the most handled in one go.
#define EXCHANGE_DEPTH 256u
#define EXCHANGE_BATCH 64u

// A buffer of this length is large.
#define EXCHANGE_LARGE_BYTES UINT16_MAX

typedef fuchsia_hardware_ethernet_FifoEntry exchange_entry_t;

typedef struct exchange_queue {
  exchange_entry_t entries[EXCHANGE_DEPTH];
  uint32_t head;
  uint32_t count;
} exchange_queue_t;

typedef struct exchange {
  zx_handle_t rx_fifo;  // the driver's ends, invalid until exchange_create_fifos
  zx_handle_t tx_fifo;
  uint8_t* memory;  // the mapped VMO, NULL until exchange_map
  uint64_t memory_bytes;
  uint32_t frame_min, frame_max;  // lengths a frame may have
  uint32_t header_bytes;  // before each frame: 0, or OFFLOAD_HEADER_BYTES once offloads were agreed on
  uint32_t tx_offloads, rx_offloads;
  exchange_queue_t rx_empty;      // buffers supplied and not yet used
  exchange_queue_t rx_large;      // the large ones of them
  exchange_queue_t rx_returning;  // entries on their way back
  exchange_queue_t tx_returning;
  uint32_t tx_out;                // entries given to the caller by tx_provide and not returned
  ethernet_counters_t* counters;  // borrowed
} exchange_t;

// A frame to send. `data` lies in the client's memory; `header` is a copy.
typedef struct exchange_frame {
  exchange_entry_t entry;
  offload_header_t header;
  const uint8_t* data;
  size_t length;
} exchange_frame_t;

// Makes `exchange` empty; frames outside of `frame_min` to `frame_max` bytes are refused. `counters` is
// borrowed.
void exchange_init(exchange_t* exchange, uint32_t frame_min, uint32_t frame_max,
                   ethernet_counters_t* counters);

// From now on buffers begin with a header, which may ask for `tx` of the driver and for `rx` of the client
// (OFFLOAD_*). Before any entry is exchanged.
void exchange_set_offloads(exchange_t* exchange, uint32_t tx, uint32_t rx);

// Closes the FIFOs and unmaps the memory. Fine on one that has neither.
void exchange_deinit(exchange_t* exchange);

// Makes the FIFOs and hands out the client's ends. ZX_ERR_ALREADY_BOUND if they were made before; otherwise
// as zx_fifo_create. The handles are the caller's.
zx_status_t exchange_create_fifos(exchange_t* exchange, zx_handle_t* out_rx, zx_handle_t* out_tx);

// Maps `vmo`, which is consumed whatever happens. ZX_ERR_ALREADY_BOUND: there is memory already.
// ZX_ERR_INVALID_ARGS: it is empty, resizable, not a VMO, or may not be mapped for reading and writing.
zx_status_t exchange_map(exchange_t* exchange, zx_handle_t vmo);

// Whether it has both FIFOs and memory, which the four operations and exchange_flush take for granted.
bool exchange_ready(const exchange_t* exchange);

// Whether there is a buffer for any frame that may come.
bool exchange_rx_ready(const exchange_t* exchange);

// Takes the empty buffers that the client has supplied, as far as there is room. Returns whether there is a
// buffer for any frame that may come.
bool exchange_rx_provide(exchange_t* exchange);

// Whether the client can take a frame with that header as it is.
bool exchange_rx_accepts(const exchange_t* exchange, const offload_header_t* header, size_t length);

// Copies a frame that it accepts into an empty buffer and marks the entry with `flags`, to be returned by the
// next flush. An ordinary frame that doesn't fit costs the buffer, which goes back INVALID; with no buffer
// the frame is dropped. Both are counted.
void exchange_rx_return(exchange_t* exchange, const offload_header_t* header, const uint8_t* frame,
                        size_t length, uint16_t flags);

// Where the next frame may be put without a copy: the room behind the header in an ordinary buffer, and then
// in a large one. Returns how many pieces there are, the first of them not shorter than the shortest frame; 0
// if the client agreed on no offloads or has no buffers for it. They stay what they are until the next call
// of an exchange_rx_ function.
size_t exchange_rx_place(const exchange_t* exchange, struct iovec out[2]);

// A frame of `length` bytes, which the client accepts, lies in the pieces of exchange_rx_place: does the rest
// of exchange_rx_return. What lies in an ordinary buffer moves to the large one if the frame needs that.
void exchange_rx_placed(exchange_t* exchange, const offload_header_t* header, size_t length, uint16_t flags);

// Takes up to EXCHANGE_BATCH entries from the client and writes the valid ones to `frames`; each has to be
// returned. Returns how many there are. Entries that aren't valid are marked to go back with the next flush.
size_t exchange_tx_provide(exchange_t* exchange, exchange_frame_t frames[EXCHANGE_BATCH]);

// Gives an entry of exchange_tx_provide back with `flags`, by the next flush.
void exchange_tx_return(exchange_t* exchange, const exchange_entry_t* entry, uint16_t flags);

// Moves what is to be returned into the FIFOs, as far as they take it. ZX_ERR_PEER_CLOSED: the client is
// gone.
zx_status_t exchange_flush(exchange_t* exchange);

// The signals on the driver's ends after which there is something to do: always PEER_CLOSED; WRITABLE when
// entries wait to be returned; READABLE when there is room for more (tx), or (rx) when `want_buffers` and
// there is none.
zx_signals_t exchange_tx_trigger(const exchange_t* exchange);
zx_signals_t exchange_rx_trigger(const exchange_t* exchange, bool want_buffers);

#endif  // COMPONENTS_ETHERNET_EXCHANGE_H_
