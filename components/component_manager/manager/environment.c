// The arguments and environment of a component's process.
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "manager_internal.h"

typedef struct lookup {
  manager_t* manager;
  cml_arena_t* arena;
} lookup_t;

static const char* port_of(int fd, cml_arena_t* arena) {
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  if (fd < 0 || getsockname(fd, (struct sockaddr*)&address, &size) != 0) return NULL;
  return cml_arena_printf(arena, "%u", ntohs(address.sin_port));
}

// Variables are the names of the sockets of all programs.
static const char* look_up(void* context, const char* name, size_t size) {
  const lookup_t* lookup = context;
  for (size_t i = 0; i < lookup->manager->realm->instance_count; i++) {
    const component_t* component = &lookup->manager->components[i];
    for (size_t j = 0; j < component->program.socket_count; j++) {
      const char* socket_name = component->program.sockets[j].name.text;
      if (strlen(socket_name) == size && memcmp(socket_name, name, size) == 0)
        return port_of(component->sockets[j], lookup->arena);
    }
  }
  return NULL;
}

typedef struct list {
  cml_arena_t* arena;
  const char** items;
  size_t count;
} list_t;

static void add(list_t* list, const char* item) {
  *cml_arena_push(list->arena, &list->items, &list->count) = item;
}

// In place of one of its name: of two a program sees only the first.
static void add_variable(list_t* list, const char* variable) {
  size_t size = strcspn(variable, "=") + 1;
  for (size_t i = 0; i < list->count; i++) {
    if (strncmp(list->items[i], variable, size) != 0) continue;
    list->items[i] = variable;
    return;
  }
  add(list, variable);
}

static bool add_expanded(component_t* component, list_t* list, const cml_strings_t* strings,
                         void (*add_one)(list_t* list, const char* item), cml_error_t* error) {
  lookup_t lookup = {component->manager, list->arena};
  for (size_t i = 0; i < strings->count; i++) {
    const char* text = program_expand(list->arena, &strings->items[i], look_up, &lookup, error);
    if (!text) return false;
    add_one(list, text);
  }
  return true;
}

static bool runs_command(const component_t* component) {
  return component->manager->options.command && component->instance == component->manager->main;
}

const char* const* component_arguments(component_t* component, cml_arena_t* arena,
                                       const environment_numbers_t* numbers, cml_error_t* error) {
  list_t list = {.arena = arena};
  if (runs_command(component)) return component->manager->options.command + 1;
  add(&list, component->program.inside);
  if (!add_expanded(component, &list, &component->program.args, add, error)) return NULL;
  bool publishes = component->instance == component->manager->publisher;
  const char* const* publish = publishes ? component->manager->options.publish : NULL;
  for (; publish && *publish; publish++)
    add(&list, cml_arena_printf(arena, "--publish=%s", *publish));
  if (numbers->capture >= 0) add(&list, cml_arena_printf(arena, "--capture=%d", numbers->capture));
  add(&list, NULL);
  return list.items;
}

// What is about us, or decided by us.
static bool is_ours(const char* variable) {
  static const char* const prefixes[] = {
      "JACINTH_",
      "LISTEN_",
      "LD_PRELOAD=",
#ifdef __SANITIZE_ADDRESS__
      "ASAN_OPTIONS=",
#endif
  };
  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
    if (strncmp(variable, prefixes[i], strlen(prefixes[i])) == 0) return true;
  }
  return false;
}

// A program run for somebody has that person's environment, but for that.
static void add_callers(list_t* list) {
  for (char** variable = environ; *variable; variable++) {
    if (!is_ours(*variable)) add(list, *variable);
  }
}

// A few things without which programs are surprised.
static void add_common(list_t* list) {
  static const char* const kept[] = {"LANG", "LC_ALL", "TERM", "TZ", "HOME", "USER"};
  add(list, "PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin");
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
    const char* value = getenv(kept[i]);
    if (value) add(list, cml_arena_printf(list->arena, "%s=%s", kept[i], value));
  }
}

static void add_number(list_t* list, const char* name, int number) {
  if (number >= 0) add_variable(list, cml_arena_printf(list->arena, "%s=%d", name, number));
}

const char* const* component_environment(component_t* component, cml_arena_t* arena,
                                         const environment_numbers_t* numbers, cml_error_t* error) {
  list_t list = {.arena = arena};
  if (runs_command(component)) {
    add_callers(&list);
  } else if (component->program.runner == PROGRAM_POSIX) {
    add_common(&list);
  }
#ifdef __SANITIZE_ADDRESS__
  // The search for leaks needs system calls a component does not have; fdio comes before the sanitizer's
  // library.
  add(&list, "ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0");
#endif
  if (!add_expanded(component, &list, &component->program.environ, add_variable, error)) return NULL;
  add_number(&list, "JACINTH_BOOTSTRAP", numbers->bootstrap);
  add_number(&list, "JACINTH_SVC", numbers->svc);
  add_number(&list, "JACINTH_TRACE", numbers->trace);
  // Its init adds LISTEN_PID, which it alone knows.
  if (numbers->sockets > 0) add_variable(&list, cml_arena_printf(arena, "LISTEN_FDS=%zu", numbers->sockets));
  add(&list, NULL);
  return list.items;
}
