// Ports: queues of packets, from users and from asynchronous waits.
#ifndef ZIRCON_SYSCALLS_PORT_H_
#define ZIRCON_SYSCALLS_PORT_H_

#include <zircon/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ZX_PKT_TYPE_USER 0u
#define ZX_PKT_TYPE_SIGNAL_ONE 1u

#define ZX_PORT_BIND_TO_INTERRUPT 1u  // accepted; there are no interrupts to bind

typedef union zx_packet_user {
  uint64_t u64[4];
  uint32_t u32[8];
  uint16_t u16[16];
  uint8_t c8[32];
} zx_packet_user_t;

typedef struct zx_packet_signal {
  zx_signals_t trigger;   // what was waited for
  zx_signals_t observed;  // all signals on when the wait was met
  uint64_t count;         // 1
  zx_time_t timestamp;    // 0 without ZX_WAIT_ASYNC_TIMESTAMP
  uint64_t reserved1;
} zx_packet_signal_t;

typedef struct zx_port_packet {
  uint64_t key;
  uint32_t type;
  zx_status_t status;
  union {
    zx_packet_user_t user;
    zx_packet_signal_t signal;
  };
} zx_port_packet_t;

// Makes a port. It stays in its process. ZX_ERR_INVALID_ARGS: options but
// ZX_PORT_BIND_TO_INTERRUPT.
zx_status_t zx_port_create(uint32_t options, zx_handle_t* out);

// Queues a user packet: key, status and payload as given, the type forced to USER. Needs WRITE.
// ZX_ERR_INVALID_ARGS: null packet. ZX_ERR_SHOULD_WAIT: 4096 user packets are queued already.
zx_status_t zx_port_queue(zx_handle_t handle, const zx_port_packet_t* packet);

// Takes the first packet, waiting for one until `deadline` (a past one polls). One packet wakes one thread.
// Needs READ. ZX_ERR_TIMED_OUT. ZX_ERR_CANCELED: the handle was closed meanwhile. ZX_ERR_INVALID_ARGS: null
// packet.
zx_status_t zx_port_wait(zx_handle_t handle, zx_time_t deadline, zx_port_packet_t* packet);

// Ends the waits made with the handle `source` and `key`, and removes their queued packets. Needs WRITE, and
// WAIT on the source. ZX_ERR_NOT_FOUND: there were none.
zx_status_t zx_port_cancel(zx_handle_t handle, zx_handle_t source, uint64_t key);

#ifdef __cplusplus
}
#endif

#endif  // ZIRCON_SYSCALLS_PORT_H_
