// From arguments to netstack_config_t. Above: main.c. The manifest's author is the reader of the errors.
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// "true" if `text` is a whole number within bounds.
static bool parse_number(const char* text, unsigned long least, unsigned long most, unsigned long* out) {
  if (*text < '0' || *text > '9') return false;
  char* end = NULL;
  errno = 0;
  unsigned long value = strtoul(text, &end, 10);
  if (errno != 0 || *end != '\0' || value < least || value > most) return false;
  *out = value;
  return true;
}

static bool parse_subnet(const char* text, tcpip_subnet_t* out) {
  char address[TCPIP_ADDRESS_TEXT_SIZE];
  const char* slash = strchr(text, '/');
  if (!slash || (size_t)(slash - text) >= sizeof(address)) return false;
  memcpy(address, text, (size_t)(slash - text));
  address[slash - text] = '\0';
  if (!tcpip_address_parse(address, &out->address)) return false;
  unsigned long length;
  if (!parse_number(slash + 1, 0, out->address.family == TCPIP_IPV4 ? 32 : 128, &length)) return false;
  out->prefix_length = (uint8_t)length;
  return true;
}

static bool set_address(netstack_config_t* config, const char* value) {
  if (strcmp(value, "dhcp") == 0) return config->dhcp = true;
  if (strcmp(value, "slaac") == 0) return config->slaac = true;
  if (config->address_count == CONFIG_ADDRESSES_MAX) return false;
  return parse_subnet(value, &config->addresses[config->address_count]) && ++config->address_count;
}

static int digit(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

static bool set_address_secret(netstack_config_t* config, const char* value) {
  uint8_t any = 0;
  if (strlen(value) != 2 * sizeof(config->secret)) return false;
  for (size_t i = 0; i < sizeof(config->secret); i++) {
    int high = digit(value[2 * i]), low = digit(value[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    any |= config->secret[i] = (uint8_t)(high << 4 | low);
  }
  return any != 0;
}

static bool set_gateway(netstack_config_t* config, const char* value) {
  if (config->gateway_count == CONFIG_GATEWAYS_MAX) return false;
  return tcpip_address_parse(value, &config->gateways[config->gateway_count]) && ++config->gateway_count;
}

static bool set_mtu(netstack_config_t* config, const char* value) {
  unsigned long number;
  if (!parse_number(value, CONFIG_MTU_MIN, UINT16_MAX, &number)) return false;
  config->mtu = (uint32_t)number;
  return true;
}

static bool set_interface(netstack_config_t* config, const char* value) {
  size_t length = strlen(value);
  if (length == 0 || length >= sizeof(config->interface_name) || strcmp(value, "lo") == 0) return false;
  for (const char* c = value; *c; c++) {
    if (*c <= ' ' || *c > '~' || *c == '/') return false;
  }
  memcpy(config->interface_name, value, length + 1);
  return true;
}

static bool set_duplicate_detection(netstack_config_t* config, const char* value) {
  config->known_unique = strcmp(value, "off") == 0;
  return config->known_unique || strcmp(value, "on") == 0;
}

static bool set_datagrams(netstack_config_t* config, const char* value) {
  config->synchronous_datagrams = strcmp(value, "synchronous") == 0;
  return config->synchronous_datagrams || strcmp(value, "fast") == 0;
}

static bool set_congestion(netstack_config_t* config, const char* value) {
  static const char* const names[] = {
      [TCPIP_CONGESTION_RENO] = "reno", [TCPIP_CONGESTION_CUBIC] = "cubic", [TCPIP_CONGESTION_BBR] = "bbr"};
  for (int i = TCPIP_CONGESTION_RENO; i <= TCPIP_CONGESTION_BBR; i++) {
    if (strcmp(value, names[i]) != 0) continue;
    config->congestion = i;
    return true;
  }
  return false;
}

static bool set_sockets(netstack_config_t* config, const char* value) {
  unsigned long number;
  if (!parse_number(value, 1, 65536, &number)) return false;
  config->quota.sockets = (uint32_t)number;
  return true;
}

static bool set_buffers(netstack_config_t* config, const char* value) {
  unsigned long number;
  if (!parse_number(value, 1, 1ul << 30, &number)) return false;
  config->quota.buffer_bytes = number;
  return true;
}

static bool set_capture(netstack_config_t* config, const char* value) {
  unsigned long number;
  if (!parse_number(value, 3, INT32_MAX, &number) || fcntl((int)number, F_GETFD) < 0) return false;
  config->capture = (int)number;
  return true;
}

typedef struct config_option {
  const char* name;
  bool (*set)(netstack_config_t* config, const char* value);
  const char* wanted;
} config_option_t;

static const config_option_t options[] = {
    {"--address", set_address,
     "an address and a prefix length such as 10.0.2.15/24, at most 16 of them, dhcp or slaac"},
    {"--address-secret", set_address_secret, "32 hexadecimal digits, not all zero"},
    {"--gateway", set_gateway, "an address such as 10.0.2.2, at most 8 of them"},
    {"--mtu", set_mtu, "a number from 576 to 65535"},
    {"--interface", set_interface, "a name of 1 to 15 printable characters other than \"lo\""},
    {"--duplicate-detection", set_duplicate_detection, "on or off"},
    {"--datagrams", set_datagrams, "fast or synchronous"},
    {"--congestion", set_congestion, "cubic, reno or bbr"},
    {"--capture", set_capture, "the number of an open descriptor from 3 on"},
    {"--sockets", set_sockets, "a number from 1 to 65536"},
    {"--buffers", set_buffers, "a number of bytes from 1 to 1073741824"},
};

static const config_option_t* find_option(const char* argument, const char** value) {
  for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
    size_t length = strlen(options[i].name);
    if (strncmp(argument, options[i].name, length) == 0 && argument[length] == '=') {
      *value = argument + length + 1;
      return &options[i];
    }
  }
  return NULL;
}

bool netstack_config_parse(int argc, char* const* argv, netstack_config_t* out,
                           char error[CONFIG_ERROR_SIZE]) {
  *out = (netstack_config_t){.interface_name = "eth0"};
  for (int i = 1; i < argc; i++) {
    const char* value = NULL;
    const config_option_t* option = find_option(argv[i], &value);
    if (!option) {
      snprintf(error, CONFIG_ERROR_SIZE, "unknown argument \"%.60s\"", argv[i]);
      return false;
    }
    if (!option->set(out, value)) {
      snprintf(error, CONFIG_ERROR_SIZE, "%s wants %s, not \"%.40s\"", option->name, option->wanted, value);
      return false;
    }
  }
  return true;
}
