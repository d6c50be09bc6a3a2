#include "dhcp_message.h"

#include <inet/bytes.h>
#include <string.h>

enum { BOOTREQUEST = 1, BOOTREPLY = 2, ETHERNET = 1 };
enum { FLAG_BROADCAST = 0x8000 };

// Where things are in a message.
enum {
  AT_OP = 0,
  AT_HARDWARE = 1,
  AT_HARDWARE_LENGTH = 2,
  AT_TRANSACTION = 4,
  AT_SECONDS = 8,
  AT_FLAGS = 10,
  AT_CLIENT = 12,
  AT_YOURS = 16,
  AT_MAC = 28,
  AT_SERVER_NAME = 44,
  AT_FILE = 108,
  AT_COOKIE = 236,
  AT_OPTIONS = 240,
};

static const uint8_t cookie[4] = {99, 130, 83, 99};

enum {
  OPTION_PAD = 0,
  OPTION_MASK = 1,
  OPTION_ROUTERS = 3,
  OPTION_NAME_SERVERS = 6,
  OPTION_ADDRESS = 50,
  OPTION_LEASE = 51,
  OPTION_OVERLOAD = 52,
  OPTION_TYPE = 53,
  OPTION_SERVER = 54,
  OPTION_PARAMETERS = 55,
  OPTION_SIZE = 57,
  OPTION_RENEW = 58,
  OPTION_REBIND = 59,
  OPTION_CLIENT = 61,
  OPTION_END = 255,
};

// What we can receive: more than the 576 bytes of every host.
#define MESSAGE_MAX 1472u

static uint8_t* put_option(uint8_t* at, uint8_t option, const void* value, uint8_t length) {
  *at++ = option;
  *at++ = length;
  memcpy(at, value, length);
  return at + length;
}

static uint8_t* put_address(uint8_t* at, uint8_t option, uint32_t address) {
  uint8_t value[4];
  if (address == 0) return at;
  be32_put(value, address);
  return put_option(at, option, value, sizeof value);
}

void dhcp_request_write(const dhcp_request_t* request, uint8_t out[DHCP_REQUEST_BYTES]) {
  static const uint8_t parameters[] = {OPTION_MASK,  OPTION_ROUTERS, OPTION_NAME_SERVERS,
                                       OPTION_LEASE, OPTION_RENEW,   OPTION_REBIND};
  const uint8_t type = (uint8_t)request->type, size[2] = {MESSAGE_MAX >> 8, MESSAGE_MAX & 0xff};
  uint8_t client[7] = {ETHERNET};
  memset(out, 0, DHCP_REQUEST_BYTES);
  out[AT_OP] = BOOTREQUEST;
  out[AT_HARDWARE] = ETHERNET;
  out[AT_HARDWARE_LENGTH] = sizeof request->mac;
  be32_put(out + AT_TRANSACTION, request->transaction);
  be16_put(out + AT_SECONDS, request->seconds);
  be16_put(out + AT_FLAGS, request->broadcast ? FLAG_BROADCAST : 0u);
  be32_put(out + AT_CLIENT, request->client);
  memcpy(out + AT_MAC, request->mac, sizeof request->mac);
  memcpy(out + AT_COOKIE, cookie, sizeof cookie);
  memcpy(client + 1, request->mac, sizeof request->mac);
  uint8_t* at = put_option(out + AT_OPTIONS, OPTION_TYPE, &type, 1);
  at = put_option(at, OPTION_CLIENT, client, sizeof client);
  at = put_address(at, OPTION_ADDRESS, request->address);
  at = put_address(at, OPTION_SERVER, request->server);
  if (request->type == DHCP_DISCOVER || request->type == DHCP_REQUEST) {
    at = put_option(at, OPTION_SIZE, size, sizeof size);
    at = put_option(at, OPTION_PARAMETERS, parameters, sizeof parameters);
  }
  *at = OPTION_END;
}

// One option, put together from all its parts.
typedef struct value {
  uint8_t bytes[64];  // of the options that are looked at, so many matter
  size_t length;
} value_t;

// The value of an option in a field; what it has is added to. False if the field is damaged.
static bool gather(const uint8_t* field, size_t size, uint8_t option, value_t* out) {
  for (size_t at = 0; at < size && field[at] != OPTION_END;) {
    if (field[at] == OPTION_PAD) {
      at++;
      continue;
    }
    if (size - at < 2 || size - at - 2 < field[at + 1]) return false;
    size_t length = field[at + 1], room = sizeof out->bytes - out->length;
    if (field[at] == option) {
      size_t taken = length < room ? length : room;
      memcpy(out->bytes + out->length, field + at + 2, taken);
      out->length += taken;
    }
    at += 2 + length;
  }
  return true;
}

typedef struct options {
  const uint8_t* bytes;  // the message
  size_t length;
  uint8_t overload;  // 1: the file's field has options, 2: the server's name's
  bool damaged;
} options_t;

static value_t find(options_t* options, uint8_t option) {
  value_t value = {.length = 0};
  bool ok = gather(options->bytes + AT_OPTIONS, options->length - AT_OPTIONS, option, &value);
  if (options->overload & 1) ok = gather(options->bytes + AT_FILE, AT_COOKIE - AT_FILE, option, &value) && ok;
  if (options->overload & 2)
    ok = gather(options->bytes + AT_SERVER_NAME, AT_FILE - AT_SERVER_NAME, option, &value) && ok;
  if (!ok) options->damaged = true;
  return value;
}

static uint32_t find_number(options_t* options, uint8_t option) {
  value_t value = find(options, option);
  if (value.length == 4) return be32_get(value.bytes);
  if (value.length != 0) options->damaged = true;
  return 0;
}

static size_t find_addresses(options_t* options, uint8_t option, uint32_t* out, size_t most) {
  value_t value = find(options, option);
  size_t count = value.length / 4;
  if (value.length % 4 != 0) options->damaged = true;
  if (count > most) count = most;
  for (size_t i = 0; i < count; i++)
    out[i] = be32_get(value.bytes + 4 * i);
  return count;
}

static bool is_reply_for(const uint8_t* bytes, size_t length, const uint8_t mac[6]) {
  return length >= AT_OPTIONS && bytes[AT_OP] == BOOTREPLY && bytes[AT_HARDWARE] == ETHERNET &&
         bytes[AT_HARDWARE_LENGTH] == 6 && memcmp(bytes + AT_MAC, mac, 6) == 0 &&
         memcmp(bytes + AT_COOKIE, cookie, sizeof cookie) == 0;
}

bool dhcp_reply_read(const uint8_t* bytes, size_t length, const uint8_t mac[6], dhcp_reply_t* out) {
  if (!is_reply_for(bytes, length, mac)) return false;
  options_t options = {bytes, length, 0, false};
  value_t overload = find(&options, OPTION_OVERLOAD);
  if (overload.length == 1) options.overload = overload.bytes[0];
  value_t type = find(&options, OPTION_TYPE);
  if (type.length != 1) return false;
  *out = (dhcp_reply_t){.type = (dhcp_type_t)type.bytes[0],
                        .transaction = be32_get(bytes + AT_TRANSACTION),
                        .address = be32_get(bytes + AT_YOURS),
                        .server = find_number(&options, OPTION_SERVER),
                        .mask = find_number(&options, OPTION_MASK),
                        .lease_s = find_number(&options, OPTION_LEASE),
                        .renew_s = find_number(&options, OPTION_RENEW),
                        .rebind_s = find_number(&options, OPTION_REBIND)};
  out->router_count = find_addresses(&options, OPTION_ROUTERS, out->routers, DHCP_ROUTERS_MAX);
  out->name_server_count =
      find_addresses(&options, OPTION_NAME_SERVERS, out->name_servers, DHCP_NAME_SERVERS_MAX);
  return !options.damaged;
}
