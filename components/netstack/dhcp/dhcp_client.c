#include "dhcp_client.h"

#include <string.h>

#define SECOND INT64_C(1000000000)

// RFC 2131, 4.1: 4 s, then twice as long each time up to 64 s, each a second more or less at random.
#define FIRST_PAUSE_S 4
#define MOST_PAUSE_S 64
// How often an offered or former address is asked for before something else is tried.
#define REQUESTS_MAX 3u
// RFC 2131, 4.4.5
#define RENEWAL_PAUSE_S 60
// After a refusal, so that a server that always refuses is not flooded.
#define REFUSED_PAUSE_S 2
// A lease of less is taken for one of so much.
#define LEASE_MIN_S 10

static uint32_t draw(dhcp_client_t* client) {  // splitmix64
  uint64_t z = client->random += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return (uint32_t)(z >> 32);
}

static int64_t backed_off(dhcp_client_t* client) {
  int64_t seconds = FIRST_PAUSE_S;
  for (unsigned i = 1; i < client->tries && seconds < MOST_PAUSE_S; i++)
    seconds *= 2;
  return seconds * SECOND + (int64_t)(draw(client) % 2001u) * (SECOND / 1000) - SECOND;
}

static void send(dhcp_client_t* client, dhcp_request_t* request, uint32_t server, int64_t now) {
  uint8_t message[DHCP_REQUEST_BYTES];
  int64_t seconds = (now - client->begun_ns) / SECOND;
  request->transaction = client->transaction;
  request->seconds = (uint16_t)(seconds < UINT16_MAX ? seconds : UINT16_MAX);
  memcpy(request->mac, client->mac, sizeof request->mac);
  dhcp_request_write(request, message);
  client->ops->send(client->context, server, message);
}

// A try of the present state's request.
static void ask(dhcp_client_t* client, int64_t now) {
  dhcp_request_t request = {.type = DHCP_REQUEST, .broadcast = !client->has_lease};
  uint32_t server = 0;
  client->tries++;
  if (client->tries == 1) client->asked_ns = now;
  client->deadline_ns = now + backed_off(client);
  switch (client->state) {
    case DHCP_SELECTING:
      request.type = DHCP_DISCOVER;
      request.address = client->offered;  // one that it would like to have
      break;
    case DHCP_REQUESTING:
      request.address = client->offered;
      request.server = client->offering_server;
      break;
    case DHCP_REBOOTING:
      request.address = client->lease.address;
      break;
    case DHCP_RENEWING:
    case DHCP_REBINDING: {
      bool renews = client->state == DHCP_RENEWING;
      int64_t left = (renews ? client->rebind_ns : client->end_ns) - now;
      int64_t pause = left / 2 > RENEWAL_PAUSE_S * SECOND ? left / 2 : RENEWAL_PAUSE_S * SECOND;
      client->asked_ns = now;
      client->deadline_ns = now + (pause < left ? pause : left);
      request.client = client->lease.address;
      if (renews) server = client->lease.server;
      break;
    }
    case DHCP_OFF:
    case DHCP_BOUND:
      return;
  }
  send(client, &request, server, now);
}

static void begin(dhcp_client_t* client, dhcp_state_t state, int64_t now) {
  client->state = state;
  client->tries = 0;
  if (state != DHCP_REQUESTING) client->transaction = draw(client);  // an offer and its request are one
  ask(client, now);
}

static void lose_lease(dhcp_client_t* client) {
  if (!client->has_lease) return;
  client->has_lease = false;
  client->ops->changed(client->context, NULL);
}

static void start_over(dhcp_client_t* client, int64_t now) {
  lose_lease(client);
  client->begun_ns = now;
  begin(client, DHCP_SELECTING, now);
}

static void rest(dhcp_client_t* client) {
  client->state = DHCP_BOUND;
  client->deadline_ns = client->renew_ns;
}

// What the message tells, with what a server need not tell.
static void set_times(dhcp_client_t* client, const dhcp_reply_t* reply) {
  int64_t lease_s = reply->lease_s > LEASE_MIN_S ? reply->lease_s : LEASE_MIN_S;
  int64_t renew_s = lease_s / 2, rebind_s = lease_s / 8 * 7;
  if (reply->renew_s != 0 && reply->rebind_s > reply->renew_s && reply->rebind_s < lease_s) {
    renew_s = reply->renew_s;
    rebind_s = reply->rebind_s;
  }
  bool for_ever = reply->lease_s == DHCP_FOR_EVER;
  client->renew_ns = for_ever ? DHCP_NEVER : client->asked_ns + renew_s * SECOND;
  client->rebind_ns = for_ever ? DHCP_NEVER : client->asked_ns + rebind_s * SECOND;
  client->end_ns = for_ever ? DHCP_NEVER : client->asked_ns + lease_s * SECOND;
}

static void take_lease(dhcp_client_t* client, const dhcp_reply_t* reply) {
  dhcp_lease_t lease;
  memset(&lease, 0, sizeof lease);  // to be compared
  lease.address = reply->address;
  lease.mask = reply->mask;
  lease.server = reply->server;
  memcpy(lease.routers, reply->routers, sizeof lease.routers);
  lease.router_count = reply->router_count;
  memcpy(lease.name_servers, reply->name_servers, sizeof lease.name_servers);
  lease.name_server_count = reply->name_server_count;
  bool changes = !client->has_lease || memcmp(&lease, &client->lease, sizeof lease) != 0;
  client->has_lease = true;
  client->lease = lease;
  set_times(client, reply);
  rest(client);
  if (changes) client->ops->changed(client->context, &client->lease);
}

// An address that a host can have: not of "this network", loopback, a group or beyond.
static bool is_host(uint32_t address) {
  uint32_t first = address >> 24;
  return first != 0 && first != 127 && first < 224;
}

// Ones from the front on, and the address neither the network's own nor its broadcast address.
static bool fits(uint32_t address, uint32_t mask) {
  uint32_t hosts = ~mask;
  if (mask == 0 || (hosts & (hosts + 1)) != 0) return false;
  return hosts <= 1 || ((address & hosts) != 0 && (address & hosts) != hosts);
}

// RFC 950: what a class has, of a server that tells no mask.
static uint32_t mask_of(const dhcp_reply_t* reply) {
  uint32_t first = reply->address >> 24;
  return reply->mask != 0 ? reply->mask : first < 128 ? 0xff000000u : first < 192 ? 0xffff0000u : 0xffffff00u;
}

static bool can_be_had(dhcp_reply_t* reply) {
  reply->mask = mask_of(reply);
  size_t usable = 0;
  for (size_t i = 0; i < reply->router_count; i++) {
    bool near = ((reply->routers[i] ^ reply->address) & reply->mask) == 0;
    if (is_host(reply->routers[i]) && near && reply->routers[i] != reply->address)
      reply->routers[usable++] = reply->routers[i];
  }
  for (size_t i = usable; i < reply->router_count; i++)
    reply->routers[i] = 0;
  reply->router_count = usable;
  return is_host(reply->address) && is_host(reply->server) && reply->lease_s != 0 &&
         fits(reply->address, reply->mask);
}

void dhcp_client_init(dhcp_client_t* client, const dhcp_ops_t* ops, void* context, uint64_t random) {
  *client = (dhcp_client_t){.ops = ops, .context = context, .random = random, .deadline_ns = DHCP_NEVER};
}

void dhcp_client_up(dhcp_client_t* client, const uint8_t mac[6], int64_t now_ns) {
  bool same = memcmp(client->mac, mac, sizeof client->mac) == 0;
  memcpy(client->mac, mac, sizeof client->mac);
  client->begun_ns = now_ns;
  if (client->has_lease && same && now_ns < client->end_ns) {
    begin(client, DHCP_REBOOTING, now_ns);
  } else {
    start_over(client, now_ns);
  }
}

void dhcp_client_down(dhcp_client_t* client) {
  client->state = DHCP_OFF;
  client->deadline_ns = DHCP_NEVER;
}

void dhcp_client_input(dhcp_client_t* client, const uint8_t* bytes, size_t length, int64_t now_ns) {
  dhcp_reply_t reply;
  if (client->state == DHCP_OFF || client->state == DHCP_BOUND ||
      !dhcp_reply_read(bytes, length, client->mac, &reply) || reply.transaction != client->transaction)
    return;
  if (client->state == DHCP_SELECTING) {
    if (reply.type != DHCP_OFFER || !can_be_had(&reply)) return;
    client->offered = reply.address;
    client->offering_server = reply.server;
    begin(client, DHCP_REQUESTING, now_ns);
  } else if (reply.type == DHCP_NAK) {
    lose_lease(client);
    client->offered = 0;
    client->state = DHCP_SELECTING;
    client->transaction = draw(client);
    client->tries = 0;
    client->deadline_ns = now_ns + REFUSED_PAUSE_S * SECOND;
  } else if (reply.type == DHCP_ACK && can_be_had(&reply)) {
    take_lease(client, &reply);
  }
}

int64_t dhcp_client_deadline(const dhcp_client_t* client) {
  return client->deadline_ns;
}

static void run_rebooting(dhcp_client_t* client, int64_t now) {
  if (client->tries < REQUESTS_MAX) {
    ask(client, now);
  } else if (now < client->end_ns) {
    rest(client);  // RFC 2131, 3.2: nobody has objected
  } else {
    start_over(client, now);
  }
}

void dhcp_client_run(dhcp_client_t* client, int64_t now_ns) {
  if (now_ns < client->deadline_ns) return;
  if (client->has_lease && now_ns >= client->end_ns) {
    start_over(client, now_ns);
    return;
  }
  switch (client->state) {
    case DHCP_OFF:
      break;
    case DHCP_SELECTING:
      ask(client, now_ns);
      break;
    case DHCP_REQUESTING:
      if (client->tries < REQUESTS_MAX) {
        ask(client, now_ns);
      } else {
        start_over(client, now_ns);
      }
      break;
    case DHCP_REBOOTING:
      run_rebooting(client, now_ns);
      break;
    case DHCP_BOUND:
    case DHCP_RENEWING:
    case DHCP_REBINDING: {
      dhcp_state_t due = now_ns < client->rebind_ns ? DHCP_RENEWING : DHCP_REBINDING;
      if (client->state == due) {
        ask(client, now_ns);
      } else {
        begin(client, due, now_ns);
      }
      break;
    }
  }
}

void dhcp_client_release(dhcp_client_t* client, int64_t now_ns) {
  if (client->has_lease && client->state != DHCP_OFF) {
    dhcp_request_t request = {
        .type = DHCP_RELEASE, .client = client->lease.address, .server = client->lease.server};
    client->transaction = draw(client);
    send(client, &request, client->lease.server, now_ns);
  }
  client->has_lease = false;
  dhcp_client_down(client);
}
