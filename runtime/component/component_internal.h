// What the parts of a component share.
#ifndef RUNTIME_COMPONENT_INTERNAL_H_
#define RUNTIME_COMPONENT_INTERNAL_H_

#include <lib/component/component.h>
#include <lib/fidl/server.h>
#include <stdbool.h>

typedef struct component_entry {
  char* path;
  zx_handle_t directory;
} component_entry_t;

typedef struct component_service {
  struct component_service* next;
  component_connector_t connect;
  void* context;
  char name[];
} component_service_t;

struct component {
  async_dispatcher_t* dispatcher;
  char* moniker;
  component_entry_t* entries;
  size_t entry_count;
  zx_handle_t outgoing;   // until it is served
  zx_handle_t lifecycle;  // until it is served
  bool started;
  bool bootstrap_over;
  zx_status_t start_status;
  bool has_outgoing;
  component_service_t* services;
  fidl_binding_t* lifecycle_binding;
  void (*stop)(void* context);
  void* stop_context;
};

// Begins serving component->outgoing, if there is one.
zx_status_t component_serve_outgoing(component_t* component);

void component_free_services(component_t* component);

#endif  // RUNTIME_COMPONENT_INTERNAL_H_
