// Listening to routers: when they are asked for, and when what they said ends.
#include "autoconf.h"

#include <stdlib.h>

#define FIRST_DELAY (1 * NS_PER_S)    // MAX_RTR_SOLICITATION_DELAY of RFC 4861, at most
#define FIRST_PAUSE (4 * NS_PER_S)    // IRT of RFC 7559
#define MOST_PAUSE (3600 * NS_PER_S)  // MRT

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

// A tenth more or less, at random (RFC 8415, 15).
static int64_t spread(tcpip_t* stack, int64_t time) {
  int64_t tenth_ms = time / 10 / NS_PER_MS;
  return time - tenth_ms * NS_PER_MS + stack_random_below(stack, (uint32_t)(2 * tenth_ms + 1)) * NS_PER_MS;
}

// The first question waits so that not all hosts ask at the moment the power is back.
static void begin_to_ask(autoconf_t* a) {
  tcpip_t* stack = a->interface->stack;
  int64_t delay = a->known_unique ? 0 : stack_random_below(stack, FIRST_DELAY / NS_PER_MS) * NS_PER_MS;
  a->solicit_at = stack->now + delay;
  a->solicit_pause = spread(stack, FIRST_PAUSE);
}

static int64_t ask(autoconf_t* a) {
  tcpip_t* stack = a->interface->stack;
  if (a->solicit_at > stack->now) return a->solicit_at;
  nd_solicit_routers(a->interface);
  a->solicit_at = stack->now + a->solicit_pause;
  a->solicit_pause = spread(stack, least(2 * a->solicit_pause, MOST_PAUSE));
  return a->solicit_at;
}

void autoconf_router_found(autoconf_t* a) {
  a->solicit_at = INT64_MAX;
}

void autoconf_settle(autoconf_t* a) {
  tcpip_t* stack = a->interface->stack;
  int64_t next = autoconf_routers_expire(a);
  next = least(next, autoconf_prefixes_expire(a));
  next = least(next, autoconf_names_expire(a));
  if (a->interface->info.up) {
    if (a->solicit_at == INT64_MAX && !autoconf_has_router(a)) begin_to_ask(a);  // the last one is gone
    next = least(next, ask(a));
  }
  if (next == INT64_MAX)
    wheel_stop(&stack->wheel, &a->timer);
  else
    wheel_start(&stack->wheel, &a->timer, next);
  if (!a->changed) return;
  a->changed = false;
  if (stack->ops.autoconfigured) stack->ops.autoconfigured(stack->context, a->interface->info.index);
}

static void timer_fired(wheel_timer_t* timer) {
  autoconf_settle(list_owner(timer, autoconf_t, timer));
}

void autoconf_up(interface_t* interface) {
  autoconf_t* a = interface->autoconf;
  if (!a) return;
  begin_to_ask(a);
  autoconf_settle(a);
}

// What routers said holds as long as they said: the link may be back in a moment.
void autoconf_down(interface_t* interface) {
  autoconf_t* a = interface->autoconf;
  if (!a) return;
  a->solicit_at = INT64_MAX;
  autoconf_redirects_forget(a);
  autoconf_settle(a);
}

void autoconf_destroy(interface_t* interface) {
  if (!interface->autoconf) return;
  wheel_stop(&interface->stack->wheel, &interface->autoconf->timer);
  free(interface->autoconf);
  interface->autoconf = NULL;
}

// At the next turn: it may be that a message is just being read.
void autoconf_address_assigned(interface_t* interface) {
  autoconf_t* a = interface->autoconf;
  if (!a) return;
  a->changed = true;
  wheel_start(&interface->stack->wheel, &a->timer, interface->stack->now);
}

static void take_secret(autoconf_t* a, const uint8_t secret[TCPIP_SECRET_SIZE]) {
  static const uint8_t none[TCPIP_SECRET_SIZE];
  tcpip_t* stack = a->interface->stack;
  memcpy(a->secret.k, secret, sizeof a->secret.k);
  if (memcmp(secret, none, sizeof none) != 0) return;
  for (uint64_t i = 0; i < 2; i++) {
    uint64_t words[2] = {UINT64_C(0x6964656e74696669), i};
    a->secret.k[i] = hash_strong(&stack->secret_key, words, 2);
  }
}

int tcpip_autoconf_start(tcpip_t* stack, uint32_t index, const tcpip_autoconf_config_t* config) {
  interface_t* interface = interface_find(stack, index);
  if (!interface) return -ENODEV;
  if (interface->info.loopback) return -EINVAL;
  if (interface->autoconf) return -EALREADY;
  autoconf_t* a = calloc(1, sizeof *a);
  if (!a) return -ENOMEM;
  a->interface = interface;
  a->known_unique = config->known_unique;
  a->timer.fire = timer_fired;
  a->solicit_at = INT64_MAX;
  take_secret(a, config->secret);
  interface->autoconf = a;
  if (interface->info.up) autoconf_up(interface);
  return 0;
}
