// Name servers and search domains that routers tell of (RFC 8106).
//
// Lists in the order in which they were heard of; who is in is not pushed out.
#include <stddef.h>

#include "autoconf.h"

static name_server_t* server_find(autoconf_t* a, const addr_t* address) {
  name_server_t* s = a->name_servers;
  while (s < a->name_servers + NAME_SERVERS_MAX && s->until && !addr_equal(&s->address, address))
    s++;
  return s < a->name_servers + NAME_SERVERS_MAX ? s : NULL;  // the first that is not there is free
}

static void server_forget(autoconf_t* a, name_server_t* s) {
  ptrdiff_t behind = a->name_servers + NAME_SERVERS_MAX - 1 - s;
  memmove(s, s + 1, (size_t)behind * sizeof *s);
  a->name_servers[NAME_SERVERS_MAX - 1].until = 0;
  a->changed = true;
}

void autoconf_name_servers_heard(autoconf_t* a, const uint8_t* addresses, size_t count, uint32_t seconds) {
  for (size_t i = 0; i < count; i++) {
    addr_t address = addr_v6(addresses + 16 * i);
    if (addr_is_any(&address) || addr_is_multicast(&address) || addr_is_loopback(&address)) continue;
    name_server_t* s = server_find(a, &address);
    if (!s) {
      count(a->interface->stack, autoconf_full);
    } else if (seconds) {
      a->changed |= !s->until;
      *s = (name_server_t){address, lifetime_end(a, seconds)};
    } else if (s->until) {
      server_forget(a, s);
    }
  }
}

static search_domain_t* domain_find(autoconf_t* a, const char* name) {
  search_domain_t* d = a->domains;
  while (d < a->domains + SEARCH_DOMAINS_MAX && d->until && strcmp(d->name, name) != 0)
    d++;
  return d < a->domains + SEARCH_DOMAINS_MAX ? d : NULL;
}

static void domain_forget(autoconf_t* a, search_domain_t* d) {
  ptrdiff_t behind = a->domains + SEARCH_DOMAINS_MAX - 1 - d;
  memmove(d, d + 1, (size_t)behind * sizeof *d);
  a->domains[SEARCH_DOMAINS_MAX - 1].until = 0;
  a->changed = true;
}

static bool is_letter(uint8_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

// One name at the front of `length` octets; how many it takes, 0 if it is none that a host may be told. Names
// are written into files and logs: letters, digits, hyphens and underscores are all that there is in them.
static size_t name_read(const uint8_t* p, size_t length, char out[TCPIP_DOMAIN_SIZE]) {
  size_t at = 0, written = 0;
  while (at < length && p[at]) {
    size_t label = p[at++];
    if (label > 63 || label > length - at || written + label + 1 > TCPIP_DOMAIN_SIZE - 1) return 0;
    if (written) out[written++] = '.';
    for (size_t i = 0; i < label; i++) {
      if (!is_letter(p[at + i])) return 0;
      out[written++] = (char)p[at + i];
    }
    at += label;
  }
  out[written] = 0;
  return at < length ? at + 1 : 0;
}

void autoconf_domains_heard(autoconf_t* a, const uint8_t* domains, size_t length, uint32_t seconds) {
  char name[TCPIP_DOMAIN_SIZE];
  for (size_t at = 0; at < length && domains[at];) {
    size_t taken = name_read(domains + at, length - at, name);
    if (!taken) return;
    at += taken;
    search_domain_t* d = domain_find(a, name);
    if (!d) {
      count(a->interface->stack, autoconf_full);
    } else if (seconds) {
      a->changed |= !d->until;
      memcpy(d->name, name, strlen(name) + 1);
      d->until = lifetime_end(a, seconds);
    } else if (d->until) {
      domain_forget(a, d);
    }
  }
}

int64_t autoconf_names_expire(autoconf_t* a) {
  int64_t now = a->interface->stack->now, next = INT64_MAX;
  for (size_t i = NAME_SERVERS_MAX; i-- > 0;) {
    name_server_t* s = &a->name_servers[i];
    if (s->until && s->until <= now)
      server_forget(a, s);
    else if (s->until && s->until < next)
      next = s->until;
  }
  for (size_t i = SEARCH_DOMAINS_MAX; i-- > 0;) {
    search_domain_t* d = &a->domains[i];
    if (d->until && d->until <= now)
      domain_forget(a, d);
    else if (d->until && d->until < next)
      next = d->until;
  }
  return next;
}

int tcpip_name_server_list(const tcpip_t* stack, uint32_t index, tcpip_address_t* out, size_t capacity) {
  const interface_t* interface = interface_find(stack, index);
  if (!interface) return -ENODEV;
  size_t n = 0;
  for (; interface->autoconf && n < NAME_SERVERS_MAX && interface->autoconf->name_servers[n].until; n++) {
    if (n < capacity) out[n] = addr_export(&interface->autoconf->name_servers[n].address);
  }
  return (int)n;
}

int tcpip_search_domain_list(const tcpip_t* stack, uint32_t index, char (*out)[TCPIP_DOMAIN_SIZE],
                             size_t capacity) {
  const interface_t* interface = interface_find(stack, index);
  if (!interface) return -ENODEV;
  size_t n = 0;
  for (; interface->autoconf && n < SEARCH_DOMAINS_MAX && interface->autoconf->domains[n].until; n++) {
    if (n < capacity) strcpy(out[n], interface->autoconf->domains[n].name);
  }
  return (int)n;
}
