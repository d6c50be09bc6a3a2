// capabilities, use, expose and offer: which keys a clause may have in which section, and what each reads as.
#include <string.h>

#include "read.h"

static const char* const type_words[] = {"protocol", "service",  "directory",    "storage",
                                         "runner",   "resolver", "event_stream", NULL};

#define REF(kind) (1u << CML_REF_##kind)

const char* cml_type_name(cml_type_t type) {
  return type_words[type];
}

static const char* section_name(cml_section_t section) {
  switch (section) {
    case CML_CAPABILITIES:
      return "capabilities";
    case CML_USE:
      return "use";
    case CML_EXPOSE:
      return "expose";
    case CML_OFFER:
      return "offer";
  }
  return "";
}

// Which words `from` may be, section by section (facts, section 4).
static uint32_t allowed_from(cml_section_t section) {
  switch (section) {
    case CML_CAPABILITIES:
      return REF(PARENT) | REF(SELF);
    case CML_USE:
      return REF(PARENT) | REF(FRAMEWORK) | REF(DEBUG) | REF(SELF);
    case CML_EXPOSE:
      return REF(SELF) | REF(FRAMEWORK) | REF(VOID);
    case CML_OFFER:
      return REF(PARENT) | REF(FRAMEWORK) | REF(SELF) | REF(VOID);
  }
  return 0;
}

typedef bool (*read_fn)(cml_reader_t* reader, const json5_value_t* value, cml_clause_t* clause);

static bool read_from(cml_reader_t* reader, const json5_value_t* value, cml_clause_t* clause) {
  return cml_read_refs(reader, value, "from", allowed_from(clause->section), &clause->from);
}

static bool read_to(cml_reader_t* reader, const json5_value_t* value, cml_clause_t* clause) {
  uint32_t allowed = clause->section == CML_OFFER ? REF(ALL) : REF(PARENT) | REF(FRAMEWORK);
  return cml_read_refs(reader, value, "to", allowed, &clause->to);
}

static bool read_scope(cml_reader_t* reader, const json5_value_t* value, cml_clause_t* clause) {
  return cml_read_refs(reader, value, "scope", 0, &clause->scope);
}

static bool read_as(cml_reader_t* reader, const json5_value_t* value, cml_clause_t* clause) {
  return cml_read_name(reader, value, "name", &clause->as);
}

static bool read_path(cml_reader_t* reader, const json5_value_t* value, cml_clause_t* clause) {
  return cml_read_path(reader, value, "path", &clause->path);
}

static bool read_subdir(cml_reader_t* reader, const json5_value_t* value, cml_clause_t* clause) {
  return cml_read_relative_path(reader, value, "subdir", &clause->subdir);
}

static bool read_backing_dir(cml_reader_t* reader, const json5_value_t* value, cml_clause_t* clause) {
  return cml_read_name(reader, value, "backing_dir", &clause->backing_dir);
}

static bool read_storage_id(cml_reader_t* reader, const json5_value_t* value, cml_clause_t* clause) {
  static const char* const words[] = {"static_instance_id", "static_instance_id_or_moniker", NULL};
  size_t word;
  return cml_read_word(reader, value, "storage_id", words, &word) &&
         cml_read_string(reader, value, "storage_id", &clause->storage_id);
}

static bool read_rights(cml_reader_t* reader, const json5_value_t* value, cml_clause_t* clause) {
  clause->rights_location = value->location;
  return cml_read_rights(reader, value, &clause->rights);
}

static bool read_filter(cml_reader_t* reader, const json5_value_t* value, cml_clause_t* clause) {
  clause->filter = value;
  return cml_expect(reader, value, JSON5_OBJECT, "filter");
}

static bool read_dependency(cml_reader_t* reader, const json5_value_t* value, cml_clause_t* clause) {
  static const char* const words[] = {"strong", "weak", NULL};
  size_t word = 0;
  clause->dependency_location = value->location;
  if (!cml_read_word(reader, value, "dependency", words, &word)) return false;
  clause->weak = word == 1;
  return true;
}

static bool read_availability(cml_reader_t* reader, const json5_value_t* value, cml_clause_t* clause) {
  static const char* const words[] = {"required", "optional", "transitional", "same_as_target", NULL};
  size_t word = 0;
  clause->availability_location = value->location;
  if (!cml_read_word(reader, value, "availability", words, &word)) return false;
  clause->availability = (cml_availability_t)word;
  return true;
}

static bool read_source_availability(cml_reader_t* reader, const json5_value_t* value, cml_clause_t* clause) {
  static const char* const words[] = {"required", "unknown", NULL};
  size_t word = 0;
  if (!cml_read_word(reader, value, "source_availability", words, &word)) return false;
  clause->source_unknown = word == 1;
  return true;
}

#define ROUTED (CML_USE | CML_EXPOSE | CML_OFFER)

static const struct {
  const char* key;
  unsigned sections;
  read_fn read;
} fields[] = {
    {"from", CML_CAPABILITIES | ROUTED, read_from},
    {"to", CML_EXPOSE | CML_OFFER, read_to},
    {"as", CML_EXPOSE | CML_OFFER, read_as},
    {"path", CML_CAPABILITIES | CML_USE, read_path},
    {"rights", CML_CAPABILITIES | ROUTED, read_rights},
    {"subdir", CML_CAPABILITIES | ROUTED, read_subdir},
    {"scope", ROUTED, read_scope},
    {"filter", CML_USE | CML_OFFER, read_filter},
    {"dependency", CML_USE | CML_OFFER, read_dependency},
    {"availability", ROUTED, read_availability},
    {"source_availability", CML_EXPOSE | CML_OFFER, read_source_availability},
    {"backing_dir", CML_CAPABILITIES, read_backing_dir},
    {"storage_id", CML_CAPABILITIES, read_storage_id},
};
#define FIELD_COUNT (sizeof fields / sizeof *fields)

static bool unknown_clause_key(cml_reader_t* reader, const json5_member_t* member, cml_section_t section) {
  const char* keys[CML_TYPE_COUNT + FIELD_COUNT + 1];
  size_t count = 0;
  if (strcmp(member->key, "dictionary") == 0) {
    return cml_fail(reader->error, member->key_location, "ParseError", "dictionaries are not supported");
  }
  for (size_t i = 0; i < CML_TYPE_COUNT; i++)
    keys[count++] = type_words[i];
  for (size_t i = 0; i < FIELD_COUNT; i++) {
    if (fields[i].sections & section) keys[count++] = fields[i].key;
  }
  keys[count] = NULL;
  char where[64];
  snprintf(where, sizeof where, "a clause of %s", section_name(section));
  return cml_unknown_key(reader, member, where, keys);
}

static bool read_type(cml_reader_t* reader, const json5_member_t* member, cml_type_t type,
                      cml_clause_t* clause) {
  if (clause->has_type) {
    return cml_fail(reader->error, member->key_location, "ExtraneousField",
                    "this clause of %s is of type %s already; a clause names one type",
                    section_name(clause->section), cml_type_name(clause->type));
  }
  clause->type = type;
  clause->has_type = true;
  return cml_read_names(reader, &member->value, member->key, &clause->names);
}

static bool read_member(cml_reader_t* reader, const json5_member_t* member, cml_clause_t* clause) {
  for (size_t i = 0; i < CML_TYPE_COUNT; i++) {
    if (strcmp(type_words[i], member->key) == 0) return read_type(reader, member, (cml_type_t)i, clause);
  }
  for (size_t i = 0; i < FIELD_COUNT; i++) {
    if ((fields[i].sections & clause->section) && strcmp(fields[i].key, member->key) == 0) {
      return fields[i].read(reader, &member->value, clause);
    }
  }
  return unknown_clause_key(reader, member, clause->section);
}

static void set_defaults(cml_reader_t* reader, cml_clause_t* clause) {
  if (clause->section == CML_USE && clause->from.count == 0) {
    *cml_arena_push(reader->arena, &clause->from.items, &clause->from.count) =
        (cml_ref_t){.kind = CML_REF_PARENT};
  }
  if (clause->section == CML_EXPOSE && clause->to.count == 0) {
    *cml_arena_push(reader->arena, &clause->to.items, &clause->to.count) =
        (cml_ref_t){.kind = CML_REF_PARENT};
  }
}

static bool read_clause(cml_reader_t* reader, const json5_value_t* value, cml_section_t section,
                        cml_clause_t* out) {
  out->section = section;
  out->location = value->location;
  if (!cml_expect(reader, value, JSON5_OBJECT, "a clause")) return false;
  for (size_t i = 0; i < value->as.object.count; i++) {
    if (!read_member(reader, &value->as.object.members[i], out)) return false;
  }
  set_defaults(reader, out);
  return true;
}

bool cml_read_clauses(cml_reader_t* reader, const json5_value_t* value, cml_section_t section,
                      cml_clauses_t* out) {
  if (!cml_expect(reader, value, JSON5_ARRAY, section_name(section))) return false;
  for (size_t i = 0; i < value->as.array.count; i++) {
    cml_clause_t clause = {0};
    if (!read_clause(reader, &value->as.array.elements[i], section, &clause)) return false;
    *cml_arena_push(reader->arena, &out->items, &out->count) = clause;
  }
  return true;
}

const char* cml_target_name(const cml_clause_t* clause, size_t name_index) {
  return clause->as.text ? clause->as.text : clause->names.items[name_index].text;
}

const char* cml_target_path(cml_arena_t* arena, const cml_clause_t* clause, size_t name_index) {
  if (clause->path.text) return clause->path.text;
  if (clause->type == CML_PROTOCOL || clause->type == CML_SERVICE) {
    return cml_arena_printf(arena, "/svc/%s", clause->names.items[name_index].text);
  }
  return clause->type == CML_EVENT_STREAM ? "/svc/fuchsia.component.EventStream" : NULL;
}

const char* cml_ref_text(const cml_ref_t* ref, char buffer[CML_REF_TEXT_MAX]) {
  static const char* const words[] = {"parent", "self", "framework", "debug", "void", "all"};
  if (ref->kind != CML_REF_NAMED) return words[ref->kind];
  snprintf(buffer, CML_REF_TEXT_MAX, "#%s", ref->name);
  return buffer;
}
