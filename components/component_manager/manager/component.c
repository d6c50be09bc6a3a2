// One component: how its process is started, how it is asked to stop, and what its end means.
#include <errno.h>
#include <fcntl.h>
#include <fidl/jacinth.process.h>
#include <lib/async/time.h>
#include <lib/trace/trace.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "manager_internal.h"

// An end within this time of a start, that nobody asked for, counts as a failure to start.
#define EARLY_END ZX_SEC(2)
// How long one that has failed so is left alone: at first, and at most.
#define BACK_OFF_FIRST ZX_MSEC(100)
#define BACK_OFF_MOST ZX_SEC(4)
#define FDIO_INSIDE "/run/jacinth/libfdio.so"

// The standard streams, the sockets, and what a program that knows nothing of us is given besides.
_Static_assert(3 + PROGRAM_SOCKETS_MAX + 3 <= SANDBOX_DESCRIPTORS_MAX, "sockets find no place");

// What a process is given, on the way there.
typedef struct launch {
  component_t* component;
  cml_arena_t* arena;
  sandbox_spec_t spec;
  int owned[SANDBOX_DESCRIPTORS_MAX];  // descriptors to close when it has been started
  size_t owned_count;
  zx_handle_t bootstrap;  // our end
} launch_t;

static int own(launch_t* launch, int fd) {
  if (fd >= 0) launch->owned[launch->owned_count++] = fd;
  return fd;
}

static int add_descriptor(launch_t* launch, int fd) {
  sandbox_spec_t* spec = &launch->spec;
  spec->descriptors[spec->descriptor_count] = fd;
  return sandbox_number(spec, spec->descriptor_count++);
}

static int output(launch_t* launch, program_output_t where, int stream, int null) {
  component_t* component = launch->component;
  if (where == PROGRAM_OUTPUT_TERMINAL) return stream;
  if (where == PROGRAM_OUTPUT_NONE) return null;
  log_stream_t* log = &component->logs[stream == STDERR_FILENO];
  log_stream_close(log);
  int fd = own(launch, log_stream_open(log, component));
  return fd < 0 ? null : fd;
}

static bool is_command(const component_t* component) {
  return component->manager->options.command && component->instance == component->manager->main;
}

// What the caller has left open for its program, but for the numbers of sockets that are the program's by its
// manifest.
static void keep_callers(launch_t* launch) {
  const manager_options_t* options = &launch->component->manager->options;
  int first = 3 + (int)launch->component->program.socket_count;
  size_t skipped = 0;
  while (skipped < options->kept_count && options->kept[skipped] < first)
    skipped++;
  launch->spec.kept = options->kept + skipped;
  launch->spec.kept_count = options->kept_count - skipped;
}

static void close_callers(const manager_t* manager) {
  for (size_t i = 0; i < manager->options.kept_count; i++)
    close(manager->options.kept[i]);
}

static bool add_standard_streams(launch_t* launch) {
  const program_t* program = &launch->component->program;
  int null = own(launch, open("/dev/null", O_RDWR | O_CLOEXEC));
  if (null < 0) return false;
  add_descriptor(launch, is_command(launch->component) ? STDIN_FILENO : null);
  add_descriptor(launch, output(launch, program->output, STDOUT_FILENO, null));
  add_descriptor(launch, output(launch, program->errors, STDERR_FILENO, null));
  return true;
}

// A channel to the new process: `*out_handle` is our end, the return value the number its end will have
// there.
static int add_channel(launch_t* launch, zx_handle_t* out_handle) {
  zx_handle_t theirs;
  int fd;
  if (zx_channel_create(0, out_handle, &theirs) != ZX_OK) return -1;
  if (zx_linux_channel_to_fd(theirs, &fd) != ZX_OK) {
    zx_handle_close(*out_handle);
    return -1;
  }
  return add_descriptor(launch, own(launch, fd));
}

static bool make_trace(component_t* component) {
  if (!component->manager->options.trace || component->trace) return true;
  int fd = memfd_create("trace", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  bool ok = fd >= 0 && ftruncate(fd, TRACE_BUFFER_BYTES) == 0 &&
            fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0;
  void* memory = ok ? mmap(NULL, TRACE_BUFFER_BYTES, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
  if (memory == MAP_FAILED) {
    if (fd >= 0) close(fd);
    return false;
  }
  component->trace = memory;
  component->trace_fd = fd;
  return true;
}

static bool prepare_elf(launch_t* launch, environment_numbers_t* numbers) {
  numbers->bootstrap = add_channel(launch, &launch->bootstrap);
  return numbers->bootstrap >= 0;
}

static component_directory_t* find_svc(component_t* component) {
  for (size_t i = 0; i < component->directory_count; i++) {
    if (strcmp(component->directories[i].path, "/svc") == 0) return &component->directories[i];
  }
  return NULL;
}

// A program that knows nothing of us: fdio in it finds /svc and the trace memory by the environment.
static bool prepare_posix(launch_t* launch, environment_numbers_t* numbers) {
  component_t* component = launch->component;
  const realm_t* realm = component->manager->realm;
  component_directory_t* svc = find_svc(component);
  zx_handle_t server_end;
  numbers->sockets = component->program.socket_count;
  if (is_command(component)) keep_callers(launch);
  for (size_t i = 0; i < numbers->sockets; i++)
    add_descriptor(launch, component->sockets[i]);
  launch->spec.init = cml_arena_printf(launch->arena, "%s/bin/jacinth-init", realm->builtin_package);
  launch->spec.name_server = component->program.name_server;
  if (component->needs_fdio) {
    launch->spec.preload = FDIO_INSIDE;
    launch->spec.preload_outside =
        cml_arena_printf(launch->arena, "%s/lib/libfdio.so", realm->builtin_package);
  }
  if (is_command(component)) {
    launch->spec.foreground = launch->spec.writable_directory = launch->spec.host_tmp = true;
    launch->spec.working_directory = get_current_dir_name();
  }
  if (!svc) return true;
  numbers->svc = add_channel(launch, &server_end);
  if (numbers->svc < 0 || component_serve_directory(svc, server_end) != ZX_OK) return false;
  if (component->needs_fdio) launch->spec.svc = numbers->svc;
  if (component->trace) numbers->trace = add_descriptor(launch, component->trace_fd);
  return true;
}

static bool serve_namespace(component_t* component, jacinth_process_NamespaceEntry* entries) {
  for (size_t i = 0; i < component->directory_count; i++) {
    component_directory_t* directory = &component->directories[i];
    zx_handle_t client_end, server_end;
    if (zx_channel_create(0, &client_end, &server_end) != ZX_OK) return false;
    entries[i].path = fidl_string(directory->path);
    entries[i].directory = client_end;
    if (component_serve_directory(directory, server_end) != ZX_OK) return false;
  }
  return true;
}

static zx_handle_t trace_vmo(const component_t* component) {
  zx_handle_t vmo = ZX_HANDLE_INVALID;
  if (component->trace) zx_linux_vmo_from_fd(fcntl(component->trace_fd, F_DUPFD_CLOEXEC, 0), &vmo);
  return vmo;
}

// The first and only message to a component.
static zx_status_t send_start(launch_t* launch) {
  component_t* component = launch->component;
  jacinth_process_BootstrapStartRequest request = {.moniker = fidl_string(component->instance->moniker)};
  jacinth_process_NamespaceEntry entries[jacinth_process_MAX_NAMESPACE_ENTRIES];
  memset(entries, 0, sizeof entries);
  request.namespace_.data = entries;
  request.namespace_.count = component->directory_count;
  bool ok = component->directory_count <= jacinth_process_MAX_NAMESPACE_ENTRIES &&
            serve_namespace(component, entries);
  if (ok && component->instance->document.capabilities.count > 0) {
    ok = zx_channel_create(0, &component->outgoing, &request.outgoing) == ZX_OK;
  }
  if (ok && component->program.notify_stop)
    ok = zx_channel_create(0, &component->lifecycle, &request.lifecycle) == ZX_OK;
  request.trace = trace_vmo(component);
  if (ok) return jacinth_process_Bootstrap_Start(launch->bootstrap, &request);
  jacinth_process_BootstrapStartRequest_close_handles(&request);
  return ZX_ERR_NO_RESOURCES;
}

static void on_ended(async_dispatcher_t* dispatcher, async_fd_t* fd, zx_status_t status, short events);

static zx_status_t watch(component_t* component) {
  component->ended = (async_fd_t){.handler = on_ended, .fd = component->process.pidfd, .events = POLLIN};
  return async_begin_fd(component->manager->dispatcher, &component->ended);
}

static zx_status_t say_failure(component_t* component, const char* what) {
  manager_say(component->manager, "cannot start %s: %s", component->label, what);
  return ZX_ERR_NO_RESOURCES;
}

static zx_status_t launch_process(launch_t* launch) {
  component_t* component = launch->component;
  environment_numbers_t numbers = {-1, -1, -1, -1, 0};
  bool is_elf = component->program.runner == PROGRAM_ELF;
  cml_error_t error;
  if (!make_trace(component) || !add_standard_streams(launch))
    return say_failure(component, "no descriptors left");
  if (!(is_elf ? prepare_elf(launch, &numbers) : prepare_posix(launch, &numbers)))
    return say_failure(component, "no channel to it");
  if (component->instance == component->manager->observer && component->manager->options.capture > 0)
    numbers.capture = add_descriptor(launch, component->manager->options.capture);
  launch->spec.argv = component_arguments(component, launch->arena, &numbers, &error);
  launch->spec.envp =
      launch->spec.argv ? component_environment(component, launch->arena, &numbers, &error) : NULL;
  if (!launch->spec.envp) {
    cml_error_print(&error, stderr);
    return say_failure(component, "see above");
  }
  zx_status_t status = sandbox_start(&launch->spec, &component->process);
  if (status != ZX_OK) return say_failure(component, component->process.problem);
  if (component->process.notes[0])
    manager_say(component->manager, "%s runs with less isolation than it should: %s", component->label,
                component->process.notes);
  component->last_pid = component->process.pid;
  component->state = COMPONENT_RUNNING;
  component->started_at = async_now(component->manager->dispatcher);
  status = watch(component);
  if (status == ZX_OK && is_elf) status = send_start(launch);
  if (status == ZX_OK) return ZX_OK;
  component_kill(component);
  return say_failure(component, "it could not be told what it needs");
}

static void release(component_t* component) {
  component_close_directories(component);
  zx_handle_close(component->outgoing);
  zx_handle_close(component->lifecycle);
  component->outgoing = component->lifecycle = ZX_HANDLE_INVALID;
  for (size_t i = 0; i < 2; i++)
    log_stream_close(&component->logs[i]);
}

// A component that can work, as it has shown, fails for a reason that may pass: everything goes on, and it is
// tried again, but not as fast as its users ask.
static void back_off(component_t* component) {
  zx_duration_t pause = BACK_OFF_FIRST;
  for (unsigned i = 0; i < component->failures && pause < BACK_OFF_MOST; i++)
    pause *= 2;
  if (pause > BACK_OFF_MOST) pause = BACK_OFF_MOST;
  component->failures++;
  component->not_before = async_now(component->manager->dispatcher) + pause;
  if (component->manager->stopping) return;
  manager_say(component->manager, "%s failed as soon as it was started, and is left alone for %u ms",
              component->label, (unsigned)(pause / ZX_MSEC(1)));
}

zx_status_t component_start(component_t* component) {
  if (component->state == COMPONENT_RUNNING) return ZX_OK;
  if (component->state == COMPONENT_STOPPING || component->manager->stopping || !component->has_program)
    return ZX_ERR_BAD_STATE;
  if (component->cannot_start) return ZX_ERR_UNAVAILABLE;
  launch_t launch = {.component = component, .arena = cml_arena_create(), .bootstrap = ZX_HANDLE_INVALID};
  const program_t* program = &component->program;
  launch.spec.kind = program->runner == PROGRAM_ELF ? SANDBOX_ELF : SANDBOX_POSIX;
  launch.spec.package = component->instance->package;
  launch.spec.program = program->inside;
  launch.spec.program_outside = program->binary;
  launch.spec.host_network = component->host_network;
  zx_status_t status = launch_process(&launch);
  for (size_t i = 0; i < launch.owned_count; i++)
    close(launch.owned[i]);
  zx_handle_close(launch.bootstrap);
  free((char*)launch.spec.working_directory);
  cml_arena_destroy(launch.arena);
  if (status == ZX_OK && is_command(component)) close_callers(component->manager);
  if (status != ZX_OK && component->state != COMPONENT_RUNNING) {
    release(component);
    if (component->has_worked) {
      back_off(component);
    } else {
      component->cannot_start = true;
    }
  }
  return status;
}

void component_kill(component_t* component) {
  if (!component_runs(component)) return;
  component->state = COMPONENT_STOPPING;
  kill(component->process.pid, SIGKILL);
}

static void on_stop_timeout(async_dispatcher_t* dispatcher, async_task_t* task, zx_status_t status) {
  component_t* component = (void*)((char*)task - offsetof(component_t, stop_timer));
  (void)dispatcher;
  if (status != ZX_OK) return;
  manager_say(component->manager, "%s did not stop within %u ms and is killed", component->label,
              realm_stop_timeout_ms(component->instance));
  component_kill(component);
}

// Asks a component that wants to be asked, and a program by SIGTERM; the others are killed, as their
// manifests say.
void component_stop(component_t* component) {
  if (component->state != COMPONENT_RUNNING) return;
  bool asked = false;
  if (component->program.runner == PROGRAM_POSIX) {
    asked = kill(component->process.pid, SIGTERM) == 0;
  } else if (component->lifecycle != ZX_HANDLE_INVALID) {
    asked = jacinth_process_Lifecycle_Stop(component->lifecycle) == ZX_OK;
  }
  component->state = COMPONENT_STOPPING;
  if (!asked) {
    component_kill(component);
    return;
  }
  component->stop_timer = (async_task_t){.handler = on_stop_timeout};
  component->stop_timer.deadline =
      async_now(component->manager->dispatcher) + ZX_MSEC(realm_stop_timeout_ms(component->instance));
  async_post_task(component->manager->dispatcher, &component->stop_timer);
}

static void on_ended(async_dispatcher_t* dispatcher, async_fd_t* fd, zx_status_t status, short events) {
  component_t* component = (void*)((char*)fd - offsetof(component_t, ended));
  (void)events;
  if (status != ZX_OK) return;
  int wait_status = sandbox_reap(&component->process);
  if (wait_status < 0) return;
  async_cancel_fd(dispatcher, fd);
  async_cancel_task(dispatcher, &component->stop_timer);
  close(component->process.pidfd);
  if (component->process.report_fd >= 0) close(component->process.report_fd);
  component->process = (sandbox_process_t){.pid = -1, .pidfd = -1, .report_fd = -1};
  bool was_asked = component->state == COMPONENT_STOPPING;
  bool early = async_now(dispatcher) - component->started_at < EARLY_END;
  // Somebody's SIGKILL or SIGTERM is no failure of its own.
  bool wished =
      WIFSIGNALED(wait_status) && (WTERMSIG(wait_status) == SIGKILL || WTERMSIG(wait_status) == SIGTERM);
  bool failed = !was_asked && early && wait_status != 0 && !wished;
  component->never_worked = failed && !component->has_worked;
  release(component);
  component->state = COMPONENT_ENDED;
  manager_component_ended(component->manager, component, was_asked ? 0 : wait_status);
  if (failed) {
    back_off(component);
  } else {
    component->has_worked = true;
    component->failures = 0;
  }
  component_pass_held(component);
}
