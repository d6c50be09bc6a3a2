// What an include adds: lists are concatenated without repeating equal entries, sections of one object are
// united, and values that contradict each other are errors.
#include <string.h>

#include "read.h"

static bool same_text(const char* a, const char* b) {
  return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_refs(const cml_refs_t* a, const cml_refs_t* b) {
  if (a->count != b->count) return false;
  for (size_t i = 0; i < a->count; i++) {
    if (a->items[i].kind != b->items[i].kind || !same_text(a->items[i].name, b->items[i].name)) return false;
  }
  return true;
}

static bool same_names(const cml_strings_t* a, const cml_strings_t* b) {
  if (a->count != b->count) return false;
  for (size_t i = 0; i < a->count; i++) {
    if (strcmp(a->items[i].text, b->items[i].text) != 0) return false;
  }
  return true;
}

static bool same_value(const json5_value_t* a, const json5_value_t* b) {
  if (a->type != b->type) return false;
  switch (a->type) {
    case JSON5_NULL:
      return true;
    case JSON5_BOOL:
      return a->as.boolean == b->as.boolean;
    case JSON5_NUMBER:
      return a->as.number == b->as.number;
    case JSON5_STRING:
      return a->as.string.size == b->as.string.size &&
             memcmp(a->as.string.text, b->as.string.text, a->as.string.size) == 0;
    case JSON5_ARRAY:
      if (a->as.array.count != b->as.array.count) return false;
      for (size_t i = 0; i < a->as.array.count; i++) {
        if (!same_value(&a->as.array.elements[i], &b->as.array.elements[i])) return false;
      }
      return true;
    case JSON5_OBJECT:
      if (a->as.object.count != b->as.object.count) return false;
      for (size_t i = 0; i < a->as.object.count; i++) {
        const json5_value_t* other = json5_get(b, a->as.object.members[i].key);
        if (!other || !same_value(&a->as.object.members[i].value, other)) return false;
      }
      return true;
  }
  return false;
}

// Equal in everything but the availability.
static bool same_clause(const cml_clause_t* a, const cml_clause_t* b) {
  bool filters = a->filter ? b->filter && same_value(a->filter, b->filter) : !b->filter;
  return a->type == b->type && same_names(&a->names, &b->names) && same_refs(&a->from, &b->from) &&
         same_refs(&a->to, &b->to) && same_refs(&a->scope, &b->scope) && same_text(a->as.text, b->as.text) &&
         same_text(a->path.text, b->path.text) && same_text(a->subdir.text, b->subdir.text) &&
         same_text(a->backing_dir.text, b->backing_dir.text) &&
         same_text(a->storage_id.text, b->storage_id.text) && a->rights == b->rights && a->weak == b->weak &&
         a->source_unknown == b->source_unknown && filters;
}

static void merge_clauses(cml_reader_t* reader, cml_clauses_t* into, const cml_clauses_t* from) {
  for (size_t i = 0; i < from->count; i++) {
    const cml_clause_t* clause = &from->items[i];
    cml_clause_t* same = NULL;
    for (size_t j = 0; j < into->count && !same; j++) {
      if (same_clause(&into->items[j], clause)) same = &into->items[j];
    }
    if (!same) {
      *cml_arena_push(reader->arena, &into->items, &into->count) = *clause;
    } else if (clause->availability < same->availability) {
      same->availability = clause->availability;  // the stronger demand stands first in the enumeration
      same->availability_location = clause->availability_location;
    }
  }
}

static bool merge_environment(cml_reader_t* reader, cml_environment_t* into, const cml_environment_t* from) {
  bool both = into->extends_location.source && from->extends_location.source;
  if (both && into->extends_realm != from->extends_realm) {
    return cml_fail(reader->error, into->extends_location, "MergeError",
                    "environment #%s extends something else in an included manifest", into->name.text);
  }
  both = into->stop_timeout_location.source && from->stop_timeout_location.source;
  if (both && into->stop_timeout_ms != from->stop_timeout_ms) {
    return cml_fail(reader->error, into->stop_timeout_location, "MergeError",
                    "environment #%s has another stop timeout in an included manifest", into->name.text);
  }
  if (from->extends_location.source) {
    into->extends_realm = from->extends_realm;
    into->extends_location = from->extends_location;
  }
  if (from->stop_timeout_location.source) {
    into->stop_timeout_ms = from->stop_timeout_ms;
    into->stop_timeout_location = from->stop_timeout_location;
  }
  for (size_t i = 0; i < from->registration_count; i++) {
    *cml_arena_push(reader->arena, &into->registrations, &into->registration_count) = from->registrations[i];
  }
  return true;
}

static bool merge_environments(cml_reader_t* reader, cml_document_t* into, const cml_document_t* from) {
  for (size_t i = 0; i < from->environment_count; i++) {
    const cml_environment_t* environment = &from->environments[i];
    const cml_environment_t* same = cml_find_environment(into, environment->name.text);
    if (!same) {
      *cml_arena_push(reader->arena, &into->environments, &into->environment_count) = *environment;
    } else if (!merge_environment(reader, &into->environments[same - into->environments], environment)) {
      return false;
    }
  }
  return true;
}

// Where in which section values are being merged.
typedef struct place {
  const char* section;
  unsigned depth;
} place_t;

static bool merge_value(cml_reader_t* reader, const json5_member_t* from, json5_value_t* into, place_t place);

static bool merge_objects(cml_reader_t* reader, const json5_value_t* from, json5_value_t* into,
                          place_t place) {
  json5_value_t merged = *into;
  merged.as.object.members = NULL;
  merged.as.object.count = 0;
  for (size_t i = 0; i < into->as.object.count; i++) {
    *cml_arena_push(reader->arena, &merged.as.object.members, &merged.as.object.count) =
        into->as.object.members[i];
  }
  for (size_t i = 0; i < from->as.object.count; i++) {
    const json5_member_t* member = &from->as.object.members[i];
    json5_value_t* same = (json5_value_t*)json5_get(&merged, member->key);
    if (!same) {
      *cml_arena_push(reader->arena, &merged.as.object.members, &merged.as.object.count) = *member;
    } else if (!merge_value(reader, member, same, place)) {
      return false;
    }
  }
  *into = merged;
  return true;
}

static void concatenate(cml_reader_t* reader, const json5_value_t* from, json5_value_t* into) {
  json5_value_t merged = *into;
  merged.as.array.elements = NULL;
  merged.as.array.count = 0;
  for (size_t i = 0; i < into->as.array.count + from->as.array.count; i++) {
    *cml_arena_push(reader->arena, &merged.as.array.elements, &merged.as.array.count) =
        i < into->as.array.count ? into->as.array.elements[i]
                                 : from->as.array.elements[i - into->as.array.count];
  }
  *into = merged;
}

// Arrays are concatenated for the program's `environ` alone.
static bool merge_value(cml_reader_t* reader, const json5_member_t* from, json5_value_t* into,
                        place_t place) {
  if (from->value.type == JSON5_OBJECT && into->type == JSON5_OBJECT) {
    return merge_objects(reader, &from->value, into, (place_t){place.section, place.depth + 1});
  }
  bool is_program = strcmp(place.section, "program") == 0;
  if (is_program && place.depth == 0 && strcmp(from->key, "environ") == 0 &&
      from->value.type == JSON5_ARRAY && into->type == JSON5_ARRAY) {
    concatenate(reader, &from->value, into);
    return true;
  }
  return same_value(&from->value, into) ||
         cml_fail(reader->error, into->location, "MergeError",
                  "%s: \"%s\" has another value in an included manifest", place.section, from->key);
}

static bool merge_program(cml_reader_t* reader, cml_document_t* into, const cml_document_t* from) {
  if (!from->has_program) return true;
  if (!into->has_program) {
    into->has_program = true;
    into->program = from->program;
    into->runner = from->runner;
    return true;
  }
  if (!into->runner.text) into->runner = from->runner;
  return merge_objects(reader, &from->program, &into->program, (place_t){"program", 0});
}

static bool merge_config(cml_reader_t* reader, cml_document_t* into, const cml_document_t* from) {
  for (size_t i = 0; i < from->config_count; i++) {
    const cml_config_field_t* field = &from->config[i];
    const cml_config_field_t* same = NULL;
    for (size_t j = 0; j < into->config_count && !same; j++) {
      if (strcmp(into->config[j].key.text, field->key.text) == 0) same = &into->config[j];
    }
    if (!same) {
      *cml_arena_push(reader->arena, &into->config, &into->config_count) = *field;
    } else if (!same_value(same->definition, field->definition)) {
      return cml_fail(reader->error, same->location, "MergeError",
                      "config: \"%s\" is defined otherwise in an included manifest", field->key.text);
    }
  }
  if (from->has_config && !into->has_config) into->config_location = from->config_location;
  into->has_config = into->has_config || from->has_config;
  return true;
}

// Equal children and collections are one; others with the same name are left for the validator to find.
static void merge_instances(cml_reader_t* reader, cml_document_t* into, const cml_document_t* from) {
  for (size_t i = 0; i < from->child_count; i++) {
    const cml_child_t* child = &from->children[i];
    const cml_child_t* same = cml_find_child(into, child->name.text);
    bool equal = same && strcmp(same->url.text, child->url.text) == 0 && same->eager == child->eager &&
                 same->reboot_on_terminate == child->reboot_on_terminate &&
                 same_text(same->environment.text, child->environment.text);
    if (!equal) *cml_arena_push(reader->arena, &into->children, &into->child_count) = *child;
  }
  for (size_t i = 0; i < from->collection_count; i++) {
    const cml_collection_t* collection = &from->collections[i];
    const cml_collection_t* same = cml_find_collection(into, collection->name.text);
    bool equal = same && same->single_run == collection->single_run &&
                 same->dynamic_offers == collection->dynamic_offers &&
                 same->allow_long_names == collection->allow_long_names &&
                 same->persistent_storage == collection->persistent_storage &&
                 same_text(same->environment.text, collection->environment.text);
    if (!equal) *cml_arena_push(reader->arena, &into->collections, &into->collection_count) = *collection;
  }
}

static bool merge_facets(cml_reader_t* reader, cml_document_t* into, const cml_document_t* from) {
  if (from->facets.type != JSON5_OBJECT) return true;
  if (into->facets.type != JSON5_OBJECT) {
    into->facets = from->facets;
    return true;
  }
  return merge_objects(reader, &from->facets, &into->facets, (place_t){"facets", 0});
}

bool cml_merge(cml_reader_t* reader, cml_document_t* into, const cml_document_t* from) {
  merge_clauses(reader, &into->capabilities, &from->capabilities);
  merge_clauses(reader, &into->use, &from->use);
  merge_clauses(reader, &into->expose, &from->expose);
  merge_clauses(reader, &into->offer, &from->offer);
  merge_instances(reader, into, from);
  return merge_environments(reader, into, from) && merge_program(reader, into, from) &&
         merge_facets(reader, into, from) && merge_config(reader, into, from);
}
