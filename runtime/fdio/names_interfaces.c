// The C library's names for interfaces: a program that has a network stack means the stack's, not the
// kernel's.
#include <net/if.h>
#include <string.h>
#include <zircon/errors.h>

#include "fdio.h"

// Calls `ask` with the provider, once more if the network stack was restarted. An errno number.
static int with_provider(int (*ask)(zx_handle_t provider, void* context), void* context) {
  fdio_check_process();
  if (!fdio_busy_begin()) return EDEADLK;
  int error = EPIPE;
  for (int attempt = 0; attempt < 2 && error == EPIPE; attempt++) {
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
