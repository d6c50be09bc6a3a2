// What the driver executables share: each is this program around one kind of wire.
#ifndef COMPONENTS_ETHERNET_DRIVER_H_
#define COMPONENTS_ETHERNET_DRIVER_H_

#include <lib/async/dispatcher.h>
#include <lib/component/component.h>

#include "options.h"
#include "wire.h"

typedef struct driver_kind {
  const char* name;
  // Makes the wire. Called once, before the loop runs; it may make blocking calls that are bounded in time.
  // On failure it has logged why.
  zx_status_t (*open)(async_dispatcher_t* dispatcher, component_t* component, const driver_options_t* options,
                      wire_t** out);
} driver_kind_t;

// Runs the driver until the component is told to stop; returns the exit status for main.
int driver_main(int argc, char** argv, const driver_kind_t* kind);

#endif  // COMPONENTS_ETHERNET_DRIVER_H_
