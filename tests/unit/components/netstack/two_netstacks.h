// Two netstacks on one loop, joined by a wire, and the applications that use them.
//
// The loop runs in a thread of its own; the test's thread makes synchronous calls as an application would.
// Left is 10.0.0.1/24, right is 10.0.0.2/24; both also have their loopback interface.
#ifndef TESTS_UNIT_COMPONENTS_NETSTACK_TWO_NETSTACKS_H_
#define TESTS_UNIT_COMPONENTS_NETSTACK_TWO_NETSTACKS_H_

#include <fidl/fuchsia.posix.socket.h>
#include <lib/async-loop/loop.h>
#include <pthread.h>

#include "fake_device.h"
#include "netstack.h"

#define SOCKET(NAME) fuchsia_posix_socket_SynchronousDatagramSocket_##NAME

enum { LEFT, RIGHT };

typedef struct two_netstacks {
  async_loop_t* loop;
  pthread_t thread;
  fake_device_t device[2];
  netstack_t* netstack[2];
} two_netstacks_t;

// Makes and starts both. `quota` may be NULL.
void two_netstacks_start(two_netstacks_t* two, const tcpip_quota_t* quota);

// The same, with a limit to the descriptors of all sockets of each.
void two_netstacks_start_limited(two_netstacks_t* two, const tcpip_quota_t* quota, uint32_t descriptors);

// Ends everything.
void two_netstacks_stop(two_netstacks_t* two);

// Calls `function` on the loop's thread and waits until it has returned.
void two_netstacks_do(two_netstacks_t* two, void (*function)(void* context), void* context);

// A connection to a netstack's Provider.
zx_handle_t two_netstacks_provider(two_netstacks_t* two, int side);

// A socket as an application holds it.
typedef struct app_socket {
  zx_handle_t channel;
  zx_handle_t event;
  int fd;
} app_socket_t;

// A new UDP socket of a provider, described. app_socket_open fails the test, app_socket_try returns the
// error.
app_socket_t app_socket_open(zx_handle_t provider, fuchsia_posix_socket_Domain domain);
fuchsia_posix_Errno app_socket_try(zx_handle_t provider, fuchsia_posix_socket_Domain domain,
                                   app_socket_t* out);
void app_socket_describe(app_socket_t* socket);
void app_socket_release(app_socket_t* socket);  // closes the handles without Close

// Each returns 0 or the errno.
fuchsia_posix_Errno app_bind(const app_socket_t* socket, uint8_t last_octet,
                             uint16_t port);  // 0: any address
fuchsia_posix_Errno app_connect(const app_socket_t* socket, uint8_t last_octet, uint16_t port);
fuchsia_posix_Errno app_send(const app_socket_t* socket, uint8_t last_octet, uint16_t port, const void* data,
                             size_t size);  // port 0: to the peer
fuchsia_posix_Errno app_get_error(const app_socket_t* socket);
fuchsia_posix_Errno app_close(const app_socket_t* socket);
uint16_t app_local_port(const app_socket_t* socket);

// What came with a received datagram.
typedef struct app_datagram {
  size_t size;
  uint8_t data[65536];
  bool has_from;
  uint8_t from[4];
  uint16_t from_port;
  uint32_t truncated;
} app_datagram_t;

fuchsia_posix_Errno app_recv(const app_socket_t* socket, uint32_t capacity, bool peek, app_datagram_t* out);

// Waits for a signal on the socket's eventpair and fails the test if it does not come.
void app_wait(const app_socket_t* socket, zx_signals_t signals);

// app_wait for a datagram, then app_recv, which must succeed.
void app_expect(const app_socket_t* socket, app_datagram_t* out);

// 10.0.0.`last_octet`; 127.0.0.1 for 127; 0.0.0.0 for 0.
fuchsia_net_Ipv4SocketAddress app_address(uint8_t last_octet, uint16_t port);

#endif  // TESTS_UNIT_COMPONENTS_NETSTACK_TWO_NETSTACKS_H_
