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
  program_t program;
  for (size_t i = 0; i < instance->document.use.count; i++) {
    const cml_clause_t* use = &instance->document.use.items[i];
    for (size_t j = 0; j < use->names.count; j++) {
      if (check_use(realm, instance, use, j, error)) continue;
      if (use->availability == CML_REQUIRED) return false;
      if (warning && use->availability == CML_OPTIONAL) warning(context, error);
    }
  }
  return !instance->document.has_program || program_read(realm, instance, &program, error);
}

bool realm_check(const realm_t* realm, realm_warning_t warning, void* context, cml_error_t* error) {
  for (size_t i = 0; i < realm->instance_count; i++) {
    if (!check_instance(realm, realm->instances[i], warning, context, error)) return false;
  }
  return true;
}
