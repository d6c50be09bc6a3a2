// The order of the checks, and those of the names, children, collections, program and config. The numbers are
// those of section 6 of the CML facts.
#include "validate.h"

#include <string.h>

#include "words.h"

const char* cml_clause_text(validator_t* v, const cml_clause_t* clause) {
  static const char* const sections[] = {
      [CML_CAPABILITIES] = "capabilities", [CML_USE] = "use", [CML_EXPOSE] = "expose", [CML_OFFER] = "offer"};
  const char* section = sections[clause->section];
  if (!clause->has_type || clause->names.count == 0) return section;
  return cml_arena_printf(v->arena, "%s: %s %s%s", section, cml_type_name(clause->type),
                          clause->names.items[0].text, clause->names.count > 1 ? ", ..." : "");
}

bool cml_fail_no_child(validator_t* v, cml_location_t location, const char* error_class, const char* what,
                       const char* name, bool or_collection) {
  const cml_document_t* document = v->document;
  size_t room = document->child_count + document->collection_count + 1, count = 0;
  const char** names = cml_arena_alloc(v->arena, room * sizeof *names);
  for (size_t i = 0; i < document->child_count; i++)
    names[count++] = document->children[i].name.text;
  for (size_t i = 0; or_collection && i < document->collection_count; i++) {
    names[count++] = document->collections[i].name.text;
  }
  cml_fail(v->error, location, error_class, "%s: there is no child%s named \"%s\" here", what,
           or_collection ? " or collection" : "", name);
  const char* nearest = cml_nearest(name, names);
  if (nearest) return cml_advise(v->error, "did you mean \"#%s\"?", nearest);
  if (count == 0) return cml_advise(v->error, "this manifest has no children; add one to its \"children\"");
  const char* list = cml_arena_printf(v->arena, "#%s", names[0]);
  for (size_t i = 1; i < count && i < 8; i++)
    list = cml_arena_printf(v->arena, "%s, #%s", list, names[i]);
  return cml_advise(v->error, "there %s %s%s", count == 1 ? "is" : "are", list, count > 8 ? ", ..." : "");
}

// Rules 4 and 7.
bool cml_validate_clause(validator_t* v, const cml_clause_t* clause) {
  if (!clause->has_type) {
    cml_fail(v->error, clause->location, "MissingField", "%s: this clause names no capability",
             cml_clause_text(v, clause));
    return cml_advise(
        v->error, "give it one of protocol, service, directory, storage, runner, resolver or event_stream");
  }
  if (clause->names.count > 1 && clause->path.text) {
    return cml_fail(v->error, clause->path.location, "ExtraneousField",
                    "%s: one \"path\" cannot be that of several names", cml_clause_text(v, clause));
  }
  if (clause->names.count > 1 && clause->as.text) {
    return cml_fail(v->error, clause->as.location, "ExtraneousField",
                    "%s: \"as\" cannot rename several names to one", cml_clause_text(v, clause));
  }
  return true;
}

bool cml_validate_declared(validator_t* v, const cml_clause_t* clause) {
  for (size_t i = 0; i < clause->names.count; i++) {
    const char* name = clause->names.items[i].text;
    if (cml_find_capability(v->document, clause->type, name)) continue;
    cml_fail(v->error, clause->names.items[i].location, "InvalidCapability",
             "%s comes from \"self\", but \"capabilities\" declares no %s named \"%s\"",
             cml_clause_text(v, clause), cml_type_name(clause->type), name);
    return cml_advise(v->error, "add { %s: \"%s\" } to \"capabilities\"", cml_type_name(clause->type), name);
  }
  return true;
}

typedef struct named {
  const char* what;
  const cml_string_t* name;
} named_t;

static bool add_name(validator_t* v, named_t* names, size_t* count, const char* what,
                     const cml_string_t* name) {
  for (size_t i = 0; i < *count; i++) {
    if (strcmp(names[i].name->text, name->text) != 0) continue;
    uint32_t line, column;
    cml_location_position(names[i].name->location, &line, &column);
    return cml_fail(v->error, name->location, "DuplicateField", "\"%s\" is the name of a %s already (%s:%u)",
                    name->text, names[i].what, names[i].name->location.source->name, line);
  }
  names[(*count)++] = (named_t){what, name};
  return true;
}

static bool shares_namespace(cml_type_t type) {
  return type == CML_STORAGE || type == CML_RUNNER || type == CML_RESOLVER;
}

// Rule 2: children, collections, environments, storage, runners and resolvers share one space of names.
static bool validate_names(validator_t* v) {
  const cml_document_t* d = v->document;
  size_t room = d->child_count + d->collection_count + d->environment_count, count = 0;
  for (size_t i = 0; i < d->capabilities.count; i++)
    room += d->capabilities.items[i].names.count;
  named_t* names = cml_arena_alloc(v->arena, room * sizeof *names);
  for (size_t i = 0; i < d->child_count; i++) {
    if (!add_name(v, names, &count, "child", &d->children[i].name)) return false;
  }
  for (size_t i = 0; i < d->collection_count; i++) {
    if (!add_name(v, names, &count, "collection", &d->collections[i].name)) return false;
  }
  for (size_t i = 0; i < d->capabilities.count; i++) {
    const cml_clause_t* clause = &d->capabilities.items[i];
    for (size_t j = 0; clause->has_type && shares_namespace(clause->type) && j < clause->names.count; j++) {
      if (!add_name(v, names, &count, cml_type_name(clause->type), &clause->names.items[j])) return false;
    }
  }
  for (size_t i = 0; i < d->environment_count; i++) {
    if (!add_name(v, names, &count, "environment", &d->environments[i].name)) return false;
  }
  return true;
}

static bool check_environment(validator_t* v, const char* what, const char* name,
                              const cml_string_t* environment) {
  if (!environment->text || cml_find_environment(v->document, environment->text)) return true;
  cml_fail(v->error, environment->location, "InvalidEnvironment",
           "%s #%s: there is no environment named \"%s\" here", what, name, environment->text);
  return cml_advise(v->error, "add it to \"environments\"");
}

// Rule 3.
static bool validate_instances(validator_t* v) {
  const cml_document_t* d = v->document;
  for (size_t i = 0; i < d->child_count; i++) {
    if (!check_environment(v, "child", d->children[i].name.text, &d->children[i].environment)) return false;
  }
  for (size_t i = 0; i < d->collection_count; i++) {
    if (!check_environment(v, "collection", d->collections[i].name.text, &d->collections[i].environment))
      return false;
  }
  return true;
}

static bool uses_runner(const cml_document_t* document) {
  for (size_t i = 0; i < document->use.count; i++) {
    if (document->use.items[i].has_type && document->use.items[i].type == CML_RUNNER) return true;
  }
  return false;
}

// Rule 24, and the end of 8.
static bool validate_program(validator_t* v) {
  const cml_document_t* d = v->document;
  if (!d->has_program) return true;
  if (!d->runner.text && !uses_runner(d)) {
    cml_fail(v->error, d->program.location, "MissingField", "program: there is no \"runner\"");
    return cml_advise(
        v->error,
        "add runner: \"elf\" for a component built against Jacinth, runner: \"posix\" for any program");
  }
  if (d->runner.text && uses_runner(d)) {
    return cml_fail(v->error, d->runner.location, "InvalidField",
                    "program names a runner, and so does \"use\"");
  }
  return true;
}

bool cml_validate(cml_arena_t* arena, const cml_document_t* document, cml_error_t* error) {
  validator_t v = {arena, document, error};
  memset(error, 0, sizeof *error);
  return validate_names(&v) && validate_instances(&v) && cml_validate_capabilities(&v) &&
         cml_validate_use(&v) && cml_validate_expose(&v) && cml_validate_offer(&v) && validate_program(&v) &&
         cml_validate_environments(&v) && cml_validate_config(&v) && cml_validate_cycles(&v);
}
