// Prefixes that routers tell of (RFC 4861, 6.3.4; RFC 4862, 5.5): what lies on the link, and in which
// prefixes this host forms an address.
//
// The two have nothing to do with each other: an address in a prefix says nothing of who else is on the link
// (RFC 5942). So learned addresses bring no route with them.
#include "autoconf.h"

#define IDENTIFIER_BITS 64u
#define TRIES_MAX 4  // IDGEN_RETRIES of RFC 7217 after the first
#define TWO_HOURS (7200 * NS_PER_S)
#define FIRST_PROBE_DELAY (1 * NS_PER_S)  // at most

static prefix_t* find(autoconf_t* a, const addr_t* prefix, unsigned length) {
  for (size_t i = 0; i < PREFIXES_MAX; i++) {
    prefix_t* p = &a->prefixes[i];
    if (p->length == length && addr_equal(&p->prefix, prefix)) return p;
  }
  return NULL;
}

static prefix_t* find_free(autoconf_t* a) {
  for (size_t i = 0; i < PREFIXES_MAX; i++) {
    if (!a->prefixes[i].length) return &a->prefixes[i];
  }
  count(a->interface->stack, autoconf_full);
  return NULL;
}

static interface_address_t* address_of(const autoconf_t* a, const prefix_t* p) {
  interface_address_t* own =
      addr_is_any(&p->address) ? NULL : interface_address_find(a->interface, &p->address);
  return own && own->learned ? own : NULL;
}

static void set_on_link(autoconf_t* a, prefix_t* p, int64_t until) {
  const route_t route = {
      .interface = a->interface, .destination = p->prefix, .prefix_length = p->length, .learned = true};
  p->on_link_until = until;
  if (until)
    (void)route_learn(a->interface->stack, &route);
  else
    route_unlearn(a->interface->stack, &route);
}

// RFC 5453: anycast addresses, and what was Ethernet's own.
static bool reserved(uint64_t identifier) {
  return identifier == 0 || identifier >> 7 == UINT64_C(0xfdffffffffffff80) >> 7 ||
         identifier >> 24 == UINT64_C(0x02005efffe000000) >> 24;
}

// RFC 7217, 5: the same whenever the host comes back, and telling nothing elsewhere.
static addr_t identified(const autoconf_t* a, const prefix_t* p) {
  uint64_t words[5] = {p->prefix.q[0], 0, 0, p->tries, 0};
  addr_t address = p->prefix;
  uint64_t identifier;
  memcpy(&words[1], a->interface->info.name, sizeof a->interface->info.name);
  do {
    identifier = hash_strong(&a->secret, words, 5);
    words[4]++;
  } while (reserved(identifier));
  be32_put(address.b + 8, (uint32_t)(identifier >> 32));
  be32_put(address.b + 12, (uint32_t)identifier);
  return address;
}

// Forms the next address that nobody has, as far as is known. Nothing if there were too many who had.
static interface_address_t* form_address(autoconf_t* a, prefix_t* p, bool at_once) {
  tcpip_t* stack = a->interface->stack;
  int64_t delay = at_once ? 0 : stack_random_below(stack, FIRST_PROBE_DELAY / NS_PER_MS) * NS_PER_MS;
  for (; p->tries < TRIES_MAX; p->tries++) {
    p->address = identified(a, p);
    int result = interface_address_learn(a->interface, &p->address, a->known_unique, delay);
    if (result == -EEXIST) continue;
    a->changed |= result == 0;
    return result == 0 ? interface_address_find(a->interface, &p->address) : NULL;
  }
  p->address = addr_any(false);
  return NULL;
}

static void set_preferred(interface_address_t* own, int64_t until) {
  tcpip_t* stack = own->interface->stack;
  bool deprecated = until <= stack->now;
  own->preferred_until = until;
  if (own->deprecated == deprecated) return;
  own->deprecated = deprecated;
  own->interface->autoconf->changed = true;
  stack->generation++;
}

// RFC 4862, 5.5.3 e: one message shortens what is left to no less than two hours, so that nobody who sends
// one takes a host its address.
static int64_t valid_until(const autoconf_t* a, int64_t before, const prefix_news_t* news) {
  int64_t now = a->interface->stack->now, told = lifetime_end(a, news->valid_s);
  if (told - now > TWO_HOURS || told > before) return told;
  return before - now <= TWO_HOURS ? before : now + TWO_HOURS;
}

static void take_address(autoconf_t* a, prefix_t* p, const prefix_news_t* news) {
  interface_address_t* own = address_of(a, p);
  if (p->address_until) {
    p->address_until = valid_until(a, p->address_until, news);
  } else {
    p->address_until = lifetime_end(a, news->valid_s);
  }
  if (!own) own = form_address(a, p, a->known_unique || !news->to_all);
  if (!own) return;
  int64_t preferred = lifetime_end(a, news->preferred_s);
  own->valid_until = p->address_until;
  set_preferred(own, preferred < own->valid_until ? preferred : own->valid_until);
}

static void clean_up(prefix_t* p) {
  if (!p->on_link_until && !p->address_until) *p = (prefix_t){0};
}

// Not what every host has for itself, nor all there is.
static bool good(const addr_t* prefix, unsigned length) {
  return length > 0 && prefix->q[0] != 0 && !addr_is_link_local(prefix) && !addr_is_multicast(prefix);
}

void autoconf_prefix_heard(autoconf_t* a, const prefix_news_t* news) {
  if (news->length > 128) return;
  addr_t masked = addr_mask(&news->prefix, news->length);
  if (!good(&masked, news->length)) return;
  bool forms =
      news->autonomous && news->length == 128 - IDENTIFIER_BITS && news->preferred_s <= news->valid_s;
  prefix_t* p = find(a, &masked, news->length);
  if (!p) {
    if (news->valid_s == 0 || !(news->on_link || forms)) return;
    p = find_free(a);
    if (!p) return;
    *p = (prefix_t){.prefix = masked, .length = news->length};
  }
  if (news->on_link) set_on_link(a, p, news->valid_s ? lifetime_end(a, news->valid_s) : 0);
  if (forms && (p->address_until || news->valid_s)) take_address(a, p, news);
  clean_up(p);
}

void autoconf_duplicate(interface_t* interface, const addr_t* address) {
  autoconf_t* a = interface->autoconf;
  for (size_t i = 0; a && i < PREFIXES_MAX; i++) {
    prefix_t* p = &a->prefixes[i];
    interface_address_t* own = p->length ? address_of(a, p) : NULL;
    if (!own || !addr_equal(&own->address, address)) continue;
    int64_t preferred = own->preferred_until;
    interface_address_destroy(own);
    p->tries++;
    own = form_address(a, p, true);
    if (!own) continue;
    own->valid_until = p->address_until;
    set_preferred(own, preferred);
  }
}

static void expire(autoconf_t* a, prefix_t* p, int64_t* next) {
  int64_t now = a->interface->stack->now;
  interface_address_t* own = address_of(a, p);
  if (p->on_link_until && p->on_link_until <= now) set_on_link(a, p, 0);
  if (p->address_until && p->address_until <= now) {
    if (own) interface_address_destroy(own);
    a->changed |= own != NULL;
    p->address_until = 0;
    p->address = addr_any(false);
    p->tries = 0;
    own = NULL;
  }
  if (own && own->preferred_until <= now) set_preferred(own, own->preferred_until);
  const int64_t ends[] = {p->on_link_until, p->address_until,
                          own && !own->deprecated ? own->preferred_until : 0};
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
    if (ends[i] && ends[i] < *next) *next = ends[i];
  }
  clean_up(p);
}

int64_t autoconf_prefixes_expire(autoconf_t* a) {
  int64_t next = INT64_MAX;
  for (size_t i = 0; i < PREFIXES_MAX; i++) {
    if (a->prefixes[i].length) expire(a, &a->prefixes[i], &next);
  }
  return next;
}
