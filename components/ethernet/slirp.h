// The unprivileged wire: a gateway that is a process. It needs no right but to be in the host's network
// namespace.
//
// Behind the link stands one host that answers for all others: a second TCP/IP engine (<tcpip/tcpip.h>),
// whose sockets stand in for every address. What a client says to one of them goes on through an ordinary
// socket of the host, and what comes back there comes back over the link from the address that was meant:
//
//   streams     are answered when the host's own connection is there; a connection that the host cannot make
//               is refused as it was refused there. Both ways at their readers' speed; either side may shut
//               down first; a reset goes through. An urgent byte goes as any other.
//   datagrams   of one port leave from one port of the host, whoever they are for, and everybody may answer
//               there (RFC 4787: endpoint-independent mapping and filtering). ICMP errors come back.
//   pings       where the host lets programs ping (net.ipv4.ping_group_range); others are answered by
//               "administratively prohibited".
//
// The link: networks 10.0.2.0/24 and fec0::/64 with the gateway at .2 and a name server at .3, whose port 53
// is that of the host's first name server (/etc/resolv.conf). The gateway's address leads to the host's
// loopback unless that is switched off; link-local addresses of the host's networks, such as 169.254.169.254,
// lead nowhere. There is no DHCP: a client takes an address, such as .15.
#ifndef COMPONENTS_ETHERNET_SLIRP_H_
#define COMPONENTS_ETHERNET_SLIRP_H_

#include <lib/async/dispatcher.h>
#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

#define SLIRP_WIRE_MTU_MIN 1280u
#define SLIRP_WIRE_MTU_MAX 65520u

// A port of the host that leads to one of the client at .15. What comes through it comes from where it was
// sent; from the gateway's address, if that was the host's loopback or an IPv6 address.
typedef struct slirp_publication {
  int fd;  // a socket of the host, non-blocking: bound, and listening if it is a stream's
  bool datagrams;
  uint16_t port;  // the client's
} slirp_publication_t;

typedef struct slirp_wire_config {
  uint32_t mtu;
  bool host_loopback;       // whether the gateway's address reaches what listens on the host's loopback
  const char* resolv_conf;  // where the host's name servers are written; NULL: /etc/resolv.conf
  const slirp_publication_t* publications;
  size_t publication_count;
} slirp_wire_config_t;

// Makes the wire. `resolv_conf` must outlive it; the publications' descriptors are its own from now on, on
// failure, too. ZX_ERR_INVALID_ARGS: no such mtu. ZX_ERR_NO_MEMORY, ZX_ERR_NO_RESOURCES.
zx_status_t slirp_wire_create(async_dispatcher_t* dispatcher, const slirp_wire_config_t* config,
                              wire_t** out);

#endif  // COMPONENTS_ETHERNET_SLIRP_H_
