// Checksum and segmentation work that travels with a frame: the header that virtio-net puts before each
// (OASIS virtio 1.2, 5.1.6), what it may say, and doing in software what it asks for.
//
// Whoever hands a header on and whoever takes one check it with the same function; a header that has passed
// says nothing that the frame's length contradicts. What it says about the frame's contents is believed by
// nobody: offload_split looks for itself.
#ifndef INET_OFFLOAD_H_
#define INET_OFFLOAD_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

// What one side does for the other.
enum {
  OFFLOAD_CHECKSUM = 1,  // completes, or takes, partial TCP and UDP checksums
  OFFLOAD_TSO = 2,       // segments, or takes, runs of TCP segments
  OFFLOAD_USO = 4,       // segments, or takes, runs of UDP datagrams
  OFFLOAD_ALL = OFFLOAD_CHECKSUM | OFFLOAD_TSO | OFFLOAD_USO,
};

enum { OFFLOAD_NEEDS_CHECKSUM = 1, OFFLOAD_DATA_VALID = 2 };                                       // flags
enum { OFFLOAD_GSO_NONE = 0, OFFLOAD_GSO_TCPV4 = 1, OFFLOAD_GSO_TCPV6 = 4, OFFLOAD_GSO_UDP = 5 };  // gso_type

// In the machine's byte order. All zero: an ordinary frame.
typedef struct offload_header {
  uint8_t flags;
  uint8_t gso_type;
  uint16_t header_length;  // a hint, ignored here
  uint16_t gso_size;       // payload bytes of each segment but the last
  uint16_t checksum_start;
  uint16_t checksum_offset;
} offload_header_t;

#define OFFLOAD_HEADER_BYTES sizeof(offload_header_t)

// The most frames that one may stand for.
#define OFFLOAD_SEGMENTS_MAX 2048u

// Whether `header` may stand before a frame of `length` bytes where `offloads` were agreed on: flags and type
// are known and agreed on, the checksum lies within the frame, and the segments are no more than
// OFFLOAD_SEGMENTS_MAX.
bool offload_header_valid(const offload_header_t* header, uint32_t offloads, size_t length);

// Whether `header` leaves nothing to be done for a receiver that knows no offloads.
static inline bool offload_is_plain(const offload_header_t* header) {
  return !(header->flags & OFFLOAD_NEEDS_CHECKSUM) && header->gso_type == OFFLOAD_GSO_NONE;
}

// The longest headers of a frame that is to be segmented: Ethernet, IPv4 or IPv6, TCP with all options.
#define OFFLOAD_HEADERS_MAX (14u + 60u + 60u)

// A frame on its way to be split into ordinary ones.
typedef struct offload_split {
  uint8_t headers[OFFLOAD_HEADERS_MAX];  // a private copy
  size_t header_bytes;                   // 0: the frame is one whole, only its checksum may be missing
  size_t network;                        // where the IP header begins
  size_t transport;
  size_t transport_bytes;  // of the transport's header
  bool v4;
  bool tcp;
  size_t payload;  // bytes left
  size_t step;     // payload of each but the last
  uint32_t count;  // frames left
  uint32_t index;  // of the next
  size_t whole_length;
  offload_header_t header;
  const struct iovec* iov;  // what is left of the frame, from `iov_offset` on
  size_t iov_count;
  size_t iov_offset;
} offload_split_t;

// Begins to split the frame of `length` bytes in `iov`, which has to last until the end, and whose headers
// are read once. `header` has passed offload_header_valid. False: the frame isn't what its header says, or
// has headers that this doesn't know (VLAN tags, IPv6 extensions, fragments).
bool offload_split_begin(offload_split_t* split, const offload_header_t* header, const struct iovec* iov,
                         size_t iov_count, size_t length);

// The most bytes that any of the frames has.
size_t offload_split_bytes_max(const offload_split_t* split);

// Writes the next frame, complete with lengths and checksums, to `out`, which has room for
// offload_split_bytes_max. Returns its length, 0 after the last one.
size_t offload_split_next(offload_split_t* split, uint8_t* out);

#endif  // INET_OFFLOAD_H_
