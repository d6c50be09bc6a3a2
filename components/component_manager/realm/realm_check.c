// The walk over all instances that precedes the first start.
#include "realm_check.h"

#include <string.h>

#include "program.h"
#include "route.h"

static bool unsupported(const realm_instance_t* instance, const cml_clause_t* use, cml_error_t* error) {
  cml_fail(error, use->location, "UnsupportedCapability",
           "%s uses a %s; programs can be given protocols and services", instance->moniker,
           cml_type_name(use->type));
  return false;
}

// What is declared has to be served by a program that knows how: one of runner "elf".
static bool check_provider(const realm_t* realm, const cml_clause_t* use, const realm_route_t* route,
                           cml_error_t* error) {
  const realm_instance_t* provider = route->provider;
  if (!provider->document.has_program) {
    return cml_fail(error, route->declaration->location, "InvalidCapability",
                    "%s %s is declared by %s, which has no program to serve it", cml_type_name(use->type),
                    route->name, provider->moniker);
  }
  const char* runner = realm_route_runner(realm, provider, error);
  return runner && (strcmp(runner, "elf") == 0 ||
                    cml_fail(error, route->declaration->location, "InvalidCapability",
                             "%s %s is declared by %s, but a program of runner \"%s\" serves nothing",
                             cml_type_name(use->type), route->name, provider->moniker, runner));
}

static bool check_use(const realm_t* realm, realm_instance_t* instance, const cml_clause_t* use, size_t name,
                      cml_error_t* error) {
  realm_route_t route;
  if (use->type == CML_RUNNER) return true;
  if (use->type == CML_DIRECTORY || use->type == CML_STORAGE) return unsupported(instance, use, error);
  if (!realm_route_use(realm, instance, use, name, &route, error)) return false;
  return route.source != REALM_SOURCE_COMPONENT || check_provider(realm, use, &route, error);
}

static bool check_instance(const realm_t* realm, realm_instance_t* instance, realm_warning_t warning,
                           void* context, cml_error_t* error) {
  for (size_t i = 0; i < instance->document.use.count; i++) {
    const cml_clause_t* use = &instance->document.use.items[i];
    for (size_t j = 0; j < use->names.count; j++) {
      if (check_use(realm, instance, use, j, error)) continue;
      if (use->availability == CML_REQUIRED) return false;
      if (warning && use->availability == CML_OPTIONAL) warning(context, error);
    }
  }
  return true;
}

typedef struct programs {
  program_t* items;
  size_t count;
} programs_t;

// A stand-in for the port that a socket will get.
static const char* find_socket(void* context, const char* name, size_t size) {
  const programs_t* programs = context;
  for (size_t i = 0; i < programs->count; i++) {
    for (size_t j = 0; j < programs->items[i].socket_count; j++) {
      const char* socket = programs->items[i].sockets[j].name.text;
      if (strlen(socket) == size && memcmp(socket, name, size) == 0) return "0";
    }
  }
  return NULL;
}

static bool check_variables(const realm_t* realm, programs_t* programs, const cml_strings_t* strings,
                            cml_error_t* error) {
  for (size_t i = 0; i < strings->count; i++) {
    if (!program_expand(realm->arena, &strings->items[i], find_socket, programs, error)) return false;
  }
  return true;
}

static bool check_programs(const realm_t* realm, cml_error_t* error) {
  programs_t programs = {NULL, 0};
  for (size_t i = 0; i < realm->instance_count; i++) {
    program_t program;
    if (!realm->instances[i]->document.has_program) continue;
    if (!program_read(realm, realm->instances[i], &program, error)) return false;
    *cml_arena_push(realm->arena, &programs.items, &programs.count) = program;
  }
  for (size_t i = 0; i < programs.count; i++) {
    if (!check_variables(realm, &programs, &programs.items[i].args, error) ||
        !check_variables(realm, &programs, &programs.items[i].environ, error)) {
      return false;
    }
  }
  return true;
}

bool realm_check(const realm_t* realm, realm_warning_t warning, void* context, cml_error_t* error) {
  for (size_t i = 0; i < realm->instance_count; i++) {
    if (!check_instance(realm, realm->instances[i], warning, context, error)) return false;
  }
  return check_programs(realm, error);
}
