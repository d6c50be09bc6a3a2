// ethernet_slirp: the Ethernet driver of the unprivileged wire.
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "driver.h"
#include "slirp.h"

// Each connection takes a descriptor.
static void raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

// Opens the host's side of the published ports. False if one cannot be, and says so; the others are closed.
static bool open_publications(component_t* component, const driver_options_t* options,
                              slirp_publication_t out[DRIVER_PUBLICATIONS_MAX]) {
  for (size_t i = 0; i < options->publication_count; i++) {
    const publication_t* publication = &options->publications[i];
    int fd = publication_open(publication);
    if (fd < 0) {
      component_log(component, COMPONENT_LOG_ERROR, "cannot publish the client's port %u: %s",
                    publication->port, strerror(-fd));
      while (i > 0)
        close(out[--i].fd);
      return false;
    }
    out[i] = (slirp_publication_t){fd, publication->datagrams, publication->port};
  }
  return true;
}

static zx_status_t open_wire(async_dispatcher_t* dispatcher, component_t* component,
                             const driver_options_t* options, wire_t** out) {
  slirp_publication_t publications[DRIVER_PUBLICATIONS_MAX];
  if (!open_publications(component, options, publications)) return ZX_ERR_NO_RESOURCES;
  slirp_wire_config_t config = {.mtu = options->mtu,
                                .host_loopback = options->host_loopback,
                                .publications = publications,
                                .publication_count = options->publication_count};
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
