// The outgoing directory: it holds svc/, and that the protocols served. Nothing in it can be listed; whoever
// opens it knows what the manifests say.
#include <fidl/fuchsia.io.h>
#include <stdlib.h>
#include <string.h>
#include <zircon/syscalls.h>

#include "component_internal.h"

static component_service_t* find_service(const component_t* component, const char* name, size_t size) {
  for (component_service_t* service = component->services; service; service = service->next) {
    if (strlen(service->name) == size && memcmp(service->name, name, size) == 0) return service;
  }
  return NULL;
}

static void on_open(void* context, fuchsia_io_DirectoryOpenRequest* request) {
  static const char svc[] = "svc/";
  const component_t* component = context;
  const component_service_t* service = NULL;
  if (request->path.size > sizeof svc - 1 && memcmp(request->path.data, svc, sizeof svc - 1) == 0) {
    service =
        find_service(component, request->path.data + sizeof svc - 1, request->path.size - (sizeof svc - 1));
  }
  if (!service) {
    fidl_epitaph_write(request->object, ZX_ERR_NOT_FOUND);
    return;
  }
  zx_handle_t server_end = request->object;
  request->object = ZX_HANDLE_INVALID;
  service->connect(service->context, server_end);
}

static const fuchsia_io_Directory_ops_t directory_ops = {.Open = on_open};

zx_status_t component_serve_outgoing(component_t* component) {
  zx_handle_t outgoing = component->outgoing;
  component->outgoing = ZX_HANDLE_INVALID;
  component->has_outgoing = outgoing != ZX_HANDLE_INVALID;
  if (!component->has_outgoing) return ZX_OK;
  return fuchsia_io_Directory_bind(component->dispatcher, outgoing, &directory_ops, component, NULL, NULL);
}

zx_status_t component_serve(component_t* component, const char* name, component_connector_t connect,
                            void* context) {
  size_t size = strlen(name);
  if (!component->has_outgoing) return ZX_ERR_BAD_STATE;
  if (find_service(component, name, size)) return ZX_ERR_ALREADY_EXISTS;
  component_service_t* service = malloc(sizeof *service + size + 1);
  if (!service) return ZX_ERR_NO_MEMORY;
  memcpy(service->name, name, size + 1);
  service->connect = connect;
  service->context = context;
  service->next = component->services;
  component->services = service;
  return ZX_OK;
}

void component_free_services(component_t* component) {
  for (component_service_t *service = component->services, *next; service; service = next) {
    next = service->next;
    free(service);
  }
}
