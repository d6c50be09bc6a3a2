// The process's handle table.
#ifndef RUNTIME_ZX_HANDLE_H_
#define RUNTIME_ZX_HANDLE_H_

#include "runtime/zx/object.h"

// Finds the object of a handle and takes a reference to it. `type` ZX_OBJ_TYPE_NONE accepts any. `out_rights`
// may be null. ZX_ERR_BAD_HANDLE, ZX_ERR_WRONG_TYPE, ZX_ERR_ACCESS_DENIED, checked in this order.
zx_status_t handle_lookup(zx_handle_t handle, zx_obj_type_t type, zx_rights_t needed, struct zx_object** out,
                          zx_rights_t* out_rights);

// Makes a handle. Takes over the caller's reference, also on failure. ZX_ERR_NO_MEMORY, ZX_ERR_NO_RESOURCES.
zx_status_t handle_create(struct zx_object* object, zx_rights_t rights, zx_handle_t* out);

// Makes two, or none. Takes over both references.
zx_status_t handle_create_pair(struct zx_object* object0, struct zx_object* object1, zx_rights_t rights,
                               zx_handle_t* out0, zx_handle_t* out1);

// Removes a handle from the table; its waits end. The reference and the count in `handle_count` pass to the
// caller, who gives them back with handle_release. ZX_ERR_BAD_HANDLE.
zx_status_t handle_take(zx_handle_t handle, struct zx_object** out, zx_rights_t* out_rights);
void handle_release(struct zx_object* object);

// First thing in a forked child.
void handle_start_child(void);

// Whether this process holds no handle; then the layer keeps no descriptor or buffer for later either.
bool handle_table_is_empty(void);

#endif  // RUNTIME_ZX_HANDLE_H_
