// Rule 25, and rule 13 for registrations.
#include <string.h>

#include "validate.h"

// What two registrations of one kind may not have in common: a resolver's scheme, another's name.
static const char* registered_as(const cml_registration_t* r) {
  if (r->type == CML_RESOLVER) return r->scheme.text;
  return r->as.text ? r->as.text : r->name.text;
}

static bool check_source(validator_t* v, const cml_environment_t* environment, const cml_registration_t* r) {
  const char* what = cml_arena_printf(v->arena, "environment #%s: %s %s", environment->name.text,
                                      cml_type_name(r->type), r->name.text);
  if (r->from.kind == CML_REF_NAMED && !cml_find_child(v->document, r->from.name)) {
    return cml_fail_no_child(v, r->from.location, "InvalidChild", what, r->from.name, false);
  }
  if (r->from.kind != CML_REF_SELF || cml_find_capability(v->document, r->type, r->name.text)) return true;
  return cml_fail(v->error, r->name.location, r->type == CML_RUNNER ? "InvalidRunner" : "InvalidCapability",
                  "%s comes from \"self\", but \"capabilities\" declares no such %s", what,
                  cml_type_name(r->type));
}

static bool check_environment(validator_t* v, const cml_environment_t* environment) {
  if (!environment->extends_realm && !environment->stop_timeout_location.source) {
    cml_fail(v->error, environment->location, "MissingField",
             "environment #%s extends nothing, so it needs \"__stop_timeout_ms\"", environment->name.text);
    return cml_advise(v->error, "add extends: \"realm\", or __stop_timeout_ms: 5000");
  }
  for (size_t i = 0; i < environment->registration_count; i++) {
    const cml_registration_t* r = &environment->registrations[i];
    for (size_t j = 0; j < i; j++) {
      const cml_registration_t* other = &environment->registrations[j];
      if (other->type != r->type || strcmp(registered_as(other), registered_as(r)) != 0) continue;
      return cml_fail(v->error, r->location, "DuplicateField", "environment #%s has a %s for \"%s\" already",
                      environment->name.text, cml_type_name(r->type), registered_as(r));
    }
    if (!check_source(v, environment, r)) return false;
  }
  return true;
}

bool cml_validate_environments(validator_t* v) {
  for (size_t i = 0; i < v->document->environment_count; i++) {
    if (!check_environment(v, &v->document->environments[i])) return false;
  }
  return true;
}
