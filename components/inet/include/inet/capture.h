// Frames for Wireshark, tcpdump and their like: a file as libpcap has them (draft-ietf-opsawg-pcap), of link
// type Ethernet, with nanoseconds, in the byte order of this machine. Frames are as they are handed to a
// device: runs of segments are one frame, and a checksum that the device computes is not there yet.
#ifndef INET_CAPTURE_H_
#define INET_CAPTURE_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

typedef struct capture capture_t;

// Writes what such a file begins with. False with errno. May block.
bool capture_begin(int fd);

// Begins to record frames into a file that capture_begin() was called for, which becomes non-blocking. The
// descriptor stays the caller's, and open as long as the capture. NULL if there is no memory.
capture_t* capture_create(int fd);

// Records a frame of `length` bytes with the present time: it is written with the next capture_flush(). One
// that finds no room, because who reads the file is slow, is lost and counted. Never blocks.
void capture_frame(capture_t* capture, const struct iovec* iov, size_t iov_count, size_t length);

// Writes what has been recorded, as far as it goes without waiting. Costs nothing if that is nothing.
void capture_flush(capture_t* capture);

// How many frames were lost, and the errno that writing ended with (0: it has not).
uint64_t capture_lost(const capture_t* capture);
int capture_error(const capture_t* capture);

// Writes what is left, for which it waits a second at most. Accepts NULL.
void capture_destroy(capture_t* capture);

#endif  // INET_CAPTURE_H_
