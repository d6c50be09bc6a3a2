// ethernet_slirp: the Ethernet driver of the unprivileged wire.
#include <sys/resource.h>

#include "driver.h"
#include "slirp.h"

// Each connection takes a descriptor.
static void raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static zx_status_t open_wire(async_dispatcher_t* dispatcher, component_t* component,
                             const driver_options_t* options, wire_t** out) {
  slirp_wire_config_t config = {.mtu = options->mtu, .host_loopback = options->host_loopback};
  zx_status_t status = slirp_wire_create(dispatcher, &config, out);
  if (status != ZX_OK) {
    component_log(component, COMPONENT_LOG_ERROR, "cannot make the slirp wire with an mtu of %u: status %d",
                  config.mtu, status);
  }
  return status;
}

int main(int argc, char** argv) {
  raise_descriptor_limit();
  static const driver_kind_t kind = {.name = "slirp", .open = open_wire};
  return driver_main(argc, argv, &kind);
}
