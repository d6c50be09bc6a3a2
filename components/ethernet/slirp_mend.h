// What libslirp gets wrong in the frames it makes.
#ifndef COMPONENTS_ETHERNET_SLIRP_MEND_H_
#define COMPONENTS_ETHERNET_SLIRP_MEND_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The longest frame that is ever mended.
#define SLIRP_MEND_MAX 2048u

// Whether the frame is an ICMP error that claims to come from the loopback address. libslirp passes on the
// errors that the host's kernel reports with the source the kernel saw: for a service on the host's loopback
// that is 127.0.0.1 or
// ::1, which no host may accept from a wire (RFC 1122, 3.2.1.3; RFC 4291, 2.5.3).
bool slirp_needs_mending(const uint8_t* frame, size_t length);

// Makes it come from the gateway, the address under which the wire offers the host's loopback. `frame` is one
// that slirp_needs_mending.
void slirp_mend(uint8_t* frame, size_t length);

#endif  // COMPONENTS_ETHERNET_SLIRP_MEND_H_
