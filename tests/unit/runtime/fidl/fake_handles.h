// A stand-in for the objects, for tests of the wire format: handles are places in a table that know their
// type and rights, and can be counted. Nothing else of the object layer is needed to encode and decode.
#ifndef TESTS_UNIT_RUNTIME_FIDL_FAKE_HANDLES_H_
#define TESTS_UNIT_RUNTIME_FIDL_FAKE_HANDLES_H_

#include <stdbool.h>
#include <zircon/syscalls.h>

zx_handle_t fake_handle(zx_obj_type_t type, zx_rights_t rights);
bool fake_handle_live(zx_handle_t handle);
zx_rights_t fake_handle_rights(zx_handle_t handle);
zx_obj_type_t fake_handle_type(zx_handle_t handle);

// Handles made and not closed yet.
int fake_handles_live(void);

// Forgets all handles, so that a long run does not use up the table.
void fake_handles_reset(void);

#endif  // TESTS_UNIT_RUNTIME_FIDL_FAKE_HANDLES_H_
