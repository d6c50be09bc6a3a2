// The whole tree: what is started first, what the end of a component means, and the order of stopping.
#include "manager.h"

#include <errno.h>
#include <lib/async/time.h>
#include <lib/trace/trace.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "manager_internal.h"

#define UNSET (-1)

// Making

static bool make_component(manager_t* manager, realm_instance_t* instance, cml_error_t* error) {
  component_t* component = &manager->components[instance->index];
  component->manager = manager;
  component->instance = instance;
  component->label = instance->parent ? instance->moniker : instance->name;
  component->has_program = instance->document.has_program;
  component->process = (sandbox_process_t){.pid = -1, .pidfd = -1, .report_fd = -1};
  component->logs[0].fd.fd = component->logs[1].fd.fd = component->trace_fd = -1;
  if (!component->has_program) return true;
  return program_read(manager->realm, instance, &component->program, error) &&
         component_find_uses(component, error) && component_bind_sockets(component, error);
}

// `command` takes the place of the main component's program.
static bool place_command(manager_t* manager, cml_error_t* error) {
  const char* const* command = manager->options.command;
  if (!command) return true;
  component_t* main = manager->main ? &manager->components[manager->main->index] : NULL;
  if (!main || !main->has_program || main->program.runner != PROGRAM_POSIX) {
    return cml_fail(error, manager->realm->root->document.location, "InvalidField",
                    "there is no main component with runner \"posix\" whose place the program could take");
  }
  main->program.binary = main->program.inside = command[0];
  main->program.output = main->program.errors = PROGRAM_OUTPUT_TERMINAL;
  return true;
}

// Who does what the options ask for: it takes a component that knows how.
static bool find_by_facet(const manager_t* manager, const realm_instance_t* found, const char* what,
                          const char* advice, cml_error_t* error) {
  if (found && found->document.has_program) return true;
  cml_fail(error, manager->realm->root->document.location, "InvalidField",
           "there is no component that could %s", what);
  return cml_advise(error, "name %s", advice);
}

static bool find_helpers(manager_t* manager, cml_error_t* error) {
  const manager_options_t* options = &manager->options;
  return realm_publisher_instance(manager->realm, &manager->publisher, error) &&
         realm_observer_instance(manager->realm, &manager->observer, error) &&
         (!options->publish ||
          find_by_facet(manager, manager->publisher, "publish ports of the host",
                        "a driver of the slirp wire: facets: { publisher: \"#ethernet\" }", error)) &&
         (options->capture == 0 || find_by_facet(manager, manager->observer, "record frames",
                                                 "a netstack: facets: { observer: \"#netstack\" }", error));
}

static bool uses_child(const cml_document_t* document) {
  for (size_t i = 0; i < document->use.count; i++) {
    if (document->use.items[i].from.items[0].kind == CML_REF_NAMED) return true;
  }
  return false;
}

// Whoever needs another is stopped before it: a parent after its children, which may use what it provides,
// unless it is the one that uses its children.
static void add_to_sequence(manager_t* manager, const realm_instance_t* instance) {
  component_t* component = &manager->components[instance->index];
  bool first = uses_child(&instance->document);
  if (first) manager->stop_sequence[manager->stop_count++] = component;
  for (size_t i = 0; i < instance->document.child_count; i++)
    add_to_sequence(manager, instance->children[instance->stop_order[i]]);
  if (!first) manager->stop_sequence[manager->stop_count++] = component;
}

static void on_signal(async_dispatcher_t* dispatcher, async_fd_t* fd, zx_status_t status, short events);

static bool watch_signals(manager_t* manager) {
  static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};
  sigset_t set;
  sigemptyset(&set);
  for (size_t i = 0; i < sizeof watched / sizeof *watched; i++)
    sigaddset(&set, watched[i]);
  if (!manager->options.command) {
    sigdelset(&set, SIGUSR1);
    sigdelset(&set, SIGUSR2);
    sigdelset(&set, SIGWINCH);
  }
  // Whoever ignores the end of the terminal for us (nohup) wants the tree to go on.
  struct sigaction hang_up;
  if (sigaction(SIGHUP, NULL, &hang_up) == 0 && hang_up.sa_handler == SIG_IGN) sigdelset(&set, SIGHUP);
  sigprocmask(SIG_BLOCK, &set, NULL);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_DFL);  // whoever started us may have ignored it, and then nobody's end could be learnt
  manager->signals = (async_fd_t){
      .handler = on_signal, .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), .events = POLLIN};
  return manager->signals.fd >= 0 && async_begin_fd(manager->dispatcher, &manager->signals) == ZX_OK;
}

bool manager_create(const realm_t* realm, const manager_options_t* options, manager_t** out,
                    cml_error_t* error) {
  manager_t* manager = cml_arena_alloc(realm->arena, sizeof *manager);
  manager->realm = realm;
  manager->options = *options;
  manager->exit_status = UNSET;
  manager->signals.fd = manager->terminal = -1;
  manager->components = cml_arena_alloc(realm->arena, realm->instance_count * sizeof *manager->components);
  manager->stop_sequence = cml_arena_alloc(realm->arena, realm->instance_count * sizeof(component_t*));
  bool ok = realm_main_instance(realm, &manager->main, error);
  for (size_t i = 0; ok && i < realm->instance_count; i++)
    ok = make_component(manager, realm->instances[i], error);
  ok = ok && place_command(manager, error) && find_helpers(manager, error);
  if (ok && async_loop_create(NULL, &manager->loop) != ZX_OK)
    ok = cml_fail(error, (cml_location_t){0}, "InternalError", "no event loop");
  if (ok) {
    manager->dispatcher = async_loop_get_dispatcher(manager->loop);
    if (options->command) manager->terminal = terminal_lend();
    ok = watch_signals(manager) ||
         cml_fail(error, (cml_location_t){0}, "InternalError", "no signals: %s", strerror(errno));
  }
  add_to_sequence(manager, realm->root);
  if (ok) {
    *out = manager;
  } else {
    manager_destroy(manager);
  }
  return ok;
}

void manager_destroy(manager_t* manager) {
  if (!manager) return;
  if (manager->loop) async_loop_shutdown(manager->loop);
  for (size_t i = 0; i < manager->realm->instance_count; i++) {
    component_t* component = &manager->components[i];
    for (size_t j = 0; component->sockets && j < component->program.socket_count; j++) {
      if (component->sockets[j] >= 0) close(component->sockets[j]);
    }
    if (component->trace) {
      munmap(component->trace, TRACE_BUFFER_BYTES);
      close(component->trace_fd);
    }
  }
  if (manager->signals.fd >= 0) close(manager->signals.fd);
  terminal_take_back(manager->terminal);
  async_loop_destroy(manager->loop);
}

// Running

static bool anything_runs(const manager_t* manager) {
  for (size_t i = 0; i < manager->realm->instance_count; i++) {
    if (component_runs(&manager->components[i])) return true;
  }
  return false;
}

// Stops the next in the sequence; the end of each calls this again.
static void stop_next(manager_t* manager) {
  for (size_t i = 0; i < manager->stop_count; i++) {
    component_t* component = manager->stop_sequence[i];
    if (component->state == COMPONENT_STOPPING && !manager->hurried) return;
    if (!component_runs(component)) continue;
    if (!manager->hurried) {
      component_stop(component);
      return;
    }
    component_kill(component);
  }
  if (!anything_runs(manager)) async_loop_quit(manager->loop);
}

void manager_stop(manager_t* manager, int exit_status) {
  if (manager->exit_status == UNSET) manager->exit_status = exit_status;
  manager->stopping = true;
  stop_next(manager);
}

void manager_start_eager_children(manager_t* manager, const realm_instance_t* instance) {
  for (size_t i = 0; i < instance->document.child_count; i++) {
    if (instance->document.children[i].eager) manager_start_instance(manager, instance->children[i]);
  }
}

void manager_start_instance(manager_t* manager, const realm_instance_t* instance) {
  component_t* component = &manager->components[instance->index];
  if (manager->stopping) return;
  if (component->has_program && component_start(component) != ZX_OK) {
    manager_stop(manager, 1);
    return;
  }
  manager_start_eager_children(manager, instance);
}

// A signal meant for the program goes to it; one that the terminal sent has reached it already.
static void pass_on(manager_t* manager, const struct signalfd_siginfo* info) {
  component_t* component = &manager->components[manager->main->index];
  if (component_runs(component) && info->ssi_code <= 0) kill(component->process.pid, (int)info->ssi_signo);
}

static void on_signal(async_dispatcher_t* dispatcher, async_fd_t* fd, zx_status_t status, short events) {
  manager_t* manager = (void*)((char*)fd - offsetof(manager_t, signals));
  struct signalfd_siginfo info;
  (void)dispatcher;
  (void)events;
  if (status != ZX_OK || read(fd->fd, &info, sizeof info) != sizeof info) return;
  bool main_runs = manager->main && component_runs(&manager->components[manager->main->index]);
  if (manager->options.command && !manager->stopping && main_runs) {
    pass_on(manager, &info);
    return;
  }
  if (manager->stopping) manager->hurried = true;
  manager_stop(manager, main_runs ? 128 + (int)info.ssi_signo : 0);
}

static int exit_status_of(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

static void say_end(const component_t* component, int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    manager_say(component->manager, "%s was ended by signal %d (%s)", component->label, WTERMSIG(wait_status),
                strsignal(WTERMSIG(wait_status)));
  } else {
    manager_say(component->manager, "%s ended with status %d", component->label, WEXITSTATUS(wait_status));
  }
}

void manager_component_ended(manager_t* manager, component_t* component, int wait_status) {
  bool is_main = component->instance == manager->main;
  if (manager->stopping) {
    stop_next(manager);
    return;
  }
  bool speaks_for_itself = is_main && manager->options.command;
  if (wait_status != 0 && !speaks_for_itself) say_end(component, wait_status);
  if (is_main) {
    manager_stop(manager, exit_status_of(wait_status));
  } else if (component->never_worked) {
    manager_say(manager,
                "%s died while starting, so everything is stopped; what it said is above, its program is %s",
                component->label, component->program.binary);
    manager_stop(manager, 1);
  } else if (component->instance->child && component->instance->child->reboot_on_terminate) {
    manager_say(manager, "%s has ended, and with it everything, as its on_terminate says", component->label);
    manager_stop(manager, exit_status_of(wait_status));
  } else if (!anything_runs(manager)) {
    manager_stop(manager, exit_status_of(wait_status));
  }
}

int manager_run(manager_t* manager) {
  manager_start_instance(manager, manager->realm->root);
  if (manager->main) manager_start_instance(manager, manager->main);
  if (!manager->stopping && !anything_runs(manager)) {
    manager_say(manager, "nothing to run: %s has no program, no eager child and no facet \"main\"",
                manager->realm->root->path);
    return 1;
  }
  async_loop_run(manager->loop, ZX_TIME_INFINITE, false);
  return manager->exit_status == UNSET ? 0 : manager->exit_status;
}

int manager_process(const manager_t* manager, const realm_instance_t* instance) {
  return manager->components[instance->index].last_pid;
}

const void* manager_trace(const manager_t* manager, const realm_instance_t* instance, size_t* out_size) {
  *out_size = TRACE_BUFFER_BYTES;
  return manager->components[instance->index].trace;
}
