// The netstack's static configuration, from its arguments.
#ifndef COMPONENTS_NETSTACK_CONFIG_H_
#define COMPONENTS_NETSTACK_CONFIG_H_

#include <stddef.h>

#include <tcpip/tcpip.h>

enum { CONFIG_ADDRESSES_MAX = 16, CONFIG_GATEWAYS_MAX = 8, CONFIG_MTU_MIN = 576 };

typedef struct netstack_config {
  char interface_name[TCPIP_INTERFACE_NAME_SIZE];
  tcpip_subnet_t addresses[CONFIG_ADDRESSES_MAX];
  size_t address_count;
  tcpip_address_t gateways[CONFIG_GATEWAYS_MAX];
  size_t gateway_count;
  bool dhcp;                          // an IPv4 address comes from a DHCP server
  bool slaac;                         // IPv6 addresses and routes come from the link's routers
  uint8_t secret[TCPIP_SECRET_SIZE];  // that those addresses are formed with; zero: any
  uint32_t mtu;                       // 0: the device's
  bool known_unique;           // addresses are used at once, not probed for duplicates on the link first
  bool synchronous_datagrams;  // each datagram is a request of its program's
  int congestion;              // TCPIP_CONGESTION_* of streams that choose none; 0: the engine's default
  tcpip_quota_t quota;         // of each client; zeroes: the engine's defaults
  int capture;                 // a descriptor that frames are recorded into (inet/capture.h); 0: none
  uint32_t descriptors;        // for the sockets of all clients; 0: as many as they like; set by main.c
} netstack_config_t;

#define CONFIG_ERROR_SIZE 160

// Reads arguments (argv[0] is not looked at):
//   --address=A/N   an address of the interface with its prefix length; may be repeated
//   --address=dhcp  an IPv4 address, and the gateway, as a DHCP server says
//   --address=slaac IPv6 addresses, routes and gateways as the link's routers say
//   --address-secret=HEX
//                   the 32 digits from which --address=slaac makes the last half of addresses, so that they
//                   are the same each time in the same network; drawn at each start if not given
//   --gateway=A     the default route's next hop; may be repeated
//   --mtu=N         at most N bytes in an IP packet, 576 to 65535
//   --interface=S   the interface's name, "eth0" if not given
//   --duplicate-detection=on|off
//                   off: nobody else on the link can have our addresses, so IPv6 ones need no probing for a
//                   second before their first use (RFC 4862, DupAddrDetectTransmits 0); "on" if not given
//   --congestion=cubic|reno|bbr
//                   the congestion control of streams whose program chooses none; "cubic" if not given
//   --capture=FD    every frame is recorded into this descriptor, which inet/capture.h has begun
//   --datagrams=fast|synchronous
//                   whether datagrams pass between programs and the netstack by themselves, or each by a
//                   request; "fast" if not given
//   --sockets=N     how many sockets one client may have
//   --buffers=N     how many bytes one client's sockets may hold
// False: `error` holds a sentence about what is wrong, and `out` is not to be used.
bool netstack_config_parse(int argc, char* const* argv, netstack_config_t* out,
                           char error[CONFIG_ERROR_SIZE]);

#endif  // COMPONENTS_NETSTACK_CONFIG_H_
