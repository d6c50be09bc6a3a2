// A stand-in for the objects. Channels and the loop are not there: a test that reaches them ends.
#include "fake_handles.h"

#include <lib/async/task.h>
#include <lib/async/wait.h>
#include <stdlib.h>
#include <zircon/syscalls.h>

#define MAX_HANDLES 4096

static struct {
  bool live;
  zx_obj_type_t type;
  zx_rights_t rights;
} handles[MAX_HANDLES];
static uint32_t next_handle = 1;
static int live_handles;

zx_handle_t fake_handle(zx_obj_type_t type, zx_rights_t rights) {
  if (next_handle == MAX_HANDLES) abort();
  handles[next_handle].live = true;
  handles[next_handle].type = type;
  handles[next_handle].rights = rights;
  live_handles++;
  return next_handle++ << 2 | ZX_HANDLE_FIXED_BITS_MASK;
}

static uint32_t find(zx_handle_t handle) {
  uint32_t index = handle >> 2;
  if (index >= MAX_HANDLES || !handles[index].live) abort();  // closed twice, or never one
  return index;
}

bool fake_handle_live(zx_handle_t handle) {
  return handle != ZX_HANDLE_INVALID && handle >> 2 < MAX_HANDLES && handles[handle >> 2].live;
}

zx_rights_t fake_handle_rights(zx_handle_t handle) {
  return handles[find(handle)].rights;
}

zx_obj_type_t fake_handle_type(zx_handle_t handle) {
  return handles[find(handle)].type;
}

int fake_handles_live(void) {
  return live_handles;
}

void fake_handles_reset(void) {
  for (uint32_t i = 0; i < next_handle; i++)
    handles[i].live = false;
  next_handle = 1;
  live_handles = 0;
}

zx_status_t zx_handle_close(zx_handle_t handle) {
  if (handle == ZX_HANDLE_INVALID) return ZX_OK;
  handles[find(handle)].live = false;
  live_handles--;
  return ZX_OK;
}

zx_status_t zx_handle_replace(zx_handle_t handle, zx_rights_t rights, zx_handle_t* out) {
  zx_obj_type_t type = fake_handle_type(handle);
  bool subset = (fake_handle_rights(handle) & rights) == rights;
  zx_handle_close(handle);
  if (!subset) return ZX_ERR_INVALID_ARGS;
  *out = fake_handle(type, rights);
  return ZX_OK;
}

zx_status_t zx_channel_write(zx_handle_t handle, uint32_t options, const void* bytes, uint32_t num_bytes,
                             const zx_handle_t* sent, uint32_t num_handles) {
  abort();
}

zx_status_t zx_channel_write_etc(zx_handle_t handle, uint32_t options, const void* bytes, uint32_t num_bytes,
                                 zx_handle_disposition_t* sent, uint32_t num_handles) {
  abort();
}

zx_status_t zx_channel_read_etc(zx_handle_t handle, uint32_t options, void* bytes, zx_handle_info_t* received,
                                uint32_t num_bytes, uint32_t num_handles, uint32_t* actual_bytes,
                                uint32_t* actual_handles) {
  abort();
}

zx_status_t zx_channel_call_etc(zx_handle_t handle, uint32_t options, zx_time_t deadline,
                                zx_channel_call_etc_args_t* args, uint32_t* actual_bytes,
                                uint32_t* actual_handles) {
  abort();
}

zx_status_t async_begin_wait(async_dispatcher_t* dispatcher, async_wait_t* wait) {
  abort();
}

zx_status_t async_cancel_wait(async_dispatcher_t* dispatcher, async_wait_t* wait) {
  abort();
}

zx_status_t async_post_task(async_dispatcher_t* dispatcher, async_task_t* task) {
  abort();
}

zx_status_t async_cancel_task(async_dispatcher_t* dispatcher, async_task_t* task) {
  abort();
}
