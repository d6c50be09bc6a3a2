// What a wire carries of a frame with a segmentation request: its segments, each a packet that can be lost
// alone.
#ifndef TESTS_BENCH_TCP_CUT_H_
#define TESTS_BENCH_TCP_CUT_H_

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VNET_HEADER sizeof(struct virtio_net_hdr)
#define CUT_HEAD_MAX (VNET_HEADER + 14 + 60 + 60)

// A frame as TAP devices with IFF_VNET_HDR give it, header first. It is not copied.
typedef struct cut_frame {
  const uint8_t* bytes;
  size_t length;
  size_t head;     // of it, up to the payload; 0 if this is one packet
  size_t segment;  // payload bytes of each packet but the last
  size_t count;    // packets
} cut_frame_t;

// False if it is no frame, or has a segmentation request other than TCP over IPv4.
bool cut_open(const void* bytes, size_t length, cut_frame_t* out);

// Bytes that packet `index` takes on the wire.
size_t cut_packet_length(const cut_frame_t* frame, size_t index);

// Packets first..first+count-1 as one frame again. Its headers are written to `head`, which has room for
// CUT_HEAD_MAX bytes; their length is returned, and where the payload is in the frame is told. For a frame of
// one packet there are no headers apart: 0 is returned, and all is payload.
size_t cut_packets(const cut_frame_t* frame, size_t first, size_t count, uint8_t* head,
                   const uint8_t** out_payload, size_t* out_payload_length);

#endif  // TESTS_BENCH_TCP_CUT_H_
