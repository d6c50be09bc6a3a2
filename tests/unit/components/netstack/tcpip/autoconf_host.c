#include "autoconf_host.h"

#include <string.h>

#include "jx_test.h"

host_t h;

const uint8_t autoconf_secret[TCPIP_SECRET_SIZE] = {1, 2, 3};

static void start(bool known_unique) {
  tcpip_autoconf_config_t config = {.known_unique = known_unique};
  memcpy(config.secret, autoconf_secret, sizeof autoconf_secret);
  host_init(&h, &(host_config_t){.last_octet = 1});
  ck_assert_int_eq(tcpip_autoconf_start(h.stack, h.interface, &config), 0);
}

void autoconf_setup(void) {
  start(true);
  host_advance(&h, 0);
  host_drop_all(&h);
}

void autoconf_setup_careful(void) {
  start(false);
}

void autoconf_teardown(void) {
  host_deinit(&h);
}

// The learned addresses in a prefix.
int learned(const char* prefix, tcpip_address_info_t out[32]) {
  tcpip_address_info_t all[32];
  tcpip_address_t wanted = host_address(prefix);
  int count = tcpip_address_list(h.stack, h.interface, all, 32), n = 0;
  for (int i = 0; i < count; i++) {
    if (all[i].learned && memcmp(all[i].subnet.address.bytes, wanted.bytes, PREFIX_BYTES) == 0)
      out[n++] = all[i];
  }
  return n;
}

int learned_count(const char* prefix) {
  tcpip_address_info_t out[32];
  return learned(prefix, out);
}

tcpip_address_info_t the_address(const char* prefix) {
  tcpip_address_info_t out[32];
  ck_assert_int_eq(learned(prefix, out), 1);
  return out[0];
}

// The router, by its number, that a far destination is reached by; 0: on the link, -1: not at all.
int way_to(const char* destination) {
  tcpip_path_t path;
  tcpip_address_t to = host_address(destination);
  if (tcpip_route_resolve(h.stack, &to, 0, &path)) return -1;
  return tcpip_address_equal(&path.next_hop, &to) ? 0 : path.next_hop.bytes[15];
}

int source_to(const char* destination, tcpip_address_t* out) {
  tcpip_path_t path;
  tcpip_address_t to = host_address(destination);
  int result = tcpip_route_resolve(h.stack, &to, 0, &path);
  if (result == 0) *out = path.source;
  return result;
}

int router_count(void) {
  return tcpip_router_list(h.stack, h.interface, NULL, 0);
}

void hear(uint8_t number, uint16_t seconds) {
  advert_t advert = advert_of(number, seconds);
  advert_mac(&advert, number);
  advert_send(&h, &advert);
}

void hear_prefix(const char* prefix, const char* flags, uint32_t valid, uint32_t preferred) {
  advert_t advert = advert_of(1, 1800);
  advert_prefix(&advert, prefix, 64, flags, valid, preferred);
  advert_send(&h, &advert);
}
