// Rules 8 to 14 for what a component uses.
#include <string.h>

#include "validate.h"

static bool invalid(validator_t* v, cml_location_t location, const cml_clause_t* clause, const char* why) {
  return cml_fail(v->error, location, "InvalidField", "%s: %s", cml_clause_text(v, clause), why);
}

// Rule 8.
static bool check_fields(validator_t* v, const cml_clause_t* clause) {
  const cml_ref_t* from = &clause->from.items[0];
  bool has_path = clause->type == CML_DIRECTORY || clause->type == CML_STORAGE;
  if (clause->type == CML_RESOLVER)
    return invalid(v, clause->location, clause, "a resolver is registered in an environment, not used");
  if (has_path && !clause->path.text) {
    return cml_fail(v->error, clause->location, "MissingField", "%s needs \"path\": where to see it",
                    cml_clause_text(v, clause));
  }
  if (clause->type == CML_DIRECTORY && !clause->rights_location.source) {
    return cml_fail(v->error, clause->location, "MissingField", "%s needs \"rights\"",
                    cml_clause_text(v, clause));
  }
  if (clause->type != CML_DIRECTORY && clause->rights_location.source) {
    return invalid(v, clause->rights_location, clause, "only a directory has rights");
  }
  if (clause->type != CML_DIRECTORY && clause->subdir.text) {
    return invalid(v, clause->subdir.location, clause, "only a directory has a subdir");
  }
  if (clause->type == CML_STORAGE && from->location.source) {
    return invalid(v, from->location, clause, "storage comes from the parent; leave \"from\" out");
  }
  if (from->kind == CML_REF_DEBUG && clause->type != CML_PROTOCOL) {
    return invalid(v, from->location, clause, "only a protocol can come from \"debug\"");
  }
  if (clause->filter && clause->type != CML_EVENT_STREAM) {
    return invalid(v, clause->filter->location, clause, "only an event_stream has a filter");
  }
  if (clause->scope.count > 0 && clause->type != CML_EVENT_STREAM) {
    return invalid(v, clause->scope.items[0].location, clause, "only an event_stream has a scope");
  }
  if (clause->type == CML_RUNNER && clause->path.text) {
    return invalid(v, clause->path.location, clause, "a runner has no path here");
  }
  return true;
}

static bool check_availability(validator_t* v, const cml_clause_t* clause) {
  const cml_ref_t* from = &clause->from.items[0];
  if (clause->availability == CML_SAME_AS_TARGET) {
    return invalid(v, clause->availability_location, clause, "\"same_as_target\" is for offer and expose");
  }
  if (clause->type == CML_EVENT_STREAM && from->kind == CML_REF_SELF) {
    return invalid(v, from->location, clause, "an event_stream does not come from \"self\"");
  }
  if ((clause->type == CML_EVENT_STREAM || clause->type == CML_RUNNER) &&
      clause->availability_location.source) {
    return invalid(v, clause->availability_location, clause,
                   "it is always required; leave \"availability\" out");
  }
  // Rule 12.
  if (clause->dependency_location.source && clause->weak && from->kind != CML_REF_NAMED) {
    return invalid(v, clause->dependency_location, clause,
                   "only what comes from a child can be a weak dependency");
  }
  return true;
}

// Rules 13, 14 and 20.
static bool check_source(validator_t* v, const cml_clause_t* clause) {
  const cml_ref_t* from = &clause->from.items[0];
  if (clause->from.count > 1) {
    return invalid(v, clause->from.items[1].location, clause, "a capability is used from one place");
  }
  if (from->kind == CML_REF_SELF) return cml_validate_declared(v, clause);
  if (from->kind != CML_REF_NAMED || cml_find_child(v->document, from->name)) return true;
  if (clause->type == CML_PROTOCOL && cml_find_capability(v->document, CML_STORAGE, from->name)) return true;
  return cml_fail_no_child(v, from->location, "InvalidChild", cml_clause_text(v, clause), from->name, false);
}

typedef struct use_target {
  const cml_clause_t* clause;
  const char* path;       // of the capability
  size_t directory_size;  // how much of the path is the namespace entry: all of it, or its parent
} use_target_t;

static bool is_within(const char* path, size_t size, const char* outer, size_t outer_size) {
  return size >= outer_size && strncmp(path, outer, outer_size) == 0 &&
         (size == outer_size || path[outer_size] == '/' || outer_size == 0);
}

static bool is_directory(const cml_clause_t* clause) {
  return clause->type == CML_DIRECTORY || clause->type == CML_STORAGE;
}

// Rules 9 and 11 for a pair of targets.
static bool check_pair(validator_t* v, const use_target_t* a, const use_target_t* b) {
  if (strcmp(a->path, b->path) == 0) {
    cml_fail(v->error, b->clause->location, "DuplicateField", "%s: something else is used at %s already",
             cml_clause_text(v, b->clause), b->path);
    return cml_advise(v->error, "give one of them another \"path\"");
  }
  bool either_directory = is_directory(a->clause) || is_directory(b->clause);
  bool same = a->directory_size == b->directory_size && strncmp(a->path, b->path, a->directory_size) == 0;
  bool nested = is_within(a->path, a->directory_size, b->path, b->directory_size) ||
                is_within(b->path, b->directory_size, a->path, a->directory_size);
  if (!nested || (same && !either_directory)) return true;
  return cml_fail(v->error, b->clause->location, "InvalidPathOverlap", "%s at %s overlaps %s at %s",
                  cml_clause_text(v, b->clause), b->path, cml_clause_text(v, a->clause), a->path);
}

// Rule 10.
static bool check_pkg(validator_t* v, const use_target_t* target) {
  static const char pkg[] = "/pkg";
  if (!is_within(target->path, strlen(target->path), pkg, sizeof pkg - 1)) return true;
  return cml_fail(v->error, target->clause->location, "PkgPathOverlap",
                  "%s at %s: /pkg is the component's own package", cml_clause_text(v, target->clause),
                  target->path);
}

static bool check_paths(validator_t* v) {
  use_target_t* targets = NULL;
  size_t count = 0;
  for (size_t i = 0; i < v->document->use.count; i++) {
    const cml_clause_t* clause = &v->document->use.items[i];
    for (size_t j = 0; clause->type != CML_RUNNER && j < clause->names.count; j++) {
      if (clause->type == CML_EVENT_STREAM && j > 0) break;  // several streams are read from one path
      const char* path = cml_target_path(v->arena, clause, j);
      size_t size = is_directory(clause) ? strlen(path) : (size_t)(strrchr(path, '/') - path);
      use_target_t target = {clause, path, size};
      if (!check_pkg(v, &target)) return false;
      for (size_t k = 0; k < count; k++) {
        if (!check_pair(v, &targets[k], &target)) return false;
      }
      *cml_arena_push(v->arena, &targets, &count) = target;
    }
  }
  return true;
}

bool cml_validate_use(validator_t* v) {
  bool runner = false;
  for (size_t i = 0; i < v->document->use.count; i++) {
    const cml_clause_t* clause = &v->document->use.items[i];
    if (!cml_validate_clause(v, clause) || !check_fields(v, clause) || !check_availability(v, clause) ||
        !check_source(v, clause)) {
      return false;
    }
    if (clause->type == CML_RUNNER && (runner || clause->names.count > 1)) {
      return invalid(v, clause->location, clause, "a component has one runner");
    }
    runner = runner || clause->type == CML_RUNNER;
  }
  return check_paths(v);
}
