// The directories of a component's namespace (mostly /svc): each name in them is a capability the component
// uses, and opening it hands the request on to whoever provides it, which is started if need be. After that
// the manager is out of the way.
#include <fidl/fuchsia.io.h>
#include <lib/async/time.h>
#include <string.h>
#include <zircon/syscalls.h>

#include "manager_internal.h"

// How often one component's requests are complained about: it could make any number of them.
#define COMPLAINTS_MAX 10u
// How long a component may take to end after it has closed the directory of what it provides. One that failed
// is left alone for less.
#define HELD_TIME ZX_SEC(5)
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

// Of what cannot be had because everything is being stopped, the reason has been told.
static void refuse(component_t* user, const realm_route_t* route, zx_handle_t object, const char* why) {
  const component_t* provider = &user->manager->components[route->provider->index];
  if (!user->manager->stopping && user->complaints++ < COMPLAINTS_MAX)
    manager_say(user->manager, "%s gets no %s: %s %s", user->label, route->name, provider->label, why);
  fidl_epitaph_write(object, ZX_ERR_UNAVAILABLE);
  zx_handle_close(object);
}

static void refuse_held(component_t* provider, const char* why) {
  async_cancel_task(provider->manager->dispatcher, &provider->held_timer);
  for (size_t i = 0; i < provider->held_count; i++)
    refuse(provider->held[i].user, provider->held[i].route, provider->held[i].object, why);
  provider->held_count = 0;
}

// It has failed, and may not be started again yet.
static bool is_left_alone(const component_t* provider) {
  return !component_runs(provider) && provider->failures > 0 &&
         async_now(provider->manager->dispatcher) < provider->not_before;
}

static void on_held_long_enough(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status) {
  component_t* provider = (void*)((char*)task - offsetof(component_t, held_timer));
  if (status != ZX_OK) return;
  if (component_runs(provider)) {
    refuse_held(provider, "no longer serves anybody, but goes on");
  } else {
    component_pass_held(provider);
  }
}

static void wait_with_held(component_t* provider) {
  async_dispatcher_t* dispatcher = provider->manager->dispatcher;
  async_cancel_task(dispatcher, &provider->held_timer);
  provider->held_timer = (async_task_t){.handler = on_held_long_enough};
  provider->held_timer.deadline =
      is_left_alone(provider) ? provider->not_before : async_now(dispatcher) + HELD_TIME;
  async_post_task(dispatcher, &provider->held_timer);
}

// Its process closes its end of the directory as it dies, before we learn of its death.
static bool is_ending(const component_t* provider) {
  zx_signals_t observed = 0;
  return zx_object_wait_one(provider->outgoing, ZX_CHANNEL_PEER_CLOSED, ZX_TIME_INFINITE_PAST, &observed) ==
         ZX_OK;
}

// Consumes `object`.
static void hold(component_t* user, const realm_route_t* route, zx_handle_t object) {
  component_t* provider = &user->manager->components[route->provider->index];
  if (provider->held_count == HELD_REQUESTS_MAX) {
    refuse(user, route, object, "is being replaced, and too many wait for that");
    return;
  }
  if (provider->held_count == 0) wait_with_held(provider);
  provider->held[provider->held_count++] = (held_request_t){user, route, object};
}

// Consumes `object`.
static void connect_provider(component_t* user, const realm_route_t* route, zx_handle_t object) {
  component_t* provider = &user->manager->components[route->provider->index];
  if (is_left_alone(provider)) {
    hold(user, route, object);
    return;
  }
  bool is_new = provider->state != COMPONENT_RUNNING;
  if (component_start(provider) != ZX_OK) {
    refuse(user, route, object, "does not run");
    return;
  }
  if (is_new) manager_start_eager_children(user->manager, provider->instance);
  if (is_ending(provider)) {
    hold(user, route, object);
    return;
  }
  fuchsia_io_DirectoryOpenRequest request = {.path = fidl_string(route->path + 1), .object = object};
  zx_status_t status = fuchsia_io_Directory_Open(provider->outgoing, &request);
  if (status != ZX_OK && user->complaints++ < COMPLAINTS_MAX)
    manager_say(user->manager, "cannot pass %s's request for %s on to %s", user->label, route->name,
                provider->label);
}

void component_pass_held(component_t* provider) {
  size_t count = provider->held_count;
  if (provider->manager->stopping) {
    refuse_held(provider, "is not started again");
    return;
  }
  if (count > 0 && is_left_alone(provider)) {
    wait_with_held(provider);
    return;
  }
  async_cancel_task(provider->manager->dispatcher, &provider->held_timer);
  provider->held_count = 0;
  held_request_t held[HELD_REQUESTS_MAX];
  memcpy(held, provider->held, sizeof held);
  for (size_t i = 0; i < count; i++)
    connect_provider(held[i].user, held[i].route, held[i].object);
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
      manager_say(user->manager, "%s asked for %.*s, which its manifest does not use: not connected",
                  user->label, (int)(request->path.size < 200 ? request->path.size : 200),
                  request->path.data);
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
    manager_say(directory->component->manager, "%s wrote nonsense to its %s, which is closed to it now",
                directory->component->label, directory->path);
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
