// DHCP's messages (RFC 2131, options of RFC 2132): what a client sends, and what it understands of a server.
#ifndef COMPONENTS_NETSTACK_DHCP_DHCP_MESSAGE_H_
#define COMPONENTS_NETSTACK_DHCP_DHCP_MESSAGE_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DHCP_SERVER_PORT = 67, DHCP_CLIENT_PORT = 68 };

typedef enum dhcp_type {
  DHCP_DISCOVER = 1,
  DHCP_OFFER = 2,
  DHCP_REQUEST = 3,
  DHCP_DECLINE = 4,
  DHCP_ACK = 5,
  DHCP_NAK = 6,
  DHCP_RELEASE = 7,
} dhcp_type_t;

// IPv4 addresses are numbers in host order; 0: none.
typedef struct dhcp_request {
  dhcp_type_t type;
  uint32_t transaction;
  uint16_t seconds;  // since the client began
  uint8_t mac[6];
  bool broadcast;    // answers have to come by broadcast: the client has no address yet
  uint32_t client;   // ciaddr, the address that the client has
  uint32_t address;  // the requested address
  uint32_t server;   // the server identifier
} dhcp_request_t;

// A BOOTP message of the least size that relays take (RFC 1542, 2.1).
#define DHCP_REQUEST_BYTES 300u

// Writes DHCP_REQUEST_BYTES bytes.
void dhcp_request_write(const dhcp_request_t* request, uint8_t out[DHCP_REQUEST_BYTES]);

#define DHCP_ROUTERS_MAX 4u
#define DHCP_NAME_SERVERS_MAX 3u
#define DHCP_FOR_EVER UINT32_MAX

typedef struct dhcp_reply {
  dhcp_type_t type;
  uint32_t transaction;
  uint32_t address;  // yiaddr
  uint32_t server;   // the server identifier
  uint32_t mask;
  uint32_t routers[DHCP_ROUTERS_MAX];
  size_t router_count;
  uint32_t name_servers[DHCP_NAME_SERVERS_MAX];
  size_t name_server_count;
  uint32_t lease_s, renew_s, rebind_s;  // 0: not told
} dhcp_reply_t;

// Reads a message of a server's for the client with that hardware address. False if it is none, or damaged,
// or for somebody else. Options are put together where they come in parts (RFC 3396) or beside their place
// (option overload); unknown ones are passed over.
bool dhcp_reply_read(const uint8_t* bytes, size_t length, const uint8_t mac[6], dhcp_reply_t* out);

#endif  // COMPONENTS_NETSTACK_DHCP_DHCP_MESSAGE_H_
