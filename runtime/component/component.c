// Start-up, the namespace, and the log. The outgoing directory is in outgoing.c.
#include "lib/component/component.h"

#include <errno.h>
#include <fcntl.h>
#include <fidl/fuchsia.io.h>
#include <fidl/jacinth.process.h>
#include <lib/async-loop/loop.h>
#include <lib/trace/trace.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "component_internal.h"

// How long the component manager may take to say what it gives.
#define START_TIMEOUT ZX_SEC(10)

static void* map_trace(zx_handle_t vmo, size_t* out_size) {
  struct stat info;
  int fd;
  if (zx_linux_vmo_to_fd(vmo, &fd) != ZX_OK) return NULL;
  void* memory = MAP_FAILED;
  if (fstat(fd, &info) == 0)
    memory = mmap(NULL, (size_t)info.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  *out_size = (size_t)info.st_size;
  return memory == MAP_FAILED ? NULL : memory;
}

static void take_trace(component_t* component, zx_handle_t vmo) {
  size_t size;
  if (vmo == ZX_HANDLE_INVALID) return;
  void* memory = map_trace(vmo, &size);
  if (!memory || !trace_attach(memory, size))
    component_log(component, COMPONENT_LOG_WARNING, "cannot record trace points");
}

static char* copy_string(fidl_string_t string) {
  return strndup(string.data ? string.data : "", string.size);
}

static zx_status_t take_namespace(component_t* component,
                                  const fidl_vector_jacinth_process_NamespaceEntry_t* entries) {
  component->entries = calloc(entries->count ? entries->count : 1, sizeof *component->entries);
  if (!component->entries) return ZX_ERR_NO_MEMORY;
  for (uint64_t i = 0; i < entries->count; i++) {
    component_entry_t* entry = &component->entries[component->entry_count++];
    entry->path = copy_string(entries->data[i].path);
    entry->directory = entries->data[i].directory;
    entries->data[i].directory = ZX_HANDLE_INVALID;
    if (!entry->path) return ZX_ERR_NO_MEMORY;
  }
  return ZX_OK;
}

static zx_handle_t take(zx_handle_t* handle) {
  zx_handle_t taken = *handle;
  *handle = ZX_HANDLE_INVALID;
  return taken;
}

static void on_start(void* context, jacinth_process_BootstrapStartRequest* request) {
  component_t* component = context;
  if (component->started) return;
  component->started = true;
  component->moniker = copy_string(request->moniker);
  component->start_status =
      component->moniker ? take_namespace(component, &request->namespace_) : ZX_ERR_NO_MEMORY;
  component->outgoing = take(&request->outgoing);
  component->lifecycle = take(&request->lifecycle);
  take_trace(component, take(&request->trace));
}

static void on_bootstrap_unbound(void* context, fidl_binding_t* binding, zx_status_t reason) {
  component_t* component = context;
  (void)binding;
  component->bootstrap_over = true;
  if (!component->started) component->start_status = reason;
}

static const jacinth_process_Bootstrap_ops_t bootstrap_ops = {.Start = on_start};

// Runs the loop until the channels are done with that refer to the component. One that has been told to quit
// does that still, and is told again afterwards.
static void end_bindings(component_t* component, async_loop_t* loop) {
  bool quit = false;
  while (!component->bootstrap_over || component->lifecycle_binding) {
    if (async_loop_run(loop, ZX_TIME_INFINITE, true) != ZX_ERR_CANCELED) continue;
    quit = true;
    async_loop_reset_quit(loop);
  }
  if (quit) async_loop_quit(loop);
}

// Runs the loop until the message has come and its channel is done with.
static zx_status_t hear(component_t* component, zx_handle_t bootstrap) {
  async_loop_t* loop = async_loop_from_dispatcher(component->dispatcher);
  fidl_binding_t* binding;
  zx_status_t status = jacinth_process_Bootstrap_bind(component->dispatcher, bootstrap, &bootstrap_ops,
                                                      component, on_bootstrap_unbound, &binding);
  if (status != ZX_OK) return status;
  zx_time_t deadline = zx_deadline_after(START_TIMEOUT);
  while (!component->started && !component->bootstrap_over && status == ZX_OK)
    status = async_loop_run(loop, deadline, true);
  if (!component->bootstrap_over) fidl_binding_close(binding, ZX_OK);
  end_bindings(component, loop);
  return component->started || status == ZX_OK ? component->start_status : status;
}

static void on_stop(void* context) {
  component_t* component = context;
  if (component->stop) component->stop(component->stop_context);
}

static void on_lifecycle_unbound(void* context, fidl_binding_t* binding, zx_status_t reason) {
  component_t* component = context;
  (void)binding;
  (void)reason;
  component->lifecycle_binding = NULL;
}

static const jacinth_process_Lifecycle_ops_t lifecycle_ops = {.Stop = on_stop};

static zx_status_t serve_lifecycle(component_t* component) {
  if (component->lifecycle == ZX_HANDLE_INVALID) return ZX_OK;
  return jacinth_process_Lifecycle_bind(component->dispatcher, take(&component->lifecycle), &lifecycle_ops,
                                        component, on_lifecycle_unbound, &component->lifecycle_binding);
}

zx_status_t component_create_from_channel(async_dispatcher_t* dispatcher, zx_handle_t bootstrap,
                                          component_t** out) {
  component_t* component = calloc(1, sizeof *component);
  if (!component) {
    zx_handle_close(bootstrap);
    return ZX_ERR_NO_MEMORY;
  }
  component->dispatcher = dispatcher;
  zx_status_t status = hear(component, bootstrap);
  if (status == ZX_OK) status = serve_lifecycle(component);
  if (status == ZX_OK) status = component_serve_outgoing(component);
  if (status != ZX_OK) {
    if (component->lifecycle_binding) {
      fidl_binding_close(component->lifecycle_binding, status);
      end_bindings(component, async_loop_from_dispatcher(dispatcher));
    }
    component_destroy(component);
    return status;
  }
  *out = component;
  return ZX_OK;
}

zx_status_t component_create(async_dispatcher_t* dispatcher, component_t** out) {
  const char* text = getenv("JACINTH_BOOTSTRAP");
  char* end = NULL;
  long fd = text ? strtol(text, &end, 10) : -1;
  zx_handle_t bootstrap;
  if (!text || end == text || *end || fd < 0 || fcntl((int)fd, F_GETFD) < 0) return ZX_ERR_NOT_FOUND;
  unsetenv("JACINTH_BOOTSTRAP");
  zx_status_t status = zx_linux_channel_from_fd((int)fd, &bootstrap);
  return status == ZX_OK ? component_create_from_channel(dispatcher, bootstrap, out) : status;
}

void component_destroy(component_t* component) {
  if (!component) return;
  for (size_t i = 0; i < component->entry_count; i++) {
    zx_handle_close(component->entries[i].directory);
    free(component->entries[i].path);
  }
  zx_handle_close(component->outgoing);
  zx_handle_close(component->lifecycle);
  component_free_services(component);
  free(component->entries);
  free(component->moniker);
  free(component);
}

const char* component_moniker(const component_t* component) {
  return component->moniker;
}

zx_handle_t component_directory(const component_t* component, const char* path) {
  for (size_t i = 0; i < component->entry_count; i++) {
    if (strcmp(component->entries[i].path, path) == 0) return component->entries[i].directory;
  }
  return ZX_HANDLE_INVALID;
}

zx_status_t component_connect(component_t* component, const char* name, zx_handle_t server_end) {
  zx_handle_t svc = component_directory(component, "/svc");
  if (svc == ZX_HANDLE_INVALID) {
    zx_handle_close(server_end);
    return ZX_ERR_NOT_FOUND;
  }
  fuchsia_io_DirectoryOpenRequest request = {.path = fidl_string(name), .object = server_end};
  return fuchsia_io_Directory_Open(svc, &request);
}

void component_on_stop(component_t* component, void (*stop)(void* context), void* context) {
  component->stop = stop;
  component->stop_context = context;
}

void component_logv(const component_t* component, component_severity_t severity, const char* format,
                    va_list args) {
  static const char* const words[] = {"DEBUG", "INFO", "WARNING", "ERROR"};
  char line[1024];
  (void)component;
  int size = snprintf(line, sizeof line, "%s: ", words[severity]);
  int rest = vsnprintf(line + size, sizeof line - (size_t)size - 1, format, args);
  if (rest < 0) return;
  size += rest;
  if (size > (int)sizeof line - 2) size = (int)sizeof line - 2;
  line[size++] = '\n';
  // One write, so that lines of several threads do not mix. There is nobody to tell that the log is gone.
  if (write(STDERR_FILENO, line, (size_t)size) < 0) return;
}

void component_log(const component_t* component, component_severity_t severity, const char* format, ...) {
  va_list args;
  va_start(args, format);
  component_logv(component, severity, format, args);
  va_end(args);
}
