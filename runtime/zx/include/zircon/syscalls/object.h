// Waiting for signals, and asking about objects.
#ifndef ZIRCON_SYSCALLS_OBJECT_H_
#define ZIRCON_SYSCALLS_OBJECT_H_

#include <zircon/types.h>

#ifdef __cplusplus
extern "C" {
#endif

// Waits until any of `signals` is on, or `deadline`. `observed` (may be null) gets all signals then on, also
// with ZX_ERR_TIMED_OUT and ZX_ERR_CANCELED. A past deadline polls. Needs WAIT. ZX_ERR_TIMED_OUT;
// ZX_ERR_CANCELED: the handle was closed by another thread. ZX_ERR_NO_MEMORY: only at the first use of an end
// of an eventpair, a fifo or a socket; so for all calls below.
zx_status_t zx_object_wait_one(zx_handle_t handle, zx_signals_t signals, zx_time_t deadline,
                               zx_signals_t* observed);

// Waits until one of the items has one of its `waitfor` signals on; fills every `pending`, also with
// ZX_ERR_TIMED_OUT and ZX_ERR_CANCELED. With no items, sleeps to the deadline. ZX_ERR_OUT_OF_RANGE: more than
// ZX_WAIT_MANY_MAX_ITEMS; one bad item fails the whole call.
zx_status_t zx_object_wait_many(zx_wait_item_t* items, size_t num_items, zx_time_t deadline);

// Queues a packet with `key` in `port` once any of `signals` is on (once: the wait is then over). Needs WAIT,
// and WRITE on the port. Costs no system call by itself. Options: ZX_WAIT_ASYNC_TIMESTAMP, ZX_WAIT_ASYNC_EDGE
// (only a change from off to on counts). ZX_ERR_INVALID_ARGS: other options. ZX_ERR_NOT_SUPPORTED: the object
// cannot be waited on.
#define ZX_WAIT_ASYNC_ONCE 0u
#define ZX_WAIT_ASYNC_TIMESTAMP 1u
#define ZX_WAIT_ASYNC_EDGE 2u
zx_status_t zx_object_wait_async(zx_handle_t handle, zx_handle_t port, uint64_t key, zx_signals_t signals,
                                 uint32_t options);

// Topics of zx_object_get_info.
#define ZX_INFO_HANDLE_VALID 1u
#define ZX_INFO_HANDLE_BASIC 2u
#define ZX_INFO_HANDLE_COUNT 19u
#define ZX_INFO_SOCKET 22u
#define ZX_INFO_VMO 23u
#define ZX_INFO_TIMER 25u

typedef struct zx_info_handle_basic {
  zx_koid_t koid;
  zx_rights_t rights;
  zx_obj_type_t type;
  zx_koid_t related_koid;  // the peer's; 0 if there is none
  uint32_t reserved;
  uint8_t padding1[4];
} zx_info_handle_basic_t;

typedef struct zx_info_handle_count {
  uint32_t handle_count;  // of this process: Linux does not tell about others
} zx_info_handle_count_t;

typedef struct zx_info_socket {
  uint32_t options;
  uint8_t padding1[4];
  size_t rx_buf_max;
  size_t rx_buf_size;
  size_t rx_buf_available;  // the first datagram's size in datagram mode
  size_t tx_buf_max;
  size_t tx_buf_size;
} zx_info_socket_t;

#define ZX_INFO_VMO_TYPE_PAGED 1u
#define ZX_INFO_VMO_RESIZABLE 2u
#define ZX_INFO_VMO_IS_COW_CLONE 4u
#define ZX_INFO_VMO_VIA_HANDLE 8u
#define ZX_INFO_VMO_DISCARDABLE 0x80u

typedef struct zx_info_vmo {
  zx_koid_t koid;
  char name[ZX_MAX_NAME_LEN];
  uint64_t size_bytes;
  zx_koid_t parent_koid;
  size_t num_children;
  size_t num_mappings;
  size_t share_count;
  uint32_t flags;
  uint8_t padding1[4];
  uint64_t committed_bytes;
  zx_rights_t handle_rights;
  uint32_t cache_policy;
} zx_info_vmo_t;

typedef struct zx_info_timer {
  uint32_t options;
  uint8_t padding1[4];
  zx_time_t deadline;  // 0: not set
  zx_duration_t slack;
} zx_info_timer_t;

// Fills `buffer` with the topic's record; `actual` and `avail` (may be null) get 1. HANDLE_VALID and
// HANDLE_BASIC need no right, the others INSPECT. ZX_ERR_BUFFER_TOO_SMALL; ZX_ERR_NOT_SUPPORTED: unknown
// topic.
zx_status_t zx_object_get_info(zx_handle_t handle, uint32_t topic, void* buffer, size_t buffer_size,
                               size_t* actual, size_t* avail);

// Properties: ZX_PROP_NAME (char[ZX_MAX_NAME_LEN]; vmos), ZX_PROP_VMO_CONTENT_SIZE (uint64_t),
// ZX_PROP_SOCKET_RX_THRESHOLD and _TX_THRESHOLD (size_t; 0 switches the signal off). Needs GET_PROPERTY or
// SET_PROPERTY. A name longer than 31 bytes is cut. ZX_ERR_BUFFER_TOO_SMALL, ZX_ERR_WRONG_TYPE (of another
// type), ZX_ERR_NOT_SUPPORTED (unknown), ZX_ERR_INVALID_ARGS (null value; threshold beyond the buffer),
// ZX_ERR_PEER_CLOSED (TX threshold).
#define ZX_PROP_NAME 3u
#define ZX_PROP_SOCKET_RX_THRESHOLD 12u
#define ZX_PROP_SOCKET_TX_THRESHOLD 13u
#define ZX_PROP_VMO_CONTENT_SIZE 17u
zx_status_t zx_object_get_property(zx_handle_t handle, uint32_t property, void* value, size_t value_size);
zx_status_t zx_object_set_property(zx_handle_t handle, uint32_t property, const void* value,
                                   size_t value_size);

#ifdef __cplusplus
}
#endif

#endif  // ZIRCON_SYSCALLS_OBJECT_H_
