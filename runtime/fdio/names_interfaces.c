// The C library's names for interfaces: a program that has a network stack means the stack's, not the
// kernel's.
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <zircon/errors.h>

#include "fdio.h"

// Calls `ask` with the provider, again if the network stack was restarted. An errno number.
static int with_provider(int (*ask)(zx_handle_t provider, void* context), void* context) {
  fdio_check_process();
  if (!fdio_busy_begin()) return EDEADLK;
  int error = EPIPE;
  for (int attempt = 0; attempt < FDIO_PROVIDER_ATTEMPTS && error == EPIPE; attempt++) {
    zx_handle_t provider;
    zx_status_t status = fdio_provider(attempt > 0, &provider);
    error = status == ZX_OK ? ask(provider, context) : zxio_errno(status);
  }
  fdio_busy_end();
  return error;
}

typedef struct interface {
  uint64_t index;
  const char* name;
  char* out_name;
} interface_t;

static int ask_index(zx_handle_t provider, void* context) {
  interface_t* interface = (interface_t*)context;
  int16_t code = 0;
  return zxio_code(zxio_interface_index(provider, interface->name, &interface->index, &code), &code);
}

static int ask_name(zx_handle_t provider, void* context) {
  interface_t* interface = (interface_t*)context;
  int16_t code = 0;
  return zxio_code(zxio_interface_name(provider, interface->index, interface->out_name, &code), &code);
}

FDIO_EXPORT unsigned if_nametoindex(const char* name) {
  if (!fdio_active()) return libc_if_nametoindex(name);
  int saved_errno = errno;
  interface_t interface = {.name = name};
  int error = strnlen(name, IFNAMSIZ) < IFNAMSIZ ? with_provider(ask_index, &interface) : ENODEV;
  errno = error ? error : saved_errno;
  return error ? 0 : (unsigned)interface.index;
}

FDIO_EXPORT char* if_indextoname(unsigned index, char name[IF_NAMESIZE]) {
  if (!fdio_active()) return libc_if_indextoname(index, name);
  int saved_errno = errno;
  interface_t interface = {.index = index, .out_name = name};
  int error = with_provider(ask_name, &interface);
  errno = error == ENODEV ? ENXIO : error ? error : saved_errno;
  return error ? NULL : name;
}

// Lists. Both are freed by the C library's own functions: what getifaddrs returns is one piece of memory, and
// names of if_nameindex are a piece each.

typedef struct listing {
  size_t count;
  size_t room;
  zxio_interface_t* interfaces;
  struct sockaddr_storage* addresses;
  bool each_once;
} listing_t;

static bool grow(listing_t* listing) {
  size_t room = listing->room ? 2 * listing->room : 8;
  void* interfaces = realloc(listing->interfaces, room * sizeof(*listing->interfaces));
  if (interfaces) listing->interfaces = interfaces;
  void* addresses = realloc(listing->addresses, room * sizeof(*listing->addresses));
  if (addresses) listing->addresses = addresses;
  if (interfaces && addresses) listing->room = room;
  return interfaces && addresses;
}

static socklen_t length_of(const struct sockaddr* addr) {
  return addr->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

static bool add(void* context, const zxio_interface_t* interface) {
  listing_t* listing = (listing_t*)context;
  bool again = listing->count > 0 && listing->interfaces[listing->count - 1].index == interface->index;
  if (again && listing->each_once) return true;
  if (listing->count == listing->room && !grow(listing)) return false;
  listing->interfaces[listing->count] = *interface;
  if (interface->addr)
    memcpy(&listing->addresses[listing->count], interface->addr, length_of(interface->addr));
  listing->count++;
  return true;
}

static int ask_all(zx_handle_t provider, void* context) {
  listing_t* listing = (listing_t*)context;
  listing->count = 0;
  return zxio_errno(zxio_interface_each(provider, add, listing));
}

static void forget(listing_t* listing) {
  free(listing->interfaces);
  free(listing->addresses);
}

typedef struct entry {
  struct ifaddrs ifaddrs;
  char name[IFNAMSIZ];
  struct sockaddr_storage addr;
  struct sockaddr_storage netmask;
  struct sockaddr_storage broadcast;
} entry_t;

static void set_bits(uint8_t* octets, unsigned count) {
  for (unsigned i = 0; i < count; i++)
    octets[i / 8] |= (uint8_t)(0x80u >> i % 8);
}

static void fill_netmask(entry_t* entry, unsigned prefix_length) {
  struct sockaddr_in in = {.sin_family = AF_INET};
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
  if (entry->addr.ss_family == AF_INET) {
    set_bits((uint8_t*)&in.sin_addr, prefix_length < 32 ? prefix_length : 32);
    memcpy(&entry->netmask, &in, sizeof(in));
  } else {
    set_bits((uint8_t*)&in6.sin6_addr, prefix_length < 128 ? prefix_length : 128);
    memcpy(&entry->netmask, &in6, sizeof(in6));
  }
  entry->ifaddrs.ifa_netmask = (struct sockaddr*)&entry->netmask;
}

static void fill_broadcast(entry_t* entry) {
  struct sockaddr_in in;
  struct sockaddr_in mask;
  memcpy(&in, &entry->addr, sizeof(in));
  memcpy(&mask, &entry->netmask, sizeof(mask));
  in.sin_addr.s_addr |= ~mask.sin_addr.s_addr;
  memcpy(&entry->broadcast, &in, sizeof(in));
  entry->ifaddrs.ifa_broadaddr = (struct sockaddr*)&entry->broadcast;
}

static void fill_entry(entry_t* entry, const zxio_interface_t* interface,
                       const struct sockaddr_storage* addr) {
  memcpy(entry->name, interface->name, sizeof(entry->name));
  entry->ifaddrs.ifa_name = entry->name;
  entry->ifaddrs.ifa_flags = interface->flags;
  if (!interface->addr) return;
  entry->addr = *addr;
  entry->ifaddrs.ifa_addr = (struct sockaddr*)&entry->addr;
  fill_netmask(entry, interface->prefix_length);
  if (entry->addr.ss_family == AF_INET && interface->flags & IFF_BROADCAST) fill_broadcast(entry);
}

FDIO_EXPORT int getifaddrs(struct ifaddrs** out) {
  if (!fdio_active()) return libc_getifaddrs(out);
  int saved_errno = errno;
  listing_t listing = {0};
  int error = with_provider(ask_all, &listing);
  entry_t* entries = error || listing.count == 0 ? NULL : calloc(listing.count, sizeof(*entries));
  if (!error && listing.count > 0 && !entries) error = ENOMEM;
  for (size_t i = 0; entries && i < listing.count; i++) {
    fill_entry(&entries[i], &listing.interfaces[i], &listing.addresses[i]);
    if (i > 0) entries[i - 1].ifaddrs.ifa_next = &entries[i].ifaddrs;
  }
  forget(&listing);
  errno = error ? error : saved_errno;
  if (error) return -1;
  *out = (struct ifaddrs*)entries;
  return 0;
}

FDIO_EXPORT struct if_nameindex* if_nameindex(void) {
  if (!fdio_active()) return libc_if_nameindex();
  int saved_errno = errno;
  listing_t listing = {.each_once = true};
  int error = with_provider(ask_all, &listing);
  struct if_nameindex* list = error ? NULL : calloc(listing.count + 1, sizeof(*list));
  if (!error && !list) error = ENOBUFS;
  for (size_t i = 0; list && i < listing.count; i++) {
    list[i].if_index = (unsigned)listing.interfaces[i].index;
    list[i].if_name = strdup(listing.interfaces[i].name);
    if (list[i].if_name) continue;
    if_freenameindex(list);
    list = NULL;
    error = ENOBUFS;
  }
  forget(&listing);
  errno = error ? error : saved_errno;
  return list;
}
