// The runtime's statuses as errno numbers, for programs that know nothing else.
#include <errno.h>

#include "internal.h"

int zxio_errno(zx_status_t status) {
  switch (status) {
    case ZX_OK:
      return 0;
    case ZX_ERR_NOT_FOUND:
      return ENOENT;
    case ZX_ERR_NO_MEMORY:
    case ZX_ERR_NO_RESOURCES:
      return ENOMEM;
    case ZX_ERR_INVALID_ARGS:
    case ZX_ERR_BUFFER_TOO_SMALL:
    case ZX_ERR_OUT_OF_RANGE:
      return EINVAL;
    case ZX_ERR_TIMED_OUT:
      return ETIMEDOUT;
    case ZX_ERR_UNAVAILABLE:
      return EBUSY;
    case ZX_ERR_ALREADY_EXISTS:
      return EEXIST;
    case ZX_ERR_PEER_CLOSED:
    case ZX_ERR_BAD_STATE:
      return EPIPE;
    case ZX_ERR_NOT_SUPPORTED:
      return ENOTSUP;
    case ZX_ERR_BAD_HANDLE:
    case ZX_ERR_CANCELED:
      return EBADF;
    case ZX_ERR_ACCESS_DENIED:
      return EACCES;
    case ZX_ERR_SHOULD_WAIT:
      return EAGAIN;
    case ZX_ERR_PROTOCOL_NOT_SUPPORTED:
      return EPROTONOSUPPORT;
    case ZX_ERR_ADDRESS_UNREACHABLE:
      return ENETUNREACH;
    case ZX_ERR_ADDRESS_IN_USE:
      return EADDRINUSE;
    case ZX_ERR_NOT_CONNECTED:
      return ENOTCONN;
    case ZX_ERR_CONNECTION_REFUSED:
    case ZX_ERR_IO_REFUSED:
      return ECONNREFUSED;
    case ZX_ERR_CONNECTION_RESET:
      return ECONNRESET;
    case ZX_ERR_CONNECTION_ABORTED:
      return ECONNABORTED;
    case ZX_ERR_INTERNAL_INTR_RETRY:
      return EINTR;
    default:
      return EIO;
  }
}
