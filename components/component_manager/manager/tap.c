// The built-in protocol jacinth.host.Tap: TAP devices of the network that the manager itself is in.
#include <errno.h>
#include <fcntl.h>
#include <fidl/jacinth.host.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <zircon/linux.h>

#include "manager_internal.h"

static zx_status_t status_of(int error) {
  switch (error) {
    case EPERM:
    case EACCES:
      return ZX_ERR_ACCESS_DENIED;
    case ENOENT:
    case ENODEV:
    case ENXIO:
      return ZX_ERR_NOT_FOUND;
    case EBUSY:
      return ZX_ERR_ALREADY_BOUND;
    case EINVAL:
      return ZX_ERR_INVALID_ARGS;
    default:
      return ZX_ERR_IO;
  }
}

static zx_status_t open_tap(fidl_string_t name, zx_handle_t* out) {
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
  if (name.size == 0 || name.size >= IFNAMSIZ || memchr(name.data, '\0', name.size) ||
      memchr(name.data, '%', name.size)) {
    return ZX_ERR_INVALID_ARGS;
  }
  memcpy(request.ifr_name, name.data, name.size);
  int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  if (fd < 0) return status_of(errno);
  if (ioctl(fd, TUNSETIFF, &request) == 0) return zx_linux_fd_wrap(fd, out);
  zx_status_t status = status_of(errno);
  close(fd);
  return status;
}

static void on_open(void* context, jacinth_host_TapOpenRequest* request, fidl_completer_t completer) {
  jacinth_host_Tap_Open_Response response = {0};
  zx_status_t status = open_tap(request->name, &response.device);
  if (status != ZX_OK) {
    manager_say(
        context, "cannot open the TAP device \"%.*s\": %s", (int)request->name.size, request->name.data,
        status == ZX_ERR_ACCESS_DENIED
            ? "not permitted (it takes root, or a device made for this user: ip tuntap add mode tap user ...)"
        : status == ZX_ERR_NOT_FOUND     ? "this machine has no /dev/net/tun"
        : status == ZX_ERR_ALREADY_BOUND ? "somebody else holds it"
                                         : "no such device");
    jacinth_host_Tap_Open_reply_error(completer, status);
    return;
  }
  jacinth_host_Tap_Open_reply(completer, &response);
}

void manager_serve_tap(manager_t* manager, zx_handle_t server_end) {
  static const jacinth_host_Tap_ops_t ops = {.Open = on_open};
  jacinth_host_Tap_bind(manager->dispatcher, server_end, &ops, manager, NULL, NULL);
}
