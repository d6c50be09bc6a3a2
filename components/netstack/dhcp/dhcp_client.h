// A DHCP client (RFC 2131) without input or output: messages, events and the time go in; messages, the lease
// and the next deadline come out.
//
// It takes the first offer. A lease is renewed with its server after half its time and with any server after
// seven eighths, unless the server says otherwise, and given up when it ends. When the link comes back, the
// client asks for the address that it had; if nobody answers, it keeps it as long as its lease.
#ifndef COMPONENTS_NETSTACK_DHCP_DHCP_CLIENT_H_
#define COMPONENTS_NETSTACK_DHCP_DHCP_CLIENT_H_

#include "dhcp_message.h"

typedef struct dhcp_lease {
  uint32_t address, mask;  // in host order
  uint32_t server;
  uint32_t routers[DHCP_ROUTERS_MAX];
  size_t router_count;
  uint32_t name_servers[DHCP_NAME_SERVERS_MAX];
  size_t name_server_count;
} dhcp_lease_t;

typedef struct dhcp_ops {
  // Sends a message of DHCP_REQUEST_BYTES from the client's port to the servers': to `server`, or by
  // broadcast if that is 0. With the lease's address, or from 0.0.0.0 without one.
  void (*send)(void* context, uint32_t server, const uint8_t* message);
  // There is a lease, another one than before, or none any more (NULL).
  void (*changed)(void* context, const dhcp_lease_t* lease);
} dhcp_ops_t;

typedef enum dhcp_state {
  DHCP_OFF,
  DHCP_SELECTING,   // asks who has an address
  DHCP_REQUESTING,  // has asked for an offered one
  DHCP_REBOOTING,   // asks for the one it had
  DHCP_BOUND,
  DHCP_RENEWING,
  DHCP_REBINDING,
} dhcp_state_t;

typedef struct dhcp_client {
  const dhcp_ops_t* ops;
  void* context;
  uint64_t random;
  uint8_t mac[6];
  dhcp_state_t state;
  uint32_t transaction;
  int64_t begun_ns;     // when the client began to ask
  int64_t asked_ns;     // when it first sent the request that is answered next: leases count from there
  int64_t deadline_ns;  // when dhcp_client_run is to be called
  unsigned tries;
  uint32_t offered, offering_server;
  bool has_lease;
  dhcp_lease_t lease;
  int64_t renew_ns, rebind_ns, end_ns;
} dhcp_client_t;

#define DHCP_NEVER INT64_MAX

// Begins off, without a lease. `random` is a seed that nobody can guess. `ops` stays the caller's.
void dhcp_client_init(dhcp_client_t* client, const dhcp_ops_t* ops, void* context, uint64_t random);

// The link carries frames, with this hardware address; or does not.
void dhcp_client_up(dhcp_client_t* client, const uint8_t mac[6], int64_t now_ns);
void dhcp_client_down(dhcp_client_t* client);

// A datagram that has come to the client's port.
void dhcp_client_input(dhcp_client_t* client, const uint8_t* bytes, size_t length, int64_t now_ns);

// When dhcp_client_run is to be called next; DHCP_NEVER.
int64_t dhcp_client_deadline(const dhcp_client_t* client);
void dhcp_client_run(dhcp_client_t* client, int64_t now_ns);

// Gives the lease back, if there is one, and stops.
void dhcp_client_release(dhcp_client_t* client, int64_t now_ns);

#endif  // COMPONENTS_NETSTACK_DHCP_DHCP_CLIENT_H_
