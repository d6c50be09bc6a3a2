// See options.h.
#include "options.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The value of "--name=value", NULL if `argument` isn't that option.
static const char* option_value(const char* argument, const char* name) {
  size_t length = strlen(name);
  return strncmp(argument, name, length) == 0 && argument[length] == '=' ? argument + length + 1 : NULL;
}

static bool parse_mtu(const char* text, uint32_t* out) {
  char* end;
  errno = 0;
  unsigned long value = strtoul(text, &end, 10);
  if (errno != 0 || end == text || *end || *text == '-' || value < 68 || value > 65520) return false;
  *out = (uint32_t)value;
  return true;
}

// Six bytes in hexadecimal; a station's address, neither a group's nor zero.
static bool parse_mac(const char* text, uint8_t out[ETHERNET_MAC_BYTES]) {
  unsigned bytes[ETHERNET_MAC_BYTES];
  int used = 0;
  if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &bytes[0], &bytes[1], &bytes[2], &bytes[3], &bytes[4],
             &bytes[5], &used) != ETHERNET_MAC_BYTES ||
      text[used]) {
    return false;
  }
  unsigned any = 0;
  for (size_t i = 0; i < ETHERNET_MAC_BYTES; i++) {
    out[i] = (uint8_t)bytes[i];
    any |= bytes[i];
  }
  return any != 0 && (out[0] & 1) == 0;
}

static bool parse_one(const char* argument, driver_options_t* out) {
  const char* value;
  if ((value = option_value(argument, "--mtu"))) return parse_mtu(value, &out->mtu);
  if ((value = option_value(argument, "--mac"))) return out->mac_given = parse_mac(value, out->mac);
  if ((value = option_value(argument, "--device"))) {
    out->device = value;
    return *value && strlen(value) < IFNAMSIZ;
  }
  if ((value = option_value(argument, "--publish"))) {
    return out->publication_count < DRIVER_PUBLICATIONS_MAX &&
           publication_parse(value, &out->publications[out->publication_count++]);
  }
  if (strcmp(argument, "--no-host-loopback") == 0) {
    out->host_loopback = false;
    return true;
  }
  if (strcmp(argument, "--no-offloads") == 0) {
    out->offloads = false;
    return true;
  }
  return false;
}

bool driver_options_parse(int argc, char** argv, driver_options_t* out,
                          char error[DRIVER_OPTIONS_ERROR_MAX]) {
  for (int i = 1; i < argc; i++) {
    if (parse_one(argv[i], out)) continue;
    snprintf(error, DRIVER_OPTIONS_ERROR_MAX,
             "bad argument \"%.32s\"; there are --mtu=BYTES, --mac=ADDRESS, --device=NAME and "
             "--no-offloads (tap), --no-host-loopback and --publish=" PUBLICATION_FORM " (slirp)",
             argv[i]);
    return false;
  }
  return true;
}
