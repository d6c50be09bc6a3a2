#include "lease.h"

#include <errno.h>
#include <inet/bytes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <zircon/syscalls.h>

#include "dhcp_client.h"
#include "socket_base.h"

// Messages that are read in one go before others get their turn.
enum { INPUT_MAX = 16 };

// For the server's hardware address, when a lease is given back.
static const zx_duration_t release_patience_ns = ZX_MSEC(200);

struct lease {
  socket_base_t base;  // as the engine's events expect it; it has no connections
  netstack_t* netstack;
  dhcp_client_t client;
  tcpip_client_t* owner;
  uint32_t interface;
  async_task_t timer, input;
  bool timer_set, input_set;
  zx_time_t release_deadline;  // 0: it is not to be released
  // What is on the interface.
  tcpip_subnet_t address;
  tcpip_route_t route;
};

static tcpip_address_t address_of(uint32_t number) {
  uint8_t bytes[4];
  be32_put(bytes, number);
  return tcpip_ipv4(bytes);
}

static uint8_t prefix_of(uint32_t mask) {
  return (uint8_t)__builtin_popcount(mask);
}

// The socket

static int open_socket(lease_t* lease) {
  const tcpip_endpoint_t local = {.address = address_of(0), .port = DHCP_CLIENT_PORT};
  if (lease->base.endpoint) return 0;
  tcpip_socket_t* socket;
  int error = tcpip_socket_create(lease->owner, TCPIP_IPV4, TCPIP_UDP, &lease->base, &socket);
  if (error) return error;
  error = tcpip_socket_set(socket, TCPIP_BIND_TO_DEVICE, lease->interface);
  if (!error) error = tcpip_socket_set(socket, TCPIP_BROADCAST, 1);
  if (!error) error = tcpip_socket_bind(socket, &local);
  if (error) {
    tcpip_socket_destroy(socket);
  } else {
    lease->base.endpoint = socket;
  }
  return error;
}

static void send_message(void* context, uint32_t server, const uint8_t* message) {
  const lease_t* lease = context;
  const tcpip_endpoint_t to = {.address = address_of(server ? server : UINT32_MAX), .port = DHCP_SERVER_PORT};
  const struct iovec iov = {(void*)(uintptr_t)message, DHCP_REQUEST_BYTES};
  const tcpip_send_t send = {.iov = &iov, .iov_count = 1, .to = &to, .ttl = -1, .tos = -1};
  if (lease->base.endpoint) (void)tcpip_socket_send(lease->base.endpoint, &send);  // it is sent again
}

// What is on the interface

static void remove_lease(lease_t* lease) {
  tcpip_t* engine = netstack_engine(lease->netstack);
  if (lease->route.interface != 0) (void)tcpip_route_remove(engine, &lease->route);
  if (lease->address.prefix_length != 0)
    (void)tcpip_address_remove(engine, lease->interface, &lease->address.address);
  lease->route.interface = 0;
  lease->address.prefix_length = 0;
}

static void log_lease(lease_t* lease, const dhcp_lease_t* granted) {
  char address[TCPIP_ADDRESS_TEXT_SIZE], server[TCPIP_ADDRESS_TEXT_SIZE],
      text[TCPIP_ADDRESS_TEXT_SIZE] = "none";
  tcpip_address_t from = address_of(granted->server), name_server = address_of(granted->name_servers[0]);
  tcpip_address_format(&lease->address.address, address);
  tcpip_address_format(&from, server);
  if (granted->name_server_count > 0) tcpip_address_format(&name_server, text);
  netstack_log(lease->netstack,
               "%s: %s/%u from the DHCP server %s, which names %u gateways and the name server %s",
               netstack_configuration(lease->netstack)->interface_name, address, lease->address.prefix_length,
               server, (unsigned)granted->router_count, text);
}

static void add_lease(lease_t* lease, const dhcp_lease_t* granted) {
  tcpip_t* engine = netstack_engine(lease->netstack);
  lease->address = (tcpip_subnet_t){address_of(granted->address), prefix_of(granted->mask)};
  int error = tcpip_address_add(engine, lease->interface, &lease->address, false);
  if (error != 0 && error != -EEXIST) lease->address.prefix_length = 0;
  lease->route = (tcpip_route_t){.destination = {.address = {.family = TCPIP_IPV4}},
                                 .gateway = address_of(granted->routers[0]),
                                 .interface = granted->router_count > 0 ? lease->interface : 0};
  if (granted->router_count > 0 && tcpip_route_add(engine, &lease->route) != 0) lease->route.interface = 0;
  log_lease(lease, granted);
}

static bool is_same_place(const lease_t* lease, const dhcp_lease_t* granted) {
  tcpip_address_t address = address_of(granted->address), router = address_of(granted->routers[0]);
  bool has_route = lease->route.interface != 0;
  return tcpip_address_equal(&lease->address.address, &address) &&
         lease->address.prefix_length == prefix_of(granted->mask) &&
         has_route == (granted->router_count > 0) &&
         (!has_route || tcpip_address_equal(&lease->route.gateway, &router));
}

// Connections stay if only the server, or what else it names, is another one.
static void lease_changed(void* context, const dhcp_lease_t* granted) {
  lease_t* lease = context;
  if (granted && is_same_place(lease, granted)) return;
  if (!granted && lease->address.prefix_length != 0)
    netstack_log(lease->netstack, "%s: the lease of the IPv4 address is over",
                 netstack_configuration(lease->netstack)->interface_name);
  remove_lease(lease);
  if (!granted) return;
  add_lease(lease, granted);
}

static const dhcp_ops_t dhcp_ops = {.send = send_message, .changed = lease_changed};

// Time and turns

static void set_timer(lease_t* lease) {
  async_dispatcher_t* dispatcher = netstack_dispatcher(lease->netstack);
  int64_t deadline = dhcp_client_deadline(&lease->client);
  if (lease->timer_set) (void)async_cancel_task(dispatcher, &lease->timer);
  lease->timer.deadline = deadline;
  lease->timer_set = deadline != DHCP_NEVER && async_post_task(dispatcher, &lease->timer) == ZX_OK;
}

static void timer_due(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status) {
  lease_t* lease = (void*)((char*)task - offsetof(lease_t, timer));
  lease->timer_set = false;
  if (status != ZX_OK) return;
  netstack_enter(lease->netstack);
  dhcp_client_run(&lease->client, zx_clock_get_monotonic());
  netstack_leave(lease->netstack);
  set_timer(lease);
}

static void input_due(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status) {
  lease_t* lease = (void*)((char*)task - offsetof(lease_t, input));
  uint8_t bytes[2048];
  lease->input_set = false;
  if (status != ZX_OK || !lease->base.endpoint) return;
  netstack_enter(lease->netstack);
  for (int i = 0; i < INPUT_MAX; i++) {
    const struct iovec iov = {bytes, sizeof(bytes)};
    tcpip_recv_t received = {.iov = &iov, .iov_count = 1};
    int64_t length = tcpip_socket_recv(lease->base.endpoint, &received);
    if (length == -EAGAIN) break;
    if (length > 0 && received.from.port == DHCP_SERVER_PORT)
      dhcp_client_input(&lease->client, bytes, (size_t)length, zx_clock_get_monotonic());
  }
  bool more = tcpip_socket_poll(lease->base.endpoint) & TCPIP_EVENT_READABLE;
  netstack_leave(lease->netstack);
  if (lease_has_address(lease)) netstack_configured(lease->netstack);
  if (more && !lease->input_set) lease->input_set = async_post_task(dispatcher, &lease->input) == ZX_OK;
  set_timer(lease);
}

static void socket_event(socket_base_t* base, uint32_t events) {
  lease_t* lease = (lease_t*)base;
  if (!(events & (TCPIP_EVENT_READABLE | TCPIP_EVENT_ERROR)) || lease->input_set) return;
  lease->input_set = async_post_task(netstack_dispatcher(lease->netstack), &lease->input) == ZX_OK;
}

static const socket_kind_t lease_kind = {.event = socket_event};

zx_status_t lease_create(netstack_t* netstack, lease_t** out) {
  uint64_t random;
  if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random)) return ZX_ERR_NO_RESOURCES;
  lease_t* lease = calloc(1, sizeof(*lease));
  if (!lease) return ZX_ERR_NO_MEMORY;
  if (tcpip_client_create(netstack_engine(netstack), NULL, &lease->owner) != 0) {
    free(lease);
    return ZX_ERR_NO_MEMORY;
  }
  lease->base.kind = &lease_kind;
  lease->netstack = netstack;
  lease->timer.handler = timer_due;
  lease->input.handler = input_due;
  dhcp_client_init(&lease->client, &dhcp_ops, lease, random);
  *out = lease;
  return ZX_OK;
}

void lease_destroy(lease_t* lease) {
  if (!lease) return;
  async_dispatcher_t* dispatcher = netstack_dispatcher(lease->netstack);
  if (lease->timer_set) (void)async_cancel_task(dispatcher, &lease->timer);
  if (lease->input_set) (void)async_cancel_task(dispatcher, &lease->input);
  tcpip_socket_destroy(lease->base.endpoint);
  tcpip_client_destroy(lease->owner);
  free(lease);
}

void lease_up(lease_t* lease, uint32_t interface, const uint8_t mac[LINK_MAC_SIZE]) {
  lease->interface = interface;
  int error = open_socket(lease);
  if (error != 0)
    netstack_log(lease->netstack, "%s: no socket for DHCP: %s",
                 netstack_configuration(lease->netstack)->interface_name, strerror(-error));
  dhcp_client_up(&lease->client, mac, zx_clock_get_monotonic());
  set_timer(lease);
}

void lease_down(lease_t* lease) {
  dhcp_client_down(&lease->client);
  set_timer(lease);
}

bool lease_has_address(const lease_t* lease) {
  return lease->address.prefix_length != 0;
}

bool lease_release(lease_t* lease) {
  size_t waiting = 0;
  if (lease->release_deadline == 0) {
    lease->release_deadline = zx_deadline_after(release_patience_ns);
    dhcp_client_release(&lease->client, zx_clock_get_monotonic());
    set_timer(lease);
  }
  tcpip_client_usage(lease->owner, NULL, &waiting);
  return waiting == 0 || zx_clock_get_monotonic() >= lease->release_deadline;
}
