// The C library's names for names of hosts: <netdb.h>. The C library would ask the name servers by its own
// internals, past the network stack; so names are looked up by resolver.c, and the C library does the rest,
// which needs no network: numbers, names of services, and the form of the results.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "fdio.h"
#include "resolver.h"

// getaddrinfo

typedef struct lookup {
  const char* service;
  struct addrinfo hints;  // for addresses as numbers
  struct addrinfo* first;
  struct addrinfo** last;
} lookup_t;

// Adds what the C library makes of one address.
static int add_address(lookup_t* lookup, const struct sockaddr_storage* address) {
  char text[INET6_ADDRSTRLEN + IF_NAMESIZE];
  struct addrinfo* found = NULL;
  lookup->hints.ai_family = address->ss_family;
  socklen_t length = address->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
  int error =
      libc_getnameinfo((const struct sockaddr*)address, length, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
  if (!error) error = libc_getaddrinfo(text, lookup->service, &lookup->hints, &found);
  if (error) return error;
  *lookup->last = found;
  while (*lookup->last)
    lookup->last = &(*lookup->last)->ai_next;
  return 0;
}

// IPv4 addresses in the form that an IPv6 socket takes.
static void map_to_v6(struct sockaddr_storage* address) {
  if (address->ss_family != AF_INET) return;
  struct sockaddr_in in;
  struct sockaddr_in6 mapped = {.sin6_family = AF_INET6};
  memcpy(&in, address, sizeof(in));
  mapped.sin6_addr.s6_addr[10] = mapped.sin6_addr.s6_addr[11] = 0xff;
  memcpy(&mapped.sin6_addr.s6_addr[12], &in.sin_addr, sizeof(in.sin_addr));
  memcpy(address, &mapped, sizeof(mapped));
}

static int look_up(const char* node, const struct addrinfo* hints, resolver_answer_t* answer) {
  int error = resolver_addresses(node, hints->ai_family, answer);
  bool may_map = hints->ai_family == AF_INET6 && hints->ai_flags & AI_V4MAPPED;
  if (error != EAI_NONAME || !may_map) return error;
  error = resolver_addresses(node, AF_INET, answer);
  for (size_t i = 0; !error && i < answer->count; i++)
    map_to_v6(&answer->addresses[i]);
  return error;
}

static int resolve(const char* node, const char* service, const struct addrinfo* hints,
                   struct addrinfo** out) {
  resolver_answer_t* answer = malloc(sizeof(*answer));
  if (!answer) return EAI_MEMORY;
  lookup_t lookup = {.service = service, .hints = *hints};
  lookup.last = &lookup.first;
  lookup.hints.ai_flags = AI_NUMERICHOST | (hints->ai_flags & AI_NUMERICSERV);
  int error = look_up(node, hints, answer);
  for (size_t i = 0; !error && i < answer->count; i++)
    error = add_address(&lookup, &answer->addresses[i]);
  if (!error && hints->ai_flags & AI_CANONNAME && lookup.first) {
    lookup.first->ai_canonname = strdup(answer->name);
    if (!lookup.first->ai_canonname) error = EAI_MEMORY;
  }
  free(answer);
  if (error) {
    if (lookup.first) freeaddrinfo(lookup.first);
    return error;
  }
  *out = lookup.first;
  return 0;
}

FDIO_EXPORT int getaddrinfo(const char* node, const char* service, const struct addrinfo* hints,
                            struct addrinfo** out) {
  if (!fdio_active()) return libc_getaddrinfo(node, service, hints, out);
  struct addrinfo wanted = {.ai_flags = AI_V4MAPPED | AI_ADDRCONFIG};
  if (hints) wanted = *hints;
  // The kernel's interfaces, by which the C library would judge, are not those of the network stack.
  wanted.ai_flags &= ~AI_ADDRCONFIG;
  if (!node) return libc_getaddrinfo(node, service, &wanted, out);
  struct addrinfo numeric = wanted;
  numeric.ai_flags |= AI_NUMERICHOST;
  int error = libc_getaddrinfo(node, service, &numeric, out);
  if (error != EAI_NONAME || wanted.ai_flags & AI_NUMERICHOST) return error;
  if (wanted.ai_family != AF_UNSPEC && wanted.ai_family != AF_INET && wanted.ai_family != AF_INET6)
    return EAI_FAMILY;
  int saved_errno = errno;
  error = resolve(node, service, &wanted, out);
  if (!error) errno = saved_errno;
  return error;
}

// getnameinfo

FDIO_EXPORT int getnameinfo(const struct sockaddr* addr, socklen_t length, char* host, socklen_t host_size,
                            char* service, socklen_t service_size, int flags) {
  bool internet = addr && ((addr->sa_family == AF_INET && length >= sizeof(struct sockaddr_in)) ||
                           (addr->sa_family == AF_INET6 && length >= sizeof(struct sockaddr_in6)));
  if (!fdio_active() || flags & NI_NUMERICHOST || !host || host_size == 0 || !internet)
    return libc_getnameinfo(addr, length, host, host_size, service, service_size, flags);
  char name[NI_MAXHOST];
  int error = resolver_name(addr, name);
  if (error && flags & NI_NAMEREQD) return error;
  if (error) {
    return libc_getnameinfo(addr, length, host, host_size, service, service_size,
                            (flags & ~NI_NAMEREQD) | NI_NUMERICHOST);
  }
  if (strlen(name) >= host_size) return EAI_OVERFLOW;
  memcpy(host, name, strlen(name) + 1);
  if (!service || service_size == 0) return 0;
  return libc_getnameinfo(addr, length, NULL, 0, service, service_size, flags);
}

// gethostbyname and its kin: a struct hostent in memory of the caller's

typedef struct room {
  char* next;
  size_t left;
} room_t;

static void* take_room(room_t* room, size_t size) {
  size_t padding = (size_t)(-(uintptr_t)room->next & (sizeof(void*) - 1));
  if (room->left < padding || room->left - padding < size) return NULL;
  void* taken = room->next + padding;
  room->next += padding + size;
  room->left -= padding + size;
  return taken;
}

static const void* octets_of(const struct sockaddr_storage* address, int* out_length) {
  *out_length = address->ss_family == AF_INET ? 4 : 16;
  return address->ss_family == AF_INET ? (const void*)&((const struct sockaddr_in*)address)->sin_addr
                                       : (const void*)&((const struct sockaddr_in6*)address)->sin6_addr;
}

// 0, or ERANGE.
static int fill_host(const resolver_answer_t* answer, struct hostent* host, char* buffer, size_t size) {
  room_t room = {.next = buffer, .left = size};
  char** list = take_room(&room, (answer->count + 2) * sizeof(*list));
  char* name = take_room(&room, strlen(answer->name) + 1);
  if (!list || !name) return ERANGE;
  memcpy(name, answer->name, strlen(answer->name) + 1);
  for (size_t i = 0; i < answer->count; i++) {
    const void* octets = octets_of(&answer->addresses[i], &host->h_length);
    list[i] = take_room(&room, (size_t)host->h_length);
    if (!list[i]) return ERANGE;
    memcpy(list[i], octets, (size_t)host->h_length);
  }
  list[answer->count] = list[answer->count + 1] = NULL;  // the latter is the empty list of aliases
  host->h_name = name;
  host->h_aliases = &list[answer->count + 1];
  host->h_addrtype = answer->addresses[0].ss_family;
  host->h_addr_list = list;
  return 0;
}

static int host_error(int error) {
  return error == EAI_NONAME ? HOST_NOT_FOUND : error == EAI_AGAIN ? TRY_AGAIN : NO_RECOVERY;
}

// An address as a number is its own answer.
static bool is_number(const char* name, int family, resolver_answer_t* answer) {
  struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_family = family, .ai_socktype = SOCK_STREAM};
  struct addrinfo* found;
  if (libc_getaddrinfo(name, NULL, &hints, &found) != 0) return false;
  memcpy(&answer->addresses[0], found->ai_addr, found->ai_addrlen);
  answer->count = 1;
  snprintf(answer->name, sizeof(answer->name), "%s", name);
  freeaddrinfo(found);
  return true;
}

typedef int (*ask_t)(const void* question, int family, resolver_answer_t* answer);

static int ask_name(const void* question, int family, resolver_answer_t* answer) {
  return is_number(question, family, answer) ? 0 : resolver_addresses(question, family, answer);
}

static int ask_address(const void* question, int family, resolver_answer_t* answer) {
  struct sockaddr_in in = {.sin_family = AF_INET};
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
  memset(answer->addresses, 0, sizeof(answer->addresses[0]));
  if (family == AF_INET) {
    memcpy(&in.sin_addr, question, sizeof(in.sin_addr));
    memcpy(answer->addresses, &in, sizeof(in));
  } else {
    memcpy(&in6.sin6_addr, question, sizeof(in6.sin6_addr));
    memcpy(answer->addresses, &in6, sizeof(in6));
  }
  answer->count = 1;
  return resolver_name((const struct sockaddr*)answer->addresses, answer->name);
}

static int find_host(ask_t ask, const void* question, int family, struct hostent* host, char* buffer,
                     size_t size, struct hostent** result, int* h_error) {
  *result = NULL;
  resolver_answer_t* answer = malloc(sizeof(*answer));
  if (!answer) {
    *h_error = NETDB_INTERNAL;
    return ENOMEM;
  }
  int error = ask(question, family, answer);
  int code = error ? 0 : fill_host(answer, host, buffer, size);
  free(answer);
  *h_error = error ? host_error(error) : code ? NETDB_INTERNAL : NETDB_SUCCESS;
  if (!error && !code) *result = host;
  return code;
}

FDIO_EXPORT int gethostbyname2_r(const char* name, int family, struct hostent* host, char* buffer,
                                 size_t size, struct hostent** result, int* h_error) {
  if (!fdio_active()) return libc_gethostbyname2_r(name, family, host, buffer, size, result, h_error);
  return find_host(ask_name, name, family, host, buffer, size, result, h_error);
}

FDIO_EXPORT int gethostbyname_r(const char* name, struct hostent* host, char* buffer, size_t size,
                                struct hostent** result, int* h_error) {
  return gethostbyname2_r(name, AF_INET, host, buffer, size, result, h_error);
}

FDIO_EXPORT int gethostbyaddr_r(const void* addr, socklen_t length, int family, struct hostent* host,
                                char* buffer, size_t size, struct hostent** result, int* h_error) {
  if (!fdio_active()) return libc_gethostbyaddr_r(addr, length, family, host, buffer, size, result, h_error);
  if (length < (family == AF_INET ? 4u : 16u) || (family != AF_INET && family != AF_INET6)) {
    *result = NULL;
    *h_error = NETDB_INTERNAL;
    return EINVAL;
  }
  return find_host(ask_address, addr, family, host, buffer, size, result, h_error);
}

// The old forms answer in memory that the next call uses again.
static struct {
  struct hostent host;
  char buffer[8192];
} shared;

FDIO_EXPORT struct hostent* gethostbyname2(const char* name, int family) {
  struct hostent* result;
  int error;
  int code =
      gethostbyname2_r(name, family, &shared.host, shared.buffer, sizeof(shared.buffer), &result, &error);
  if (code) errno = code;
  if (!result) h_errno = error;
  return result;
}

FDIO_EXPORT struct hostent* gethostbyname(const char* name) {
  return gethostbyname2(name, AF_INET);
}

FDIO_EXPORT struct hostent* gethostbyaddr(const void* addr, socklen_t length, int family) {
  struct hostent* result;
  int error;
  int code = gethostbyaddr_r(addr, length, family, &shared.host, shared.buffer, sizeof(shared.buffer),
                             &result, &error);
  if (code) errno = code;
  if (!result) h_errno = error;
  return result;
}
