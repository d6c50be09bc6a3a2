// From a JSON5 tree to a document: the top level, program, children, collections, config.
#include "read.h"

#include <string.h>

static bool read_child_member(cml_reader_t* reader, const json5_member_t* member, cml_child_t* out) {
  static const char* const keys[] = {"name", "url", "startup", "on_terminate", "environment", NULL};
  static const char* const startup_words[] = {"lazy", "eager", NULL};
  static const char* const terminate_words[] = {"none", "reboot", NULL};
  const json5_value_t* value = &member->value;
  size_t word = 0;
  if (strcmp(member->key, "name") == 0) return cml_read_name(reader, value, "name", &out->name);
  if (strcmp(member->key, "url") == 0) return cml_read_url(reader, value, "URL", &out->url);
  if (strcmp(member->key, "startup") == 0) {
    if (!cml_read_word(reader, value, "startup", startup_words, &word)) return false;
    out->eager = word == 1;
    return true;
  }
  if (strcmp(member->key, "on_terminate") == 0) {
    if (!cml_read_word(reader, value, "on_terminate", terminate_words, &word)) return false;
    out->reboot_on_terminate = word == 1;
    return true;
  }
  if (strcmp(member->key, "environment") != 0) return cml_unknown_key(reader, member, "a child", keys);
  cml_ref_t ref;
  if (!cml_read_ref(reader, value, "environment", 0, &ref)) return false;
  out->environment = (cml_string_t){ref.name, ref.location};
  return true;
}

static bool read_children(cml_reader_t* reader, const json5_value_t* value, cml_document_t* out) {
  if (!cml_expect(reader, value, JSON5_ARRAY, "children")) return false;
  for (size_t i = 0; i < value->as.array.count; i++) {
    const json5_value_t* element = &value->as.array.elements[i];
    cml_child_t child = {.location = element->location};
    if (!cml_expect(reader, element, JSON5_OBJECT, "a child")) return false;
    for (size_t j = 0; j < element->as.object.count; j++) {
      if (!read_child_member(reader, &element->as.object.members[j], &child)) return false;
    }
    if (!child.name.text || !child.url.text) {
      return cml_fail(reader->error, element->location, "MissingField", "children: %s%s needs \"%s\"",
                      child.name.text ? "#" : "this one", child.name.text ? child.name.text : "",
                      child.name.text ? "url" : "name");
    }
    *cml_arena_push(reader->arena, &out->children, &out->child_count) = child;
  }
  return true;
}

static bool read_collection_member(cml_reader_t* reader, const json5_member_t* member,
                                   cml_collection_t* out) {
  static const char* const keys[] = {
      "name", "durability", "environment", "allowed_offers", "allow_long_names", "persistent_storage", NULL};
  static const char* const durability_words[] = {"transient", "single_run", NULL};
  static const char* const offers_words[] = {"static_only", "static_and_dynamic", NULL};
  const json5_value_t* value = &member->value;
  size_t word = 0;
  if (strcmp(member->key, "name") == 0) return cml_read_name(reader, value, "name", &out->name);
  if (strcmp(member->key, "allow_long_names") == 0)
    return cml_read_bool(reader, value, member->key, &out->allow_long_names);
  if (strcmp(member->key, "persistent_storage") == 0) {
    return cml_read_bool(reader, value, member->key, &out->persistent_storage);
  }
  if (strcmp(member->key, "durability") == 0) {
    if (!cml_read_word(reader, value, "durability", durability_words, &word)) return false;
    out->has_durability = true;
    out->single_run = word == 1;
    return true;
  }
  if (strcmp(member->key, "allowed_offers") == 0) {
    if (!cml_read_word(reader, value, "allowed_offers", offers_words, &word)) return false;
    out->dynamic_offers = word == 1;
    return true;
  }
  if (strcmp(member->key, "environment") != 0) return cml_unknown_key(reader, member, "a collection", keys);
  cml_ref_t ref;
  if (!cml_read_ref(reader, value, "environment", 0, &ref)) return false;
  out->environment = (cml_string_t){ref.name, ref.location};
  return true;
}

static bool read_collections(cml_reader_t* reader, const json5_value_t* value, cml_document_t* out) {
  if (!cml_expect(reader, value, JSON5_ARRAY, "collections")) return false;
  for (size_t i = 0; i < value->as.array.count; i++) {
    const json5_value_t* element = &value->as.array.elements[i];
    cml_collection_t collection = {.location = element->location};
    if (!cml_expect(reader, element, JSON5_OBJECT, "a collection")) return false;
    for (size_t j = 0; j < element->as.object.count; j++) {
      if (!read_collection_member(reader, &element->as.object.members[j], &collection)) return false;
    }
    if (!collection.name.text || !collection.has_durability) {
      return cml_fail(reader->error, element->location, "MissingField", "collections: this one needs \"%s\"",
                      collection.name.text ? "durability" : "name");
    }
    *cml_arena_push(reader->arena, &out->collections, &out->collection_count) = collection;
  }
  return true;
}

static bool read_program(cml_reader_t* reader, const json5_value_t* value, cml_document_t* out) {
  if (!cml_expect(reader, value, JSON5_OBJECT, "program")) return false;
  out->has_program = true;
  out->program = *value;
  const json5_value_t* runner = json5_get(value, "runner");
  return !runner || cml_read_name(reader, runner, "runner", &out->runner);
}

static bool read_config(cml_reader_t* reader, const json5_value_t* value, cml_document_t* out) {
  if (!cml_expect(reader, value, JSON5_OBJECT, "config")) return false;
  out->has_config = true;
  out->config_location = value->location;
  for (size_t i = 0; i < value->as.object.count; i++) {
    const json5_member_t* member = &value->as.object.members[i];
    cml_config_field_t* field = cml_arena_push(reader->arena, &out->config, &out->config_count);
    if (!cml_read_config_key(reader, member, &field->key)) return false;
    if (!cml_expect(reader, &member->value, JSON5_OBJECT, "a config field")) return false;
    field->location = member->value.location;
    field->definition = &member->value;
  }
  return true;
}

static bool read_disable(cml_reader_t* reader, const json5_value_t* value, cml_document_t* out) {
  static const char* const keys[] = {"must_offer_protocol", "must_use_protocol", NULL};
  if (!cml_expect(reader, value, JSON5_OBJECT, "disable")) return false;
  for (size_t i = 0; i < value->as.object.count; i++) {
    const json5_member_t* member = &value->as.object.members[i];
    cml_strings_t* list = strcmp(member->key, keys[0]) == 0   ? &out->disable_must_offer
                          : strcmp(member->key, keys[1]) == 0 ? &out->disable_must_use
                                                              : NULL;
    if (!list) return cml_unknown_key(reader, member, "disable", keys);
    if (!cml_read_strings(reader, &member->value, member->key, list)) return false;
  }
  return true;
}

static bool read_section(cml_reader_t* reader, const json5_member_t* member, cml_document_t* out) {
  static const char* const keys[] = {"include",      "disable",      "program", "children", "collections",
                                     "environments", "capabilities", "use",     "expose",   "offer",
                                     "facets",       "config",       NULL};
  const json5_value_t* value = &member->value;
  size_t section = 0;
  while (keys[section] && strcmp(keys[section], member->key) != 0)
    section++;
  switch (section) {
    case 0:
      return cml_read_strings(reader, value, "include", &out->include);
    case 1:
      return read_disable(reader, value, out);
    case 2:
      return read_program(reader, value, out);
    case 3:
      return read_children(reader, value, out);
    case 4:
      return read_collections(reader, value, out);
    case 5:
      return cml_read_environments(reader, value, out);
    case 6:
      return cml_read_clauses(reader, value, CML_CAPABILITIES, &out->capabilities);
    case 7:
      return cml_read_clauses(reader, value, CML_USE, &out->use);
    case 8:
      return cml_read_clauses(reader, value, CML_EXPOSE, &out->expose);
    case 9:
      return cml_read_clauses(reader, value, CML_OFFER, &out->offer);
    case 10:
      out->facets = *value;
      return cml_expect(reader, value, JSON5_OBJECT, "facets");
    case 11:
      return read_config(reader, value, out);
    default:
      return cml_unknown_key(reader, member, "a manifest", keys);
  }
}

bool cml_read(cml_arena_t* arena, const cml_source_t* source, cml_document_t* out, cml_error_t* error) {
  cml_reader_t reader = {arena, error};
  json5_value_t* root = cml_arena_alloc(arena, sizeof *root);
  memset(out, 0, sizeof *out);
  memset(error, 0, sizeof *error);
  out->source = source;
  if (!json5_parse(arena, source, root, error)) return false;
  out->location = root->location;
  if (!cml_expect(&reader, root, JSON5_OBJECT, "a manifest")) return false;
  for (size_t i = 0; i < root->as.object.count; i++) {
    if (!read_section(&reader, &root->as.object.members[i], out)) return false;
  }
  return true;
}

const cml_child_t* cml_find_child(const cml_document_t* document, const char* name) {
  for (size_t i = 0; i < document->child_count; i++) {
    if (strcmp(document->children[i].name.text, name) == 0) return &document->children[i];
  }
  return NULL;
}

const cml_collection_t* cml_find_collection(const cml_document_t* document, const char* name) {
  for (size_t i = 0; i < document->collection_count; i++) {
    if (strcmp(document->collections[i].name.text, name) == 0) return &document->collections[i];
  }
  return NULL;
}

const cml_environment_t* cml_find_environment(const cml_document_t* document, const char* name) {
  for (size_t i = 0; i < document->environment_count; i++) {
    if (strcmp(document->environments[i].name.text, name) == 0) return &document->environments[i];
  }
  return NULL;
}

const cml_clause_t* cml_find_capability(const cml_document_t* document, cml_type_t type, const char* name) {
  for (size_t i = 0; i < document->capabilities.count; i++) {
    const cml_clause_t* clause = &document->capabilities.items[i];
    for (size_t j = 0; clause->type == type && j < clause->names.count; j++) {
      if (strcmp(clause->names.items[j].text, name) == 0) return clause;
    }
  }
  return NULL;
}
