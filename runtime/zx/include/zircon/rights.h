// Rights: what a handle allows its holder to do with the object.
#ifndef ZIRCON_RIGHTS_H_
#define ZIRCON_RIGHTS_H_

#include <stdint.h>

typedef uint32_t zx_rights_t;

#define ZX_RIGHT_NONE ((zx_rights_t)0)
#define ZX_RIGHT_DUPLICATE ((zx_rights_t)1 << 0)
#define ZX_RIGHT_TRANSFER ((zx_rights_t)1 << 1)
#define ZX_RIGHT_READ ((zx_rights_t)1 << 2)
#define ZX_RIGHT_WRITE ((zx_rights_t)1 << 3)
#define ZX_RIGHT_EXECUTE ((zx_rights_t)1 << 4)
#define ZX_RIGHT_MAP ((zx_rights_t)1 << 5)
#define ZX_RIGHT_GET_PROPERTY ((zx_rights_t)1 << 6)
#define ZX_RIGHT_SET_PROPERTY ((zx_rights_t)1 << 7)
#define ZX_RIGHT_ENUMERATE ((zx_rights_t)1 << 8)
#define ZX_RIGHT_DESTROY ((zx_rights_t)1 << 9)
#define ZX_RIGHT_SET_POLICY ((zx_rights_t)1 << 10)
#define ZX_RIGHT_GET_POLICY ((zx_rights_t)1 << 11)
#define ZX_RIGHT_SIGNAL ((zx_rights_t)1 << 12)
#define ZX_RIGHT_SIGNAL_PEER ((zx_rights_t)1 << 13)
#define ZX_RIGHT_WAIT ((zx_rights_t)1 << 14)
#define ZX_RIGHT_INSPECT ((zx_rights_t)1 << 15)
#define ZX_RIGHT_MANAGE_JOB ((zx_rights_t)1 << 16)
#define ZX_RIGHT_MANAGE_PROCESS ((zx_rights_t)1 << 17)
#define ZX_RIGHT_MANAGE_THREAD ((zx_rights_t)1 << 18)
#define ZX_RIGHT_APPLY_PROFILE ((zx_rights_t)1 << 19)
#define ZX_RIGHT_MANAGE_SOCKET ((zx_rights_t)1 << 20)
#define ZX_RIGHT_OP_CHILDREN ((zx_rights_t)1 << 21)
#define ZX_RIGHT_RESIZE ((zx_rights_t)1 << 22)
#define ZX_RIGHT_SAME_RIGHTS ((zx_rights_t)1 << 31)

#define ZX_RIGHTS_BASIC (ZX_RIGHT_TRANSFER | ZX_RIGHT_DUPLICATE | ZX_RIGHT_WAIT | ZX_RIGHT_INSPECT)
#define ZX_RIGHTS_IO (ZX_RIGHT_READ | ZX_RIGHT_WRITE)
#define ZX_RIGHTS_PROPERTY (ZX_RIGHT_GET_PROPERTY | ZX_RIGHT_SET_PROPERTY)
#define ZX_RIGHTS_POLICY (ZX_RIGHT_GET_POLICY | ZX_RIGHT_SET_POLICY)

// What a new object's handle may do.
#define ZX_DEFAULT_CHANNEL_RIGHTS \
  ((ZX_RIGHTS_BASIC & ~ZX_RIGHT_DUPLICATE) | ZX_RIGHTS_IO | ZX_RIGHT_SIGNAL | ZX_RIGHT_SIGNAL_PEER)
#define ZX_DEFAULT_CLOCK_RIGHTS (ZX_RIGHTS_BASIC | ZX_RIGHTS_IO | ZX_RIGHT_SIGNAL)
#define ZX_DEFAULT_EVENT_RIGHTS (ZX_RIGHTS_BASIC | ZX_RIGHT_SIGNAL)
#define ZX_DEFAULT_EVENTPAIR_RIGHTS (ZX_RIGHTS_BASIC | ZX_RIGHT_SIGNAL | ZX_RIGHT_SIGNAL_PEER)
#define ZX_DEFAULT_FIFO_RIGHTS (ZX_RIGHTS_BASIC | ZX_RIGHTS_IO | ZX_RIGHT_SIGNAL | ZX_RIGHT_SIGNAL_PEER)
#define ZX_DEFAULT_PORT_RIGHTS ((ZX_RIGHTS_BASIC & ~ZX_RIGHT_WAIT) | ZX_RIGHTS_IO)
#define ZX_DEFAULT_SOCKET_RIGHTS                                                                           \
  (ZX_RIGHTS_BASIC | ZX_RIGHTS_IO | ZX_RIGHTS_PROPERTY | ZX_RIGHT_SIGNAL | ZX_RIGHT_SIGNAL_PEER |          \
   ZX_RIGHT_MANAGE_SOCKET)
#define ZX_DEFAULT_TIMER_RIGHTS (ZX_RIGHTS_BASIC | ZX_RIGHT_WRITE | ZX_RIGHT_SIGNAL)
#define ZX_DEFAULT_VMO_RIGHTS \
  (ZX_RIGHTS_BASIC | ZX_RIGHTS_IO | ZX_RIGHTS_PROPERTY | ZX_RIGHT_MAP | ZX_RIGHT_SIGNAL)
#define ZX_DEFAULT_VMAR_RIGHTS ((ZX_RIGHTS_BASIC & ~ZX_RIGHT_WAIT) | ZX_RIGHT_OP_CHILDREN)

#endif  // ZIRCON_RIGHTS_H_
