// fuchsia.posix.socket.Provider: one connection to it is one client, which owns and pays for the sockets it
// makes.
//
// A client outlives its connection: sockets may have been passed on, and they keep their owner until the last
// is gone.
#ifndef COMPONENTS_NETSTACK_PROVIDER_H_
#define COMPONENTS_NETSTACK_PROVIDER_H_

#include <stdint.h>
#include <zircon/types.h>

#include <tcpip/tcpip.h>

typedef struct netstack netstack_t;
typedef struct provider_list provider_list_t;
typedef struct provider_client provider_client_t;
typedef struct fast_datagram_states fast_datagram_states_t;

enum {
  PROVIDER_CLIENTS_MAX = 256,  // at once; further connections are refused with ZX_ERR_NO_RESOURCES
  // What sockets and the connections to them take of the process's descriptors.
  PROVIDER_SOCKET_DESCRIPTORS = 7,
  PROVIDER_STREAM_DESCRIPTORS = 2,
  PROVIDER_FAST_DATAGRAM_DESCRIPTORS = 2,
  PROVIDER_CONNECTION_DESCRIPTORS = 1,
};

// All clients of a netstack. Until provider_list_open is called, or some seconds have passed, their requests
// wait. ZX_ERR_NO_MEMORY, ZX_ERR_BAD_STATE.
zx_status_t provider_list_create(netstack_t* netstack, provider_list_t** out);

// Refuses connections that still wait and frees. All bindings must be over. NULL is fine.
void provider_list_destroy(provider_list_t* list);

// Begins to answer requests. Again is fine.
void provider_list_open(provider_list_t* list);

// Makes a client of `server_end` (consumed).
void provider_list_add(provider_list_t* list, zx_handle_t server_end);

// For sockets: their client's place in the engine, and a share in its life.
netstack_t* provider_client_netstack(const provider_client_t* client);
tcpip_client_t* provider_client_engine(const provider_client_t* client);
// The memory that shows the state of its fast datagram sockets; NULL if there is none to be had.
fast_datagram_states_t* provider_client_states(provider_client_t* client);
void provider_client_acquire(provider_client_t* client);
void provider_client_release(provider_client_t* client);

// Takes descriptors on the client's account. False: it has its share. A client may have half of what all
// others leave, so that there is always something for the next one.
bool provider_client_charge(provider_client_t* client, uint32_t descriptors);
void provider_client_refund(provider_client_t* client, uint32_t descriptors);

#endif  // COMPONENTS_NETSTACK_PROVIDER_H_
