// Default routers (RFC 4861, 6.3.4 to 6.3.6) and redirects (8.3), as routes.
//
// The metrics of their routes are the order in which routers are chosen: those that answer, as far as is
// known, by their preference (RFC 4191), before those that have failed to, of which the one that failed
// longest ago comes first. So each failure moves on to the next, and with none left that answers all get
// their turn.
#include "autoconf.h"

// Behind routes that were added without a metric; the preferences lie around it.
#define METRIC 1024u
#define METRIC_SUSPECT 65536u

#define REDIRECT_TIME (600 * NS_PER_S)  // then the router may tell again

static uint32_t metric(const router_t* router) {
  return router->failed ? METRIC_SUSPECT + router->failed : METRIC - (uint32_t)router->preference;
}

static router_t* find(autoconf_t* a, const addr_t* address) {
  for (size_t i = 0; i < ROUTERS_MAX; i++) {
    if (a->routers[i].until && addr_equal(&a->routers[i].address, address)) return &a->routers[i];
  }
  return NULL;
}

static router_t* find_free(autoconf_t* a) {
  for (size_t i = 0; i < ROUTERS_MAX; i++) {
    if (!a->routers[i].until) return &a->routers[i];
  }
  count(a->interface->stack, autoconf_full);
  return NULL;
}

static void set_route(autoconf_t* a, const router_t* router) {
  const route_t route = {
      .interface = a->interface, .gateway = router->address, .metric = metric(router), .learned = true};
  (void)route_learn(a->interface->stack, &route);  // no room: the next message tries again
}

static void forget(autoconf_t* a, router_t* router) {
  const route_t route = {.interface = a->interface, .gateway = router->address, .learned = true};
  route_unlearn(a->interface->stack, &route);
  router->until = 0;
  a->changed = true;
}

void autoconf_router_heard(autoconf_t* a, const addr_t* address, uint32_t seconds, int preference) {
  router_t* router = find(a, address);
  if (seconds == 0) {
    if (router) forget(a, router);
    return;
  }
  if (!router) {
    router = find_free(a);
    if (!router) return;
    *router = (router_t){.address = *address};
    a->changed = true;
  }
  router->until = lifetime_end(a, seconds);
  router->preference = (int8_t)preference;
  set_route(a, router);
  if (router->failed) neighbour_check(a->interface, address);
  autoconf_router_found(a);
}

bool autoconf_has_router(const autoconf_t* a) {
  for (size_t i = 0; i < ROUTERS_MAX; i++) {
    if (a->routers[i].until) return true;
  }
  return false;
}

static route_t redirect_route(const autoconf_t* a, const redirect_t* r) {
  return (route_t){.interface = a->interface,
                   .destination = r->destination,
                   .prefix_length = 128,
                   .gateway = r->gateway,
                   .metric = METRIC,
                   .learned = true};
}

static void redirect_forget(autoconf_t* a, redirect_t* r) {
  const route_t route = redirect_route(a, r);
  route_unlearn(a->interface->stack, &route);
  r->until = 0;
}

// The place of what is known of `destination`, else a free one, else the oldest.
static redirect_t* redirect_place(autoconf_t* a, const addr_t* destination) {
  redirect_t* place = &a->redirects[0];
  for (size_t i = 0; i < REDIRECTS_MAX; i++) {
    redirect_t* r = &a->redirects[i];
    if (r->until && addr_equal(&r->destination, destination)) return r;
    if (r->until < place->until) place = r;
  }
  return place;
}

void autoconf_redirected(autoconf_t* a, const addr_t* destination, const addr_t* gateway) {
  redirect_t* r = redirect_place(a, destination);
  if (r->until) redirect_forget(a, r);
  *r = (redirect_t){.destination = *destination, .until = a->interface->stack->now + REDIRECT_TIME};
  if (!addr_equal(destination, gateway)) r->gateway = *gateway;
  const route_t route = redirect_route(a, r);
  if (route_learn(a->interface->stack, &route)) r->until = 0;
}

void autoconf_redirects_forget(autoconf_t* a) {
  for (size_t i = 0; i < REDIRECTS_MAX; i++) {
    if (a->redirects[i].until) redirect_forget(a, &a->redirects[i]);
  }
}

void autoconf_neighbour_failed(interface_t* interface, const addr_t* address) {
  autoconf_t* a = interface->autoconf;
  if (!a) return;
  for (size_t i = 0; i < REDIRECTS_MAX; i++) {
    redirect_t* r = &a->redirects[i];
    const addr_t* next_hop = addr_is_any(&r->gateway) ? &r->destination : &r->gateway;
    if (r->until && addr_equal(next_hop, address)) redirect_forget(a, r);
  }
  router_t* router = find(a, address);
  if (!router) return;
  router->failed = ++a->failures;
  set_route(a, router);
}

void autoconf_neighbour_answers(interface_t* interface, const addr_t* address) {
  router_t* router = interface->autoconf ? find(interface->autoconf, address) : NULL;
  if (!router || !router->failed) return;
  router->failed = 0;
  set_route(interface->autoconf, router);
}

void autoconf_no_router(interface_t* interface, const addr_t* address) {
  router_t* router = interface->autoconf ? find(interface->autoconf, address) : NULL;
  if (!router) return;
  forget(interface->autoconf, router);
  autoconf_settle(interface->autoconf);
}

int64_t autoconf_routers_expire(autoconf_t* a) {
  int64_t now = a->interface->stack->now, next = INT64_MAX;
  for (size_t i = 0; i < ROUTERS_MAX; i++) {
    router_t* router = &a->routers[i];
    if (router->until && router->until <= now) forget(a, router);
    if (router->until && router->until < next) next = router->until;
  }
  for (size_t i = 0; i < REDIRECTS_MAX; i++) {
    redirect_t* r = &a->redirects[i];
    if (r->until && r->until <= now) redirect_forget(a, r);
    if (r->until && r->until < next) next = r->until;
  }
  return next;
}

int tcpip_router_list(const tcpip_t* stack, uint32_t index, tcpip_router_t* out, size_t capacity) {
  const interface_t* interface = interface_find(stack, index);
  if (!interface) return -ENODEV;
  size_t n = 0;
  for (size_t i = 0; interface->autoconf && i < ROUTERS_MAX; i++) {
    const router_t* router = &interface->autoconf->routers[i];
    if (!router->until) continue;
    if (n < capacity)
      out[n] = (tcpip_router_t){addr_export(&router->address), router->until, router->preference,
                                router->failed != 0};
    n++;
  }
  return (int)n;
}
