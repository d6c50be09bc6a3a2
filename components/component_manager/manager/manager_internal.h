// What the parts of the manager share.
#ifndef COMPONENT_MANAGER_MANAGER_INTERNAL_H_
#define COMPONENT_MANAGER_MANAGER_INTERNAL_H_

#include <lib/async-loop/loop.h>
#include <lib/async/fd.h>
#include <lib/async/task.h>
#include <lib/fidl/server.h>

#include "manager.h"
#include "program.h"
#include "route.h"
#include "sandbox.h"

typedef struct component component_t;

// A request for what a component provides that has come while the component is on its way out, or left alone
// because it failed: it is for the next process.
typedef struct held_request {
  component_t* user;
  const realm_route_t* route;
  zx_handle_t object;
} held_request_t;

// As many for each provider; users that ask for more meanwhile are refused.
#define HELD_REQUESTS_MAX 64u

// Where a use leads, found out once.
typedef struct component_use {
  const char* path;  // in the namespace
  bool has_route;    // an optional one may have none
  realm_route_t route;
} component_use_t;

// One directory of a component's namespace, served by us.
typedef struct component_directory {
  component_t* component;
  const char* path;
  fidl_binding_t* binding;  // NULL unless the component runs
} component_directory_t;

// A pipe that a component writes its log to.
typedef struct log_stream {
  component_t* component;
  async_fd_t fd;  // fd.fd is -1 while there is none
  char line[1024];
  size_t size;
  bool continues;  // what is in `line` goes on with one that was too long
  bool is_shown;   // which was shown, or not
} log_stream_t;

typedef enum component_state {
  COMPONENT_IDLE,  // not started yet
  COMPONENT_RUNNING,
  COMPONENT_STOPPING,
  COMPONENT_ENDED,
} component_state_t;

struct component {
  manager_t* manager;
  realm_instance_t* instance;
  const char* label;  // its moniker, or the root's name
  bool has_program;
  program_t program;
  bool host_network;
  bool needs_fdio;
  component_use_t* uses;
  size_t use_count;
  component_directory_t* directories;
  size_t directory_count;
  int* sockets;  // as program.sockets

  component_state_t state;
  sandbox_process_t process;
  int last_pid;
  zx_time_t started_at;
  bool cannot_start;     // not even its first process could be made; it is not tried again
  bool has_worked;       // a process of it has lived, or ended well or by somebody's will
  bool never_worked;     // its first process ended by itself soon after its start, and not well
  unsigned failures;     // processes in a row that did, after one that worked
  zx_time_t not_before;  // when it may be started again after those
  unsigned complaints;
  async_fd_t ended;
  log_stream_t logs[2];
  zx_handle_t outgoing;
  zx_handle_t lifecycle;
  async_task_t stop_timer;
  held_request_t held[HELD_REQUESTS_MAX];
  size_t held_count;
  async_task_t held_timer;
  void* trace;  // mapped
  int trace_fd;
};

struct manager {
  const realm_t* realm;
  manager_options_t options;
  async_loop_t* loop;
  async_dispatcher_t* dispatcher;
  component_t* components;  // by realm_instance_t.index
  realm_instance_t *main, *publisher, *observer;
  component_t** stop_sequence;
  size_t stop_count;
  async_fd_t signals;
  int terminal;  // lent to the command; -1: none
  bool stopping;
  bool hurried;  // asked to stop a second time: kill
  unsigned lines_lost;
  int exit_status;
};

// manager.c
// Begins to stop everything; `exit_status` is what manager_run() will return unless it is set already.
void manager_stop(manager_t* manager, int exit_status);
// Told of every component that has ended.
void manager_component_ended(manager_t* manager, component_t* component, int wait_status);
void manager_start_instance(manager_t* manager, const realm_instance_t* instance);
void manager_start_eager_children(manager_t* manager, const realm_instance_t* instance);

static inline bool component_runs(const component_t* component) {
  return component->state == COMPONENT_RUNNING || component->state == COMPONENT_STOPPING;
}

// component.c
zx_status_t component_start(component_t* component);
void component_stop(component_t* component);
void component_kill(component_t* component);

// environment.c: the arguments and environment of a component's process, from `arena`; NULL with an error.
typedef struct environment_numbers {
  int bootstrap, svc, trace, capture;  // descriptors inside; -1: none
  size_t sockets;
} environment_numbers_t;
const char* const* component_arguments(component_t* component, cml_arena_t* arena,
                                       const environment_numbers_t* numbers, cml_error_t* error);
const char* const* component_environment(component_t* component, cml_arena_t* arena,
                                         const environment_numbers_t* numbers, cml_error_t* error);

// sockets.c
bool component_bind_sockets(component_t* component, cml_error_t* error);

// services.c
bool component_find_uses(component_t* component, cml_error_t* error);
zx_status_t component_serve_directory(component_directory_t* directory, zx_handle_t server_end);
void component_close_directories(component_t* component);
// Its process has ended: what was held for it goes to a new one.
void component_pass_held(component_t* component);

// terminal.c: a program that is run for somebody may make a job of itself, as shells do, and then nobody is
// left that could give the terminal back. Returns a descriptor of our terminal if we have it (are in its
// foreground), else -1.
int terminal_lend(void);
// Takes it back, unless somebody else has it who still runs, and closes it. Accepts -1.
void terminal_take_back(int terminal);

// tap.c
void manager_serve_tap(manager_t* manager, zx_handle_t server_end);

// log.c: what is written to standard error. Lines that nobody takes for a while are lost and counted: a
// reader that has stopped must not stop the manager. Tells whoever watches in one line. What components say
// may be part of it: it is made harmless.
__attribute__((format(printf, 2, 3))) void manager_say(manager_t* manager, const char* format, ...);
// Puts "?" in place of what would move the cursor of somebody's terminal.
void log_make_harmless(char* text, size_t size);
// Makes a pipe whose lines are shown as the component's; returns the end to write to, -1 on failure.
int log_stream_open(log_stream_t* stream, component_t* component);
// Shows what is left and closes.
void log_stream_close(log_stream_t* stream);

#endif  // COMPONENT_MANAGER_MANAGER_INTERNAL_H_
