// A wire: whatever carries Ethernet frames to the rest of the world. Each kind of wire (slirp.c, tap.c)
// implements the five functions below; the device (device.c), which knows nothing of kinds, is told what
// happens through the events.
//
// Everything happens on the loop's thread, nothing blocks, and frames have neither preamble nor checksum.
#ifndef COMPONENTS_ETHERNET_WIRE_H_
#define COMPONENTS_ETHERNET_WIRE_H_

#include <inet/offload.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>
#include <zircon/types.h>

#define ETHERNET_MAC_BYTES 6u
#define ETHERNET_HEADER_BYTES 14u
#define ETHERNET_VLAN_TAG_BYTES 4u

// The longest frame there is, as a run of segments.
#define WIRE_FRAME_MAX (UINT16_MAX + ETHERNET_HEADER_BYTES + ETHERNET_VLAN_TAG_BYTES)

// What a wire tells the device. They are called from the loop or from inside `send_done`, never from inside
// `send`; and from inside `send_done` only when the wire needs the frames of the batch no more,
// `receive_done` is.
typedef struct wire_events {
  // Whether a frame could be delivered now. A wire asks before each; after false it keeps its frames until
  // `resume`.
  bool (*can_receive)(void* context);
  // Delivers one frame of at most WIRE_FRAME_MAX, with what `header` says of it. Both are the wire's again
  // when this returns.
  void (*receive)(void* context, const offload_header_t* header, const uint8_t* frame, size_t length);
  // Where the wire may put the next frame itself, without its header: two pieces of memory of the device's
  // only client at most, which can change at any time. Returns how many; 0: there are none, and `receive` is
  // to be used. Before each frame; after `can_receive` there is more often one.
  size_t (*place)(void* context, struct iovec out[2]);
  // Delivers a frame of `length` bytes that lies in the pieces of `place`.
  void (*placed)(void* context, const offload_header_t* header, size_t length);
  // Ends a batch of frames, of at most WIRE_BATCH: now the clients are told.
  void (*receive_done)(void* context);
  // The link carries frames, or no longer does.
  void (*status)(void* context, bool online);
  // The wire is gone for good, as when its device was removed. The status was told before.
  void (*lost)(void* context);
} wire_events_t;

// The most frames a wire delivers before it lets the loop look after others.
#define WIRE_BATCH 64u

typedef struct wire wire_t;

typedef struct wire_ops {
  // Begins to carry frames and to call `events` with `context`, both of which outlive the wire. Called once.
  zx_status_t (*start)(wire_t* wire, const wire_events_t* events, void* context);

  // Sends one frame of ETHERNET_HEADER_BYTES or more, up to the device's mtu with header and VLAN tag, or a
  // run of segments. `header` is valid for the wire's offloads; `frame` is memory that its sender can change
  // at any time: each byte is read once, or copied first. It stays there until the batch is ended, and until
  // then the device's clients are not told of anything, at most WIRE_BATCH frames. ZX_OK: it is on its way.
  // Any error: it was dropped.
  zx_status_t (*send)(wire_t* wire, const offload_header_t* header, const uint8_t* frame, size_t length);

  // Ends a batch of frames to send.
  void (*send_done)(wire_t* wire);

  // What incoming frames may ask of the clients from now on, a part of `receive_offloads`; 0 at first. Frames
  // under way may still ask for more. NULL if there are none.
  void (*accept)(wire_t* wire, uint32_t offloads);

  // A frame can be delivered again after `can_receive` had said no.
  void (*resume)(wire_t* wire);

  // The last client has gone: what clients have begun at the other end is over, but for what they had sent.
  // NULL: that makes no difference.
  void (*deserted)(wire_t* wire);

  // Whether something that was sent is still here, and would be lost with the wire. NULL: never.
  bool (*is_unfinished)(const wire_t* wire);

  // Stops and frees the wire; no event comes any more. Also for a wire that was never started.
  void (*destroy)(wire_t* wire);
} wire_ops_t;

// The head of every kind of wire.
struct wire {
  const wire_ops_t* ops;
  uint32_t transmit_offloads;  // OFFLOAD_*: what `send` does
  uint32_t receive_offloads;   // what can be asked for with `accept`
};

#endif  // COMPONENTS_ETHERNET_WIRE_H_
