// Rules 4 to 7 for what a component declares, and rule 27, its config.
#include <math.h>
#include <string.h>

#include "validate.h"
#include "words.h"

typedef struct requirement {
  cml_type_t type;
  const char* key;
  bool needed;  // else: not allowed
} requirement_t;

// The keys of a declaration by type; what is in neither form may be left out.
static const requirement_t requirements[] = {
    {CML_PROTOCOL, "rights", false},
    {CML_PROTOCOL, "from", false},
    {CML_PROTOCOL, "backing_dir", false},
    {CML_PROTOCOL, "storage_id", false},
    {CML_PROTOCOL, "subdir", false},
    {CML_SERVICE, "rights", false},
    {CML_SERVICE, "from", false},
    {CML_SERVICE, "backing_dir", false},
    {CML_SERVICE, "storage_id", false},
    {CML_SERVICE, "subdir", false},
    {CML_DIRECTORY, "path", true},
    {CML_DIRECTORY, "rights", true},
    {CML_DIRECTORY, "from", false},
    {CML_DIRECTORY, "backing_dir", false},
    {CML_DIRECTORY, "storage_id", false},
    {CML_STORAGE, "from", true},
    {CML_STORAGE, "backing_dir", true},
    {CML_STORAGE, "storage_id", true},
    {CML_STORAGE, "path", false},
    {CML_STORAGE, "rights", false},
    {CML_RUNNER, "path", true},
    {CML_RUNNER, "from", false},
    {CML_RUNNER, "rights", false},
    {CML_RUNNER, "subdir", false},
    {CML_RUNNER, "backing_dir", false},
    {CML_RUNNER, "storage_id", false},
    {CML_RESOLVER, "path", true},
    {CML_RESOLVER, "from", false},
    {CML_RESOLVER, "rights", false},
    {CML_RESOLVER, "subdir", false},
    {CML_RESOLVER, "backing_dir", false},
    {CML_RESOLVER, "storage_id", false},
    {CML_EVENT_STREAM, "from", false},
    {CML_EVENT_STREAM, "rights", false},
    {CML_EVENT_STREAM, "subdir", false},
    {CML_EVENT_STREAM, "backing_dir", false},
    {CML_EVENT_STREAM, "storage_id", false},
};

static cml_location_t key_location(const cml_clause_t* clause, const char* key) {
  if (strcmp(key, "path") == 0) return clause->path.location;
  if (strcmp(key, "rights") == 0) return clause->rights_location;
  if (strcmp(key, "subdir") == 0) return clause->subdir.location;
  if (strcmp(key, "backing_dir") == 0) return clause->backing_dir.location;
  if (strcmp(key, "storage_id") == 0) return clause->storage_id.location;
  return clause->from.count ? clause->from.items[0].location : (cml_location_t){0};
}

static bool check_keys(validator_t* v, const cml_clause_t* clause) {
  for (size_t i = 0; i < sizeof requirements / sizeof *requirements; i++) {
    const requirement_t* r = &requirements[i];
    if (r->type != clause->type) continue;
    cml_location_t location = key_location(clause, r->key);
    if (r->needed && !location.source) {
      return cml_fail(v->error, clause->location, "MissingField", "%s needs \"%s\"",
                      cml_clause_text(v, clause), r->key);
    }
    if (!r->needed && location.source) {
      return cml_fail(v->error, location, "ExtraneousField", "%s: a declared %s has no \"%s\"",
                      cml_clause_text(v, clause), cml_type_name(clause->type), r->key);
    }
  }
  return true;
}

// Rule 6.
static bool check_duplicates(validator_t* v, size_t index) {
  const cml_clause_t* clause = &v->document->capabilities.items[index];
  for (size_t i = 0; i < index; i++) {
    const cml_clause_t* other = &v->document->capabilities.items[i];
    for (size_t a = 0; a < clause->names.count; a++) {
      for (size_t b = 0; b < other->names.count; b++) {
        if (strcmp(clause->names.items[a].text, other->names.items[b].text) != 0) continue;
        return cml_fail(v->error, clause->names.items[a].location, "DuplicateField",
                        "capabilities: \"%s\" is declared already", clause->names.items[a].text);
      }
    }
  }
  return true;
}

static bool check_storage_source(validator_t* v, const cml_clause_t* clause) {
  if (clause->type != CML_STORAGE) return true;
  if (clause->from.count > 1) {
    return cml_fail(v->error, clause->from.items[1].location, "InvalidField", "%s comes from one place",
                    cml_clause_text(v, clause));
  }
  const cml_ref_t* from = &clause->from.items[0];
  if (from->kind == CML_REF_NAMED && !cml_find_child(v->document, from->name)) {
    return cml_fail_no_child(v, from->location, "InvalidChild", cml_clause_text(v, clause), from->name,
                             false);
  }
  if (from->kind == CML_REF_SELF &&
      !cml_find_capability(v->document, CML_DIRECTORY, clause->backing_dir.text)) {
    return cml_fail(v->error, clause->backing_dir.location, "InvalidCapability",
                    "%s: \"capabilities\" declares no directory named \"%s\"", cml_clause_text(v, clause),
                    clause->backing_dir.text);
  }
  return true;
}

bool cml_validate_capabilities(validator_t* v) {
  for (size_t i = 0; i < v->document->capabilities.count; i++) {
    const cml_clause_t* clause = &v->document->capabilities.items[i];
    if (!cml_validate_clause(v, clause) || !check_keys(v, clause) || !check_duplicates(v, i) ||
        !check_storage_source(v, clause)) {
      return false;
    }
  }
  return true;
}

// Config fields.

static const char* const config_types[] = {"bool",  "uint8", "uint16", "uint32", "uint64", "int8",
                                           "int16", "int32", "int64",  "string", "vector", NULL};

static bool check_positive(validator_t* v, const json5_value_t* definition, const char* key,
                           const char* field) {
  const json5_value_t* value = json5_get(definition, field);
  if (!value) {
    return cml_fail(v->error, definition->location, "MissingField", "config: \"%s\" needs \"%s\"", key,
                    field);
  }
  bool ok = value->type == JSON5_NUMBER && value->as.number >= 1 && value->as.number <= UINT32_MAX &&
            floor(value->as.number) == value->as.number;
  return ok || cml_fail(v->error, value->location, "InvalidField",
                        "config: \"%s\": \"%s\" must be a whole number above 0", key, field);
}

static bool check_config_type(validator_t* v, const json5_value_t* definition, const char* key,
                              bool is_element) {
  cml_reader_t reader = {v->arena, v->error};
  const json5_value_t* type = json5_get(definition, "type");
  size_t word;
  if (!type)
    return cml_fail(v->error, definition->location, "MissingField", "config: \"%s\" needs \"type\"", key);
  if (!cml_read_word(&reader, type, "type", config_types, &word)) return false;
  if (strcmp(config_types[word], "string") == 0) return check_positive(v, definition, key, "max_size");
  if (strcmp(config_types[word], "vector") != 0) return true;
  if (is_element)
    return cml_fail(v->error, type->location, "NestedVector", "config: \"%s\": a vector holds no vectors",
                    key);
  const json5_value_t* element = json5_get(definition, "element");
  if (!element)
    return cml_fail(v->error, definition->location, "MissingField", "config: \"%s\" needs \"element\"", key);
  return cml_expect(&reader, element, JSON5_OBJECT, "element") &&
         check_positive(v, definition, key, "max_count") && check_config_type(v, element, key, true);
}

static bool check_config_keys(validator_t* v, const json5_value_t* definition) {
  static const char* const keys[] = {"type", "max_size", "max_count", "element", "mutability", NULL};
  cml_reader_t reader = {v->arena, v->error};
  for (size_t i = 0; i < definition->as.object.count; i++) {
    const json5_member_t* member = &definition->as.object.members[i];
    size_t k = 0;
    while (keys[k] && strcmp(keys[k], member->key) != 0)
      k++;
    if (!keys[k]) return cml_unknown_key(&reader, member, "a config field", keys);
  }
  return true;
}

bool cml_validate_config(validator_t* v) {
  const cml_document_t* d = v->document;
  if (d->has_config && d->config_count == 0) {
    return cml_fail(v->error, d->config_location, "InvalidField", "config must not be empty");
  }
  for (size_t i = 0; i < d->config_count; i++) {
    const cml_config_field_t* field = &d->config[i];
    if (!check_config_keys(v, field->definition) ||
        !check_config_type(v, field->definition, field->key.text, false)) {
      return false;
    }
  }
  return true;
}
