// See slirp_world.h.
#include "slirp_world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jx_test.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <tcpip/offload.h>
#include <unistd.h>
#include <zircon/syscalls.h>

static bool can_receive(void* context) {
  const world_t* world = context;
  return world->open;
}

static void take(world_t* world, const offload_header_t* header, const uint8_t* frame, size_t length) {
  const tcpip_offload_t offload = tcpip_offload_from_header(header);
  world->received_frames++;
  if (length > world->longest_frame) world->longest_frame = length;
  tcpip_set_time(world->engine, zx_clock_get_monotonic());
  tcpip_input(world->engine, world->interface, frame, length, &offload);
}

static void receive(void* context, const offload_header_t* header, const uint8_t* frame, size_t length) {
  take(context, header, frame, length);
}

static size_t place(void* context, struct iovec out[2]) {
  world_t* world = context;
  if (!world->open || !world->places) return 0;
  out[0] = (struct iovec){world->place, 50};
  out[1] = (struct iovec){world->place + 50, sizeof(world->place) - 50};
  return 2;
}

static void placed(void* context, const offload_header_t* header, size_t length) {
  world_t* world = context;
  take(world, header, world->place, length);
}

static void receive_done(void* context) {}

static void status_changed(void* context, bool online) {
  ck_assert(online);
}

static void lost(void* context) {
  ck_abort_msg("a slirp wire is never lost");
}

static const wire_events_t events = {.can_receive = can_receive,
                                     .receive = receive,
                                     .place = place,
                                     .placed = placed,
                                     .receive_done = receive_done,
                                     .status = status_changed,
                                     .lost = lost};

static int transmit(void* context, uint32_t interface, const struct iovec* iov, size_t iov_count,
                    const tcpip_offload_t* offload) {
  world_t* world = context;
  if (world->frame_count == WORLD_FRAMES) return -EAGAIN;
  world_frame_t* frame = &world->frames[world->frame_count++];
  frame->header = tcpip_offload_to_header(offload);
  frame->length = 0;
  for (size_t i = 0; i < iov_count; frame->length += iov[i++].iov_len)
    memcpy(frame->bytes + frame->length, iov[i].iov_base, iov[i].iov_len);
  return 0;
}

static void add_address(world_t* world, const char* address, uint8_t prefix_length, const char* gateway) {
  tcpip_subnet_t subnet = {.prefix_length = prefix_length};
  tcpip_route_t route = {.interface = world->interface};
  ck_assert(tcpip_address_parse(address, &subnet.address));
  ck_assert(tcpip_address_parse(gateway, &route.gateway));
  route.destination.address.family = subnet.address.family;
  ck_assert_int_eq(tcpip_address_add(world->engine, world->interface, &subnet, true), 0);
  ck_assert_int_eq(tcpip_route_add(world->engine, &route), 0);
}

static void create_client(world_t* world, uint32_t mtu) {
  tcpip_config_t config = {
      .ops.transmit = transmit, .context = world, .secret = {7}, .now_ns = zx_clock_get_monotonic()};
  ck_assert_int_eq(tcpip_create(&config, &world->engine), 0);
  const tcpip_quota_t quota = {.sockets = 4096, .buffer_bytes = 64 << 20};
  ck_assert_int_eq(tcpip_client_create(world->engine, &quota, &world->client), 0);
  tcpip_interface_config_t interface = {
      .name = "eth",
      .mac = {2, 0, 0, 0, 0, 1},
      .mtu = mtu,
      .link_features = TCPIP_LINK_TX_CHECKSUM | TCPIP_LINK_TX_TSO | TCPIP_LINK_TX_USO};
  ck_assert_int_eq(tcpip_interface_add(world->engine, &interface, &world->interface), 0);
  ck_assert_int_eq(tcpip_interface_set_up(world->engine, world->interface, true), 0);
  add_address(world, "10.0.2.15", 24, "10.0.2.2");
  add_address(world, "fec0::15", 64, "fec0::2");
}

void world_init(world_t* world, const world_config_t* config) {
  memset(world, 0, offsetof(world_t, frames));
  world->frame_count = 0;
  world->open = world->places = true;
  slirp_wire_config_t wire = {.mtu = config->mtu ? config->mtu : 1500,
                              .host_loopback = !config->no_loopback,
                              .resolv_conf = config->resolv_conf,
                              .publications = config->publication,
                              .publication_count = config->publication ? 1 : 0};
  create_client(world, wire.mtu);
  ck_assert_int_eq(async_loop_create(NULL, &world->loop), ZX_OK);
  ck_assert_int_eq(slirp_wire_create(async_loop_get_dispatcher(world->loop), &wire, &world->wire), ZX_OK);
  ck_assert_int_eq(world->wire->ops->start(world->wire, &events, world), ZX_OK);
  world->wire->ops->accept(world->wire, config->offloads);
}

void world_deinit(world_t* world) {
  async_loop_shutdown(world->loop);
  world->wire->ops->destroy(world->wire);
  async_loop_destroy(world->loop);
  tcpip_destroy(world->engine);
}

bool world_send(world_t* world) {
  if (world->frame_count == 0) return false;
  for (size_t i = 0; i < world->frame_count; i++) {
    const world_frame_t* frame = &world->frames[i];
    ck_assert_int_eq(world->wire->ops->send(world->wire, &frame->header, frame->bytes, frame->length), ZX_OK);
  }
  // No room for what the client answers meanwhile: the wire still reads these frames.
  world->frame_count = WORLD_FRAMES;
  world->wire->ops->send_done(world->wire);
  world->frame_count = 0;
  tcpip_link_writable(world->engine, world->interface);
  return true;
}

void world_step(world_t* world) {
  bool busy = world_send(world);
  tcpip_advance(world->engine, zx_clock_get_monotonic());
  if (world->frame_count > 0) busy = true;
  (void)async_loop_run(world->loop, busy ? 0 : zx_deadline_after(ZX_MSEC(1)), true);
}

tcpip_endpoint_t world_endpoint(const char* address, uint16_t port) {
  tcpip_endpoint_t endpoint = {.port = port};
  ck_assert(tcpip_address_parse(address, &endpoint.address));
  return endpoint;
}

int world_host_socket(int family, int type, uint16_t* out_port) {
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  struct sockaddr* address = family == AF_INET ? (struct sockaddr*)&in : (struct sockaddr*)&in6;
  socklen_t length = family == AF_INET ? sizeof(in) : sizeof(in6);
  int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || bind(fd, address, length) != 0) {
    if (fd >= 0) close(fd);
    return -1;
  }
  if (type == SOCK_STREAM) ck_assert_int_eq(listen(fd, 1024), 0);
  ck_assert_int_eq(getsockname(fd, address, &length), 0);
  *out_port = ntohs(family == AF_INET ? in.sin_port : in6.sin6_port);
  return fd;
}
