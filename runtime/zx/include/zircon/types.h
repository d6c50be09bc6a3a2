// The basic types of the object interface: handles, statuses, times, signals, object types and the structures
// that calls take and fill. Numbers and layouts are Zircon's.
#ifndef ZIRCON_TYPES_H_
#define ZIRCON_TYPES_H_

#include <stddef.h>
#include <stdint.h>

#include <zircon/errors.h>
#include <zircon/rights.h>

#ifdef __cplusplus
extern "C" {
#endif

// A handle names an object together with rights to it. Its value means something only inside this process; a
// value may come back for another object once it has been closed.
typedef uint32_t zx_handle_t;
#define ZX_HANDLE_INVALID ((zx_handle_t)0)
#define ZX_HANDLE_FIXED_BITS_MASK ((zx_handle_t)0x3)  // set in every valid value

// Nanoseconds: a point of CLOCK_MONOTONIC, and a distance.
typedef int64_t zx_time_t;
typedef int64_t zx_duration_t;
typedef int64_t zx_ticks_t;
typedef uint32_t zx_clock_t;
typedef zx_time_t zx_instant_mono_t;  // the same by their newer names
typedef zx_time_t zx_instant_boot_t;
typedef zx_duration_t zx_duration_mono_t;
typedef zx_duration_t zx_duration_boot_t;
#define ZX_TIME_INFINITE INT64_MAX
#define ZX_TIME_INFINITE_PAST INT64_MIN
#define ZX_CLOCK_MONOTONIC ((zx_clock_t)0)
#define ZX_CLOCK_BOOT ((zx_clock_t)1)
#define ZX_NSEC(n) ((zx_duration_t)(n))
#define ZX_USEC(n) ((zx_duration_t)(1000 * (zx_duration_t)(n)))
#define ZX_MSEC(n) ((zx_duration_t)(1000000 * (zx_duration_t)(n)))
#define ZX_SEC(n) ((zx_duration_t)(1000000000 * (zx_duration_t)(n)))
#define ZX_MIN(n) (ZX_SEC(n) * 60)
#define ZX_HOUR(n) (ZX_MIN(n) * 60)

// A kernel object id: unique while any process knows the object, never reused by the process that made it.
typedef uint64_t zx_koid_t;
#define ZX_KOID_INVALID ((zx_koid_t)0)
#define ZX_KOID_KERNEL ((zx_koid_t)1)
#define ZX_KOID_FIRST ((zx_koid_t)1024)

typedef uint32_t zx_txid_t;  // the first four bytes of a message that is answered
typedef uint64_t zx_off_t;
typedef uintptr_t zx_vaddr_t;
typedef uint32_t zx_vm_option_t;

// Object types.
typedef uint32_t zx_obj_type_t;
#define ZX_OBJ_TYPE_NONE ((zx_obj_type_t)0)
#define ZX_OBJ_TYPE_PROCESS ((zx_obj_type_t)1)
#define ZX_OBJ_TYPE_THREAD ((zx_obj_type_t)2)
#define ZX_OBJ_TYPE_VMO ((zx_obj_type_t)3)
#define ZX_OBJ_TYPE_CHANNEL ((zx_obj_type_t)4)
#define ZX_OBJ_TYPE_EVENT ((zx_obj_type_t)5)
#define ZX_OBJ_TYPE_PORT ((zx_obj_type_t)6)
#define ZX_OBJ_TYPE_INTERRUPT ((zx_obj_type_t)9)
#define ZX_OBJ_TYPE_SOCKET ((zx_obj_type_t)14)
#define ZX_OBJ_TYPE_RESOURCE ((zx_obj_type_t)15)
#define ZX_OBJ_TYPE_EVENTPAIR ((zx_obj_type_t)16)
#define ZX_OBJ_TYPE_JOB ((zx_obj_type_t)17)
#define ZX_OBJ_TYPE_VMAR ((zx_obj_type_t)18)
#define ZX_OBJ_TYPE_FIFO ((zx_obj_type_t)19)
#define ZX_OBJ_TYPE_TIMER ((zx_obj_type_t)22)
#define ZX_OBJ_TYPE_CLOCK ((zx_obj_type_t)30)
#define ZX_OBJ_TYPE_STREAM ((zx_obj_type_t)31)
#define ZX_OBJ_TYPE_IOB ((zx_obj_type_t)33)
#define ZX_OBJ_TYPE_UPPER_BOUND ((zx_obj_type_t)64)

// Signals. Bits 0 to 22 belong to the system, 24 to 31 to the user.
typedef uint32_t zx_signals_t;
#define ZX_SIGNAL_NONE ((zx_signals_t)0)
#define ZX_OBJECT_READABLE ((zx_signals_t)1 << 0)
#define ZX_OBJECT_WRITABLE ((zx_signals_t)1 << 1)
#define ZX_OBJECT_PEER_CLOSED ((zx_signals_t)1 << 2)
#define ZX_OBJECT_SIGNALED ((zx_signals_t)1 << 3)
#define ZX_SIGNAL_HANDLE_CLOSED ((zx_signals_t)1 << 23)  // reported to a cancelled waiter only
#define ZX_USER_SIGNAL_0 ((zx_signals_t)1 << 24)
#define ZX_USER_SIGNAL_1 ((zx_signals_t)1 << 25)
#define ZX_USER_SIGNAL_2 ((zx_signals_t)1 << 26)
#define ZX_USER_SIGNAL_3 ((zx_signals_t)1 << 27)
#define ZX_USER_SIGNAL_4 ((zx_signals_t)1 << 28)
#define ZX_USER_SIGNAL_5 ((zx_signals_t)1 << 29)
#define ZX_USER_SIGNAL_6 ((zx_signals_t)1 << 30)
#define ZX_USER_SIGNAL_7 ((zx_signals_t)1 << 31)
#define ZX_USER_SIGNAL_ALL ((zx_signals_t)0xff000000)

#define ZX_CHANNEL_READABLE ZX_OBJECT_READABLE
#define ZX_CHANNEL_WRITABLE ZX_OBJECT_WRITABLE
#define ZX_CHANNEL_PEER_CLOSED ZX_OBJECT_PEER_CLOSED
#define ZX_CLOCK_STARTED ((zx_signals_t)1 << 4)
#define ZX_CLOCK_UPDATED ((zx_signals_t)1 << 5)  // only ever for a moment
#define ZX_EVENT_SIGNALED ZX_OBJECT_SIGNALED
#define ZX_EVENTPAIR_SIGNALED ZX_OBJECT_SIGNALED
#define ZX_EVENTPAIR_PEER_CLOSED ZX_OBJECT_PEER_CLOSED
#define ZX_FIFO_READABLE ZX_OBJECT_READABLE
#define ZX_FIFO_WRITABLE ZX_OBJECT_WRITABLE
#define ZX_FIFO_PEER_CLOSED ZX_OBJECT_PEER_CLOSED
#define ZX_SOCKET_READABLE ZX_OBJECT_READABLE
#define ZX_SOCKET_WRITABLE ZX_OBJECT_WRITABLE
#define ZX_SOCKET_PEER_CLOSED ZX_OBJECT_PEER_CLOSED
#define ZX_SOCKET_PEER_WRITE_DISABLED ((zx_signals_t)1 << 4)
#define ZX_SOCKET_WRITE_DISABLED ((zx_signals_t)1 << 5)
#define ZX_SOCKET_READ_THRESHOLD ((zx_signals_t)1 << 10)
#define ZX_SOCKET_WRITE_THRESHOLD ((zx_signals_t)1 << 11)
#define ZX_TIMER_SIGNALED ZX_OBJECT_SIGNALED
#define ZX_VMO_ZERO_CHILDREN ZX_OBJECT_SIGNALED

// Limits.
#define ZX_MAX_NAME_LEN 32  // with its terminating zero
#define ZX_WAIT_MANY_MAX_ITEMS 64
#define ZX_CHANNEL_MAX_MSG_BYTES 65536u
#define ZX_CHANNEL_MAX_MSG_HANDLES 64u
#define ZX_CHANNEL_MAX_MSG_IOVECS 8192u
#define ZX_FIFO_MAX_SIZE_BYTES 4096u

// Channels: options and structures.
#define ZX_CHANNEL_READ_MAY_DISCARD 1u
#define ZX_CHANNEL_WRITE_USE_IOVEC 2u

typedef struct zx_channel_iovec {
  const void* buffer;
  uint32_t capacity;
  uint32_t reserved;  // must be 0
} zx_channel_iovec_t;

typedef struct zx_handle_info {
  zx_handle_t handle;
  zx_obj_type_t type;
  zx_rights_t rights;
  uint32_t unused;
} zx_handle_info_t;

typedef uint32_t zx_handle_op_t;
#define ZX_HANDLE_OP_MOVE ((zx_handle_op_t)0)
#define ZX_HANDLE_OP_DUPLICATE ((zx_handle_op_t)1)

typedef struct zx_handle_disposition {
  zx_handle_op_t operation;
  zx_handle_t handle;
  zx_obj_type_t type;  // ZX_OBJ_TYPE_NONE: any
  zx_rights_t rights;  // of the handle that arrives, or ZX_RIGHT_SAME_RIGHTS
  zx_status_t result;  // the caller sets ZX_OK; a failing entry gets its reason
} zx_handle_disposition_t;

typedef struct zx_channel_call_args {
  const void* wr_bytes;
  const zx_handle_t* wr_handles;
  void* rd_bytes;
  zx_handle_t* rd_handles;
  uint32_t wr_num_bytes;
  uint32_t wr_num_handles;
  uint32_t rd_num_bytes;
  uint32_t rd_num_handles;
} zx_channel_call_args_t;

typedef struct zx_channel_call_etc_args {
  const void* wr_bytes;
  zx_handle_disposition_t* wr_handles;
  void* rd_bytes;
  zx_handle_info_t* rd_handles;
  uint32_t wr_num_bytes;
  uint32_t wr_num_handles;
  uint32_t rd_num_bytes;
  uint32_t rd_num_handles;
} zx_channel_call_etc_args_t;

typedef struct zx_wait_item {
  zx_handle_t handle;
  zx_signals_t waitfor;
  zx_signals_t pending;
} zx_wait_item_t;

// Sockets.
#define ZX_SOCKET_STREAM 0u
#define ZX_SOCKET_DATAGRAM 1u
#define ZX_SOCKET_PEEK 8u
#define ZX_SOCKET_SHUTDOWN_WRITE 1u
#define ZX_SOCKET_SHUTDOWN_READ 2u
#define ZX_SOCKET_SHUTDOWN_MASK (ZX_SOCKET_SHUTDOWN_WRITE | ZX_SOCKET_SHUTDOWN_READ)
#define ZX_SOCKET_DISPOSITION_WRITE_DISABLED 1u
#define ZX_SOCKET_DISPOSITION_WRITE_ENABLED 2u

// VMOs and mappings.
#define ZX_VMO_RESIZABLE 2u
#define ZX_VMO_DISCARDABLE 4u
#define ZX_VMO_CHILD_SNAPSHOT 1u
#define ZX_VMO_CHILD_RESIZABLE 4u
#define ZX_VMO_CHILD_SLICE 8u
#define ZX_VMO_CHILD_SNAPSHOT_AT_LEAST_ON_WRITE 0x10u
#define ZX_VMO_CHILD_NO_WRITE 0x20u
#define ZX_VMO_CHILD_REFERENCE 0x40u
#define ZX_VMO_OP_COMMIT 1u
#define ZX_VMO_OP_DECOMMIT 2u
#define ZX_VMO_OP_LOCK 3u
#define ZX_VMO_OP_UNLOCK 4u
#define ZX_VMO_OP_CACHE_SYNC 6u
#define ZX_VMO_OP_CACHE_INVALIDATE 7u
#define ZX_VMO_OP_CACHE_CLEAN 8u
#define ZX_VMO_OP_CACHE_CLEAN_INVALIDATE 9u
#define ZX_VMO_OP_ZERO 10u
#define ZX_VMO_OP_TRY_LOCK 11u
#define ZX_VMO_OP_DONT_NEED 12u
#define ZX_VMO_OP_ALWAYS_NEED 13u
// What ZX_VMO_OP_LOCK fills in: the locked range, and what of it had been discarded.
typedef struct zx_vmo_lock_state {
  uint64_t offset;
  uint64_t size;
  uint64_t discarded_offset;
  uint64_t discarded_size;
} zx_vmo_lock_state_t;

#define ZX_VM_PERM_READ ((zx_vm_option_t)1 << 0)
#define ZX_VM_PERM_WRITE ((zx_vm_option_t)1 << 1)
#define ZX_VM_PERM_EXECUTE ((zx_vm_option_t)1 << 2)
#define ZX_VM_SPECIFIC ((zx_vm_option_t)1 << 4)
#define ZX_VM_SPECIFIC_OVERWRITE ((zx_vm_option_t)1 << 5)
#define ZX_VM_MAP_RANGE ((zx_vm_option_t)1 << 10)
#define ZX_VM_REQUIRE_NON_RESIZABLE ((zx_vm_option_t)1 << 11)
#define ZX_VM_ALLOW_FAULTS ((zx_vm_option_t)1 << 12)
#define ZX_VM_OFFSET_IS_UPPER_LIMIT ((zx_vm_option_t)1 << 13)
#define ZX_VM_ALIGN_BASE 24  // the power of two that the address is to be a multiple of
#define ZX_VM_ALIGN_1KB ((zx_vm_option_t)10 << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_4KB ((zx_vm_option_t)12 << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_64KB ((zx_vm_option_t)16 << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_1MB ((zx_vm_option_t)20 << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_2MB ((zx_vm_option_t)21 << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_1GB ((zx_vm_option_t)30 << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_4GB ((zx_vm_option_t)32 << ZX_VM_ALIGN_BASE)

// Timers.
#define ZX_TIMER_SLACK_CENTER 0u
#define ZX_TIMER_SLACK_EARLY 1u
#define ZX_TIMER_SLACK_LATE 2u

#ifdef __cplusplus
}
#endif

#endif  // ZIRCON_TYPES_H_
