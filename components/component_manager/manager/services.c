// The directories of a component's namespace (mostly /svc): each name in them is a capability the component
// uses, and opening it hands the request on to whoever provides it, which is started if need be. After that
// the manager is out of the way.
#include <fidl/fuchsia.io.h>
#include <string.h>
#include <zircon/syscalls.h>

#include "manager_internal.h"

// How often one component's requests are complained about: it could make any number of them.
#define COMPLAINTS_MAX 10u
#define POSIX_SOCKETS "fuchsia.posix.socket.Provider"

static void add_directory(component_t* component, const char* path) {
  cml_arena_t* arena = component->manager->realm->arena;
  const char* directory = cml_arena_strndup(arena, path, (size_t)(strrchr(path, '/') - path));
  for (size_t i = 0; i < component->directory_count; i++) {
    if (strcmp(component->directories[i].path, directory) == 0) return;
  }
  *cml_arena_push(arena, &component->directories, &component->directory_count) =
      (component_directory_t){component, directory, NULL};
}

static bool add_use(component_t* component, const cml_clause_t* clause, size_t name, cml_error_t* error) {
  const realm_t* realm = component->manager->realm;
  component_use_t use = {.path = cml_target_path(realm->arena, clause, name)};
  use.has_route = realm_route_use(realm, component->instance, clause, name, &use.route, error);
  if (!use.has_route && clause->availability == CML_REQUIRED) return false;
  bool is_network = use.has_route && use.route.source == REALM_SOURCE_BUILTIN &&
                    strcmp(use.route.name, REALM_BUILTIN_NETWORK) == 0;
  component->host_network = component->host_network || is_network;
  if (is_network) return true;  // it is where the process runs, nothing to be opened
  if (strcmp(clause->names.items[name].text, POSIX_SOCKETS) == 0) component->needs_fdio = true;
  *cml_arena_push(realm->arena, &component->uses, &component->use_count) = use;
  add_directory(component, use.path);
  return true;
}

bool component_find_uses(component_t* component, cml_error_t* error) {
  const cml_clauses_t* uses = &component->instance->document.use;
  for (size_t i = 0; i < uses->count; i++) {
    const cml_clause_t* clause = &uses->items[i];
    bool opened = clause->type == CML_PROTOCOL || clause->type == CML_SERVICE;
    for (size_t j = 0; opened && j < clause->names.count; j++) {
      if (!add_use(component, clause, j, error)) return false;
    }
  }
  return true;
}

static const component_use_t* find_use(const component_directory_t* directory, fidl_string_t name) {
  const component_t* component = directory->component;
  size_t size = strlen(directory->path);
  for (size_t i = 0; i < component->use_count; i++) {
    const char* path = component->uses[i].path;
    if (strncmp(path, directory->path, size) != 0 || path[size] != '/') continue;
    if (strlen(path + size + 1) == name.size && memcmp(path + size + 1, name.data, name.size) == 0)
      return &component->uses[i];
  }
  return NULL;
}

// Consumes `object`.
static void connect_provider(component_t* user, const realm_route_t* route, zx_handle_t object) {
  component_t* provider = &user->manager->components[route->provider->index];
  if (component_start(provider) != ZX_OK) {
    if (user->complaints++ < COMPLAINTS_MAX)
      manager_say("%s gets no %s: %s does not run", user->label, route->name, provider->label);
    fidl_epitaph_write(object, ZX_ERR_UNAVAILABLE);
    zx_handle_close(object);
    return;
  }
  fuchsia_io_DirectoryOpenRequest request = {.path = fidl_string(route->path + 1), .object = object};
  zx_status_t status = fuchsia_io_Directory_Open(provider->outgoing, &request);
  if (status != ZX_OK && user->complaints++ < COMPLAINTS_MAX)
    manager_say("cannot pass %s's request for %s on to %s", user->label, route->name, provider->label);
}

static void connect_builtin(component_t* user, const realm_route_t* route, zx_handle_t object) {
  if (strcmp(route->name, REALM_BUILTIN_TAP) == 0) {
    manager_serve_tap(user->manager, object);
  } else {
    zx_handle_close(object);
  }
}

static void on_open(void* context, fuchsia_io_DirectoryOpenRequest* request) {
  const component_directory_t* directory = context;
  component_t* user = directory->component;
  const component_use_t* use = find_use(directory, request->path);
  if (!use || !use->has_route || use->route.source == REALM_SOURCE_VOID) {
    if (!use && user->complaints++ < COMPLAINTS_MAX) {
      manager_say("%s asked for %.*s, which its manifest does not use: not connected", user->label,
                  (int)(request->path.size < 200 ? request->path.size : 200), request->path.data);
    }
    fidl_epitaph_write(request->object, ZX_ERR_NOT_FOUND);
    return;
  }
  zx_handle_t object = request->object;
  request->object = ZX_HANDLE_INVALID;
  if (use->route.source == REALM_SOURCE_BUILTIN) {
    connect_builtin(user, &use->route, object);
  } else {
    connect_provider(user, &use->route, object);
  }
}

static void on_unbound(void* context, fidl_binding_t* binding, zx_status_t reason) {
  component_directory_t* directory = context;
  if (directory->binding == binding) directory->binding = NULL;
  bool misspoke = reason == ZX_ERR_INVALID_ARGS || reason == ZX_ERR_NOT_SUPPORTED;
  if (misspoke)
    manager_say("%s wrote nonsense to its %s, which is closed to it now", directory->component->label,
                directory->path);
}

zx_status_t component_serve_directory(component_directory_t* directory, zx_handle_t server_end) {
  static const fuchsia_io_Directory_ops_t ops = {.Open = on_open};
  return fuchsia_io_Directory_bind(directory->component->manager->dispatcher, server_end, &ops, directory,
                                   on_unbound, &directory->binding);
}

void component_close_directories(component_t* component) {
  for (size_t i = 0; i < component->directory_count; i++) {
    if (component->directories[i].binding)
      fidl_binding_close(component->directories[i].binding, ZX_ERR_PEER_CLOSED);
    component->directories[i].binding = NULL;
  }
}
