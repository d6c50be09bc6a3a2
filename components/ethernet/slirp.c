// The slirp wire; see slirp.h and wire.h. Below the device, above the host's sockets stands a TCP/IP engine
// whose only link is the wire: what the device sends is its input, what it transmits the device receives. The
// files beside this one move what its sockets receive on to the host's, and back.
//
// Frames to send are only noted; when their batch is complete the engine gets them all, where they lie, and
// the streams that have received something pass it on before the device may use the memory again
// (tcpip_lend). So a byte of a stream is copied once on its way to the host, by the kernel.
//
// The device receives at most a batch of frames at a time. What the engine would transmit beyond it, or while
// the device has no buffers, it keeps as any host keeps it whose link is full.
#include "slirp.h"

#include <errno.h>
#include <inet/pieces.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <tcpip/async.h>
#include <tcpip/offload.h>
#include <unistd.h>
#include <zircon/syscalls.h>

#include "slirp_internal.h"

static const uint8_t gateway_mac[ETHERNET_MAC_BYTES] = {0x52, 0x55, 10, 0, 2, SLIRP_GATEWAY};

// One client owns all streams and flows, those in TIME-WAIT included, and all their buffers.
static const tcpip_quota_t quota = {.sockets = 1u << 16, .buffer_bytes = 256u << 20};
static const tcpip_limits_t limits = {.buffer_bytes = 256u << 20};

// Time and turns

void slirp_enter(slirp_wire_t* wire) {
  tcpip_set_time(wire->engine, zx_clock_get_monotonic());
}

// Tells the device's clients of what they have received.
static void deliver(slirp_wire_t* wire) {
  if (wire->delivered == 0) return;
  wire->delivered = 0;
  wire->events->receive_done(wire->context);
}

static bool serve(void* context) {
  slirp_wire_t* wire = context;
  return slirp_turns_serve(&wire->turns);
}

void slirp_leave(slirp_wire_t* wire) {
  bool more = tcpip_take_rounds(wire->engine, serve, wire);
  tcpip_send_acks(wire->engine);
  deliver(wire);
  tcpip_timer_set(&wire->timer, more || wire->held);
}

static void link_is_writable(slirp_wire_t* wire) {
  wire->held = wire->starved = false;
  tcpip_link_writable(wire->engine, wire->interface);
  slirp_flows_resume(wire->flows);
}

static void timer_fired(void* context) {
  slirp_wire_t* wire = context;
  if (wire->held) link_is_writable(wire);
  slirp_leave(wire);
}

// What the engine asks for

// Copies a frame to the places that the device has for it. False if it has none that are large enough.
static bool place(slirp_wire_t* wire, const offload_header_t* header, const struct iovec* iov,
                  size_t iov_count, size_t length) {
  struct iovec parts[2];
  size_t count = wire->events->place(wire->context, parts);
  if (length > pieces_length(parts, count)) return false;
  const struct iovec* part = parts;
  size_t at = 0;
  for (size_t i = 0; i < iov_count; i++) {
    const uint8_t* from = iov[i].iov_base;
    for (size_t left = iov[i].iov_len, piece; left > 0; left -= piece) {
      if (at == part->iov_len) {
        part++;
        at = 0;
      }
      piece = left < part->iov_len - at ? left : part->iov_len - at;
      memcpy((uint8_t*)part->iov_base + at, from, piece);
      from += piece;
      at += piece;
    }
  }
  wire->events->placed(wire->context, header, length);
  return true;
}

static void receive_whole(slirp_wire_t* wire, const offload_header_t* header, const struct iovec* iov,
                          size_t iov_count, size_t length) {
  size_t at = 0;
  for (size_t i = 0; i < iov_count; at += iov[i++].iov_len)
    memcpy(wire->output + at, iov[i].iov_base, iov[i].iov_len);
  wire->events->receive(wire->context, header, wire->output, length);
}

bool slirp_is_open(slirp_wire_t* wire) {
  if (wire->delivered == WIRE_BATCH) {
    wire->held = true;
  } else if (!wire->events->can_receive(wire->context)) {
    wire->starved = true;
  }
  return !wire->held && !wire->starved;
}

static int engine_transmit(void* context, uint32_t interface, const struct iovec* iov, size_t iov_count,
                           const tcpip_offload_t* offload) {
  slirp_wire_t* wire = context;
  const offload_header_t header = tcpip_offload_to_header(offload);
  size_t length = pieces_length(iov, iov_count);
  if (length > WIRE_FRAME_MAX) return -EMSGSIZE;
  if (!wire->events) return -ENETDOWN;
  if (wire->delivered == WIRE_BATCH || !place(wire, &header, iov, iov_count, length)) {
    if (!slirp_is_open(wire)) return -EAGAIN;
    if (!place(wire, &header, iov, iov_count, length)) receive_whole(wire, &header, iov, iov_count, length);
  }
  wire->delivered++;
  return 0;
}

static void engine_socket_event(void* context, tcpip_socket_t* socket, void* socket_context,
                                uint32_t events) {
  slirp_party_t* party = socket_context;
  if (!party) return;
  party->engine_events |= events;
  slirp_party_mark(party);
}

static uint32_t link_features(uint32_t offloads) {
  return (offloads & OFFLOAD_CHECKSUM ? TCPIP_LINK_TX_CHECKSUM : 0u) |
         (offloads & OFFLOAD_TSO ? TCPIP_LINK_TX_TSO : 0u) |
         (offloads & OFFLOAD_USO ? TCPIP_LINK_TX_USO : 0u);
}

// What an entry of the device's can say, with the header that tells of offloads, as one frame.
#define OWN_MTU_MAX (UINT16_MAX - ETHERNET_HEADER_BYTES - (uint32_t)OFFLOAD_HEADER_BYTES)

static tcpip_interface_config_t interface_config(const slirp_wire_t* wire) {
  uint32_t mtu = wire->config.mtu < OWN_MTU_MAX ? wire->config.mtu : OWN_MTU_MAX;
  tcpip_interface_config_t config = {
      .name = "wire", .mtu = mtu, .link_features = link_features(wire->offloads)};
  memcpy(config.mac, gateway_mac, sizeof(config.mac));
  return config;
}

static int open_interface(slirp_wire_t* wire) {
  tcpip_interface_config_t config = interface_config(wire);
  int error = tcpip_interface_add(wire->engine, &config, &wire->interface);
  const uint8_t families[] = {TCPIP_IPV4, TCPIP_IPV6}, hosts[] = {SLIRP_GATEWAY, SLIRP_SERVER};
  for (size_t i = 0; !error && i < 4; i++) {
    tcpip_subnet_t subnet = slirp_subnet(families[i / 2], hosts[i % 2]);
    error = tcpip_address_add(wire->engine, wire->interface, &subnet, true);
  }
  return error;
}

static int create_engine(slirp_wire_t* wire) {
  tcpip_config_t config = {
      .ops = {.transmit = engine_transmit, .socket_event = engine_socket_event},
      .context = wire,
      .now_ns = zx_clock_get_monotonic(),
      .limits = limits,
  };
  if (getrandom(config.secret, sizeof(config.secret), 0) != (ssize_t)sizeof(config.secret)) return -EIO;
  int error = tcpip_create(&config, &wire->engine);
  if (!error) error = tcpip_client_create(wire->engine, &quota, &wire->client);
  if (!error) error = open_interface(wire);
  return error;
}

// The wire

static zx_status_t slirp_wire_start(wire_t* base, const wire_events_t* events, void* context) {
  slirp_wire_t* wire = (slirp_wire_t*)base;
  wire->events = events;
  wire->context = context;
  events->status(context, true);
  slirp_enter(wire);
  (void)tcpip_interface_set_up(wire->engine, wire->interface, true);
  slirp_leave(wire);
  return ZX_OK;
}

static void take_inputs(slirp_wire_t* wire) {
  if (wire->input_count == 0) return;
  slirp_enter(wire);
  tcpip_gather_acks(wire->engine);
  tcpip_lend(wire->engine);
  for (size_t i = 0; i < wire->input_count; i++) {
    const slirp_input_t* input = &wire->inputs[i];
    const tcpip_offload_t offload = tcpip_offload_from_header(&input->header);
    tcpip_input_shared(wire->engine, wire->interface, wire->input, input->frame, input->length, &offload);
  }
  wire->input_count = 0;
  if (tcpip_has_lent(wire->engine)) (void)slirp_turns_serve(&wire->turns);
  tcpip_settle(wire->engine);
  slirp_leave(wire);
}

static zx_status_t slirp_wire_send(wire_t* base, const offload_header_t* header, const uint8_t* frame,
                                   size_t length) {
  slirp_wire_t* wire = (slirp_wire_t*)base;
  if (length > sizeof(wire->input)) return ZX_ERR_OUT_OF_RANGE;
  if (wire->input_count == WIRE_BATCH) return ZX_ERR_NO_RESOURCES;
  wire->inputs[wire->input_count++] = (slirp_input_t){*header, frame, length};
  return ZX_OK;
}

static void slirp_wire_send_done(wire_t* base) {
  take_inputs((slirp_wire_t*)base);
}

// The engine takes a link's abilities for given while it is up.
static void slirp_wire_accept(wire_t* base, uint32_t offloads) {
  slirp_wire_t* wire = (slirp_wire_t*)base;
  if (offloads == wire->offloads) return;
  wire->offloads = offloads;
  tcpip_interface_config_t config = interface_config(wire);
  slirp_enter(wire);
  (void)tcpip_interface_set_up(wire->engine, wire->interface, false);
  (void)tcpip_interface_change(wire->engine, wire->interface, &config);
  (void)tcpip_interface_set_up(wire->engine, wire->interface, true);
  slirp_leave(wire);
}

static void slirp_wire_resume(wire_t* base) {
  slirp_wire_t* wire = (slirp_wire_t*)base;
  if (!wire->starved) return;
  slirp_enter(wire);
  link_is_writable(wire);
  slirp_leave(wire);
}

static void slirp_wire_deserted(wire_t* base) {
  slirp_wire_t* wire = (slirp_wire_t*)base;
  slirp_enter(wire);
  slirp_streams_desert(wire->streams);
  slirp_leave(wire);
}

static bool slirp_wire_is_unfinished(const wire_t* base) {
  return slirp_streams_are_unfinished(((const slirp_wire_t*)base)->streams);
}

static void slirp_wire_destroy(wire_t* base) {
  slirp_wire_t* wire = (slirp_wire_t*)base;
  wire->events = NULL;  // connections end without another word
  tcpip_timer_cancel(&wire->timer);
  slirp_unpublish_all(wire);
  slirp_streams_destroy(wire->streams);
  slirp_flows_destroy(wire->flows);
  slirp_turns_deinit(&wire->turns);
  tcpip_destroy(wire->engine);
  free(wire);
}

static const wire_ops_t slirp_wire_ops = {
    .start = slirp_wire_start,
    .send = slirp_wire_send,
    .send_done = slirp_wire_send_done,
    .accept = slirp_wire_accept,
    .resume = slirp_wire_resume,
    .deserted = slirp_wire_deserted,
    .is_unfinished = slirp_wire_is_unfinished,
    .destroy = slirp_wire_destroy,
};

static zx_status_t create(async_dispatcher_t* dispatcher, const slirp_wire_config_t* config, wire_t** out) {
  slirp_wire_t* wire = calloc(1, sizeof(*wire));
  if (!wire) return ZX_ERR_NO_MEMORY;
  wire->base = (wire_t){&slirp_wire_ops, .transmit_offloads = OFFLOAD_ALL, .receive_offloads = OFFLOAD_ALL};
  wire->dispatcher = dispatcher;
  wire->config = *config;
  wire->config.publications = NULL;  // the caller's
  if (!wire->config.resolv_conf) wire->config.resolv_conf = "/etc/resolv.conf";
  wire->turns.epoll_fd = -1;
  zx_status_t status = create_engine(wire) == 0 ? ZX_OK : ZX_ERR_NO_MEMORY;
  if (status == ZX_OK) tcpip_timer_init(&wire->timer, dispatcher, wire->engine, timer_fired, wire);
  if (status == ZX_OK) status = slirp_turns_init(&wire->turns, wire);
  if (status == ZX_OK) status = slirp_streams_create(wire, &wire->streams);
  if (status == ZX_OK) status = slirp_flows_create(wire, &wire->flows);
  *out = &wire->base;
  return status;
}

zx_status_t slirp_wire_create(async_dispatcher_t* dispatcher, const slirp_wire_config_t* config,
                              wire_t** out) {
  bool fits = config->mtu >= SLIRP_WIRE_MTU_MIN && config->mtu <= SLIRP_WIRE_MTU_MAX;
  wire_t* wire = NULL;
  zx_status_t status = fits ? create(dispatcher, config, &wire) : ZX_ERR_INVALID_ARGS;
  for (size_t i = 0; i < config->publication_count; i++) {
    if (status == ZX_OK) status = slirp_publish((slirp_wire_t*)wire, &config->publications[i]);
    if (status != ZX_OK) close(config->publications[i].fd);
  }
  if (status == ZX_OK) {
    *out = wire;
  } else if (wire) {
    slirp_wire_destroy(wire);
  }
  return status;
}
