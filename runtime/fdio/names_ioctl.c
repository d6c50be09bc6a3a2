// ioctl on sockets: what waits to be read or sent, and the network stack's interfaces.
#include <arpa/inet.h>
#include <limits.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <zircon/errors.h>

#include "fdio.h"
#include "names.h"

static int with_address(zx_handle_t provider, unsigned long request, struct ifreq* interface,
                        const char* name) {
  struct sockaddr addr;
  unsigned prefix_length = 0;
  int16_t code = 0;
  int error = zxio_code(zxio_interface_address(provider, name, &addr, &prefix_length, &code), &code);
  if (error) return error;
  uint32_t mask = prefix_length == 0 ? 0 : htonl(UINT32_MAX << (32 - prefix_length));
  struct sockaddr_in in;
  memcpy(&in, &addr, sizeof(in));
  if (request == SIOCGIFNETMASK) in.sin_addr.s_addr = mask;
  if (request == SIOCGIFBRDADDR) in.sin_addr.s_addr |= ~mask;
  memcpy(&interface->ifr_addr, &in, sizeof(in));
  return 0;
}

static int about_interface(zx_handle_t provider, unsigned long request, struct ifreq* interface) {
  char name[IFNAMSIZ] = {0};
  memcpy(name, interface->ifr_name, IFNAMSIZ - 1);
  int16_t code = 0;
  int error;
  uint64_t index = 0;
  uint16_t flags = 0;
  switch (request) {
    case SIOCGIFNAME:
      index = interface->ifr_ifindex < 0 ? 0 : (uint64_t)interface->ifr_ifindex;
      return zxio_code(zxio_interface_name(provider, index, interface->ifr_name, &code), &code);
    case SIOCGIFINDEX:
      error = zxio_code(zxio_interface_index(provider, name, &index, &code), &code);
      if (!error) interface->ifr_ifindex = (int)index;
      return error;
    case SIOCGIFFLAGS:
      error = zxio_code(zxio_interface_flags(provider, name, &flags, &code), &code);
      if (!error) interface->ifr_flags = (short)flags;
      return error;
    default:
      return with_address(provider, request, interface, name);
  }
}

static int interface_request(unsigned long request, void* argument) {
  zx_handle_t provider;
  int error = EFAULT;
  if (!argument) return error;
  for (int attempt = 0; attempt < FDIO_PROVIDER_ATTEMPTS; attempt++) {
    zx_status_t status = fdio_provider(attempt > 0, &provider);
    if (status != ZX_OK) return zxio_errno(status);
    if (request == SIOCGIFCONF) {
      int16_t code = 0;
      error = zxio_code(zxio_interface_list(provider, argument, &code), &code);
    } else {
      error = about_interface(provider, request, argument);
    }
    if (error != EPIPE) break;  // else the network stack was restarted
  }
  return error;
}

// Requests that are the socket's. -1: not one of them.
static int socket_request(fdio_socket_t* entry, int fd, unsigned long request, void* argument) {
  zxio_socket_t* socket = &entry->zxio;
  if (entry->is_stream && (request == FIONREAD || request == TIOCOUTQ || request == SIOCATMARK)) return -1;
  int16_t code = 0;
  int bytes = 0;
  int error;
  switch (request) {
    case FIONREAD:
      if (!argument) return EFAULT;
      if (entry->is_fast) {
        bytes = fdio_datagram_readable_bytes(fd);
        error = 0;
      } else {
        error = zxio_code(zxio_socket_readable_bytes(socket, &bytes, &code), &code);
      }
      if (!error) memcpy(argument, &bytes, sizeof(bytes));
      return error;
    case TIOCOUTQ:  // what was sent has left
      if (!argument) return EFAULT;
      memcpy(argument, &bytes, sizeof(bytes));
      return 0;
    case SIOCGIFNAME:
    case SIOCGIFINDEX:
    case SIOCGIFFLAGS:
    case SIOCGIFCONF:
    case SIOCGIFADDR:
    case SIOCGIFNETMASK:
    case SIOCGIFBRDADDR:
      return interface_request(request, argument);
    default:
      return -1;
  }
}

FDIO_EXPORT int ioctl(int fd, unsigned long request, ...) {
  va_list arguments;
  va_start(arguments, request);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  FDIO_ENTER(call, fd, libc_ioctl(fd, request, argument));
  int error = socket_request(call.socket, fd, request & UINT_MAX, argument);
  if (error >= 0) return (int)fdio_leave(&call, error, 0);
  // FIONBIO, FIOASYNC and their like belong to the descriptor; requests about devices must not reach the
  // kernel's.
  bool of_device = (request & UINT_MAX) >= 0x8900 && (request & UINT_MAX) <= 0x89ff;
  if (of_device && !(call.socket->is_stream && request == SIOCATMARK) && request != FIOSETOWN &&
      request != FIOGETOWN && request != SIOCSPGRP && request != SIOCGPGRP) {
    return (int)fdio_leave(&call, ENOTTY, 0);
  }
  fdio_leave(&call, 0, 0);
  return libc_ioctl(fd, request, argument);
}

FDIO_OWN_NAME(ioctl)
