// The host's side of the link's addresses: where a client's packets go, and what a client calls whoever
// answers. Above: slirp_stream.c, slirp_flow.c.
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "slirp_internal.h"

enum { DNS_PORT = 53 };

static const uint8_t network4[] = {10, 0, 2}, network6[8] = {0xfe, 0xc0};

tcpip_subnet_t slirp_subnet(uint8_t family, uint8_t last) {
  tcpip_subnet_t subnet = {.address.family = family, .prefix_length = family == TCPIP_IPV4 ? 24 : 64};
  if (family == TCPIP_IPV4) {
    memcpy(subnet.address.bytes, network4, sizeof(network4));
    subnet.address.bytes[3] = last;
  } else {
    memcpy(subnet.address.bytes, network6, sizeof(network6));
    subnet.address.bytes[15] = last;
  }
  return subnet;
}

static bool on_link(const tcpip_address_t* address) {
  if (address->family == TCPIP_IPV4) return memcmp(address->bytes, network4, sizeof(network4)) == 0;
  bool link_local = address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80;
  return link_local || memcmp(address->bytes, network6, sizeof(network6)) == 0;
}

static bool is(const tcpip_address_t* address, uint8_t last) {
  tcpip_subnet_t subnet = slirp_subnet(address->family, last);
  return tcpip_address_equal(address, &subnet.address);
}

static void set_address(slirp_place_t* place, uint8_t family, const void* bytes, uint16_t port,
                        uint32_t scope) {
  if (family == TCPIP_IPV4) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    memcpy(&in.sin_addr, bytes, sizeof(in.sin_addr));
    memcpy(&place->address, &in, place->length = sizeof(in));
  } else {
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_scope_id = scope};
    memcpy(&in6.sin6_addr, bytes, sizeof(in6.sin6_addr));
    memcpy(&place->address, &in6, place->length = sizeof(in6));
  }
}

static void set_loopback(slirp_place_t* place, uint8_t family, uint16_t port) {
  const struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
  set_address(place, family, family == TCPIP_IPV4 ? (const void*)&loopback : &in6addr_loopback, port, 0);
}

// Reads "192.0.2.1", "2001:db8::1" or "fe80::1%eth0".
static bool set_server(slirp_place_t* place, char* text) {
  struct in_addr in;
  struct in6_addr in6;
  if (inet_pton(AF_INET, text, &in) == 1) {
    set_address(place, TCPIP_IPV4, &in, DNS_PORT, 0);
    return true;
  }
  char* zone = strchr(text, '%');
  if (zone) *zone++ = 0;
  if (inet_pton(AF_INET6, text, &in6) != 1) return false;
  set_address(place, TCPIP_IPV6, &in6, DNS_PORT, zone ? if_nametoindex(zone) : 0);
  return true;
}

// The first name server of resolv.conf(5); the host itself if it names none. It is read each time, because
// networks change under a running program.
static void find_name_server(const char* path, slirp_place_t* place) {
  set_loopback(place, TCPIP_IPV4, DNS_PORT);
  FILE* file = fopen(path, "re");
  if (!file) return;
  char line[256], server[128];
  while (fgets(line, sizeof(line), file)) {
    if (sscanf(line, "nameserver %127s", server) == 1 && set_server(place, server)) break;
  }
  (void)fclose(file);
}

slirp_place_t slirp_find_place(const slirp_wire_config_t* config, const tcpip_endpoint_t* to) {
  slirp_place_t place = {.realm = SLIRP_NOWHERE};
  uint8_t family = to->address.family;
  if (!on_link(&to->address)) {
    place.realm = SLIRP_OUTSIDE;
    set_address(&place, family, to->address.bytes, to->port, 0);
  } else if (is(&to->address, SLIRP_GATEWAY) && config->host_loopback) {
    place.realm = SLIRP_LOOPBACK;
    set_loopback(&place, family, to->port);
  } else if (is(&to->address, SLIRP_SERVER) && to->port == DNS_PORT) {
    place.realm = SLIRP_NAME_SERVER;
    find_name_server(config->resolv_conf, &place);
  }
  return place;
}

// Whether it is the one address of the host that the gateway's leads to.
static bool is_loopback(const struct sockaddr_storage* address) {
  const struct sockaddr_in* in = (const void*)address;
  const struct sockaddr_in6* in6 = (const void*)address;
  if (address->ss_family == AF_INET) return in->sin_addr.s_addr == htonl(INADDR_LOOPBACK);
  return memcmp(&in6->sin6_addr, &in6addr_loopback, sizeof(in6addr_loopback)) == 0;
}

bool slirp_name_place(slirp_realm_t realm, uint8_t family, const struct sockaddr_storage* from,
                      tcpip_endpoint_t* out) {
  const struct sockaddr_in* in = (const void*)from;
  const struct sockaddr_in6* in6 = (const void*)from;
  bool v4 = from->ss_family == AF_INET;
  *out = (tcpip_endpoint_t){.port = ntohs(v4 ? in->sin_port : in6->sin6_port)};
  if (realm == SLIRP_ANYWHERE) realm = is_loopback(from) ? SLIRP_LOOPBACK : SLIRP_OUTSIDE;
  if (realm == SLIRP_LOOPBACK && !is_loopback(from)) return false;  // who has guessed the port
  if (realm != SLIRP_OUTSIDE) {
    out->address = slirp_subnet(family, realm == SLIRP_LOOPBACK ? SLIRP_GATEWAY : SLIRP_SERVER).address;
    return true;
  }
  out->address = v4 ? tcpip_ipv4((const void*)&in->sin_addr) : tcpip_ipv6((const void*)&in6->sin6_addr);
  return out->address.family == family && !on_link(&out->address);
}

// Descriptors that connections leave to the rest of the program: else a client that takes all it can get
// would keep others from being served at all.
enum { SPARE_DESCRIPTORS = 32 };

static int open_spared(int family, int type, int protocol) {
  struct rlimit limit;
  int fd = socket(family, type, protocol);
  if (fd < 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0 || (rlim_t)fd + SPARE_DESCRIPTORS < limit.rlim_cur)
    return fd;
  close(fd);
  errno = EMFILE;
  return -1;
}

int slirp_open_socket(slirp_wire_t* wire, const slirp_place_t* place, int type, int protocol) {
  static const int on = 1;
  int family = place->address.ss_family, fd;
  do {
    fd = open_spared(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
  } while (fd < 0 && errno == EMFILE && slirp_flows_give_way(wire->flows));
  // What IPv4 sends to its port is not for it.
  if (fd >= 0 && family == AF_INET6) (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  return fd;
}
