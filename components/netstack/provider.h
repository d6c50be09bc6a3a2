// fuchsia.posix.socket.Provider: one connection to it is one client, which owns and pays for the sockets it makes.
//
// A client outlives its connection: sockets may have been passed on, and they keep their owner until the last is gone.
#ifndef COMPONENTS_NETSTACK_PROVIDER_H_
#define COMPONENTS_NETSTACK_PROVIDER_H_

#include <stdint.h>
#include <zircon/types.h>

#include <tcpip/tcpip.h>

typedef struct netstack netstack_t;
typedef struct provider_list provider_list_t;
typedef struct provider_client provider_client_t;

enum {
  PROVIDER_CLIENTS_MAX = 256,    // at once; further connections are refused with ZX_ERR_NO_RESOURCES
  PROVIDER_CONNECTIONS_MAX = 4096,  // to the sockets of one client, clones included
};

// All clients of a netstack. Until provider_list_open is called, or some seconds have passed, their requests wait.
// ZX_ERR_NO_MEMORY, ZX_ERR_BAD_STATE.
zx_status_t provider_list_create(netstack_t* netstack, provider_list_t** out);

// Refuses connections that still wait and frees. All bindings must be over. NULL is fine.
void provider_list_destroy(provider_list_t* list);

// Begins to answer requests. Again is fine.
void provider_list_open(provider_list_t* list);

// Makes a client of `server_end` (consumed).
void provider_list_add(provider_list_t* list, zx_handle_t server_end);

// For sockets: their client's place in the engine, and shares in its life and in its number of connections.
netstack_t* provider_client_netstack(const provider_client_t* client);
tcpip_client_t* provider_client_engine(const provider_client_t* client);
void provider_client_acquire(provider_client_t* client);
void provider_client_release(provider_client_t* client);
bool provider_client_connection_begin(provider_client_t* client);  // false: it has as many as it may have
void provider_client_connection_end(provider_client_t* client);

#endif  // COMPONENTS_NETSTACK_PROVIDER_H_
