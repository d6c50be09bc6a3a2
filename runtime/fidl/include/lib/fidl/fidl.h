// FIDL messages in C: everything that the users of generated code need. See codegen/README.md for the C
// mapping.
#ifndef LIB_FIDL_FIDL_H_
#define LIB_FIDL_FIDL_H_

#include <lib/fidl/client.h>
#include <lib/fidl/message.h>
#include <lib/fidl/server.h>
#include <lib/fidl/types.h>

typedef struct fidl_incoming fidl_incoming_t;  // for generated code: <lib/fidl/method.h>

#endif  // LIB_FIDL_FIDL_H_
