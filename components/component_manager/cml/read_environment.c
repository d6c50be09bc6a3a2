// environments: runners, resolvers and debug protocols that children are given.
#include <math.h>
#include <string.h>

#include "read.h"

#define REGISTRATION_FROM (1u << CML_REF_PARENT | 1u << CML_REF_SELF)

static bool read_registration_member(cml_reader_t* reader, const json5_member_t* member, const char* type_key,
                                     cml_registration_t* out) {
  const json5_value_t* value = &member->value;
  bool is_resolver = out->type == CML_RESOLVER;
  const char* keys[] = {type_key, "from", is_resolver ? "scheme" : "as", NULL};
  if (strcmp(member->key, type_key) == 0) return cml_read_name(reader, value, type_key, &out->name);
  if (strcmp(member->key, "from") == 0)
    return cml_read_ref(reader, value, "from", REGISTRATION_FROM, &out->from);
  if (strcmp(member->key, keys[2]) == 0)
    return cml_read_name(reader, value, keys[2], is_resolver ? &out->scheme : &out->as);
  return cml_unknown_key(reader, member, "this registration", keys);
}

static bool read_registration(cml_reader_t* reader, const json5_value_t* value, cml_type_t type,
                              cml_registration_t* out) {
  const char* type_key = cml_type_name(type);
  out->location = value->location;
  out->type = type;
  if (!cml_expect(reader, value, JSON5_OBJECT, "a registration")) return false;
  for (size_t i = 0; i < value->as.object.count; i++) {
    if (!read_registration_member(reader, &value->as.object.members[i], type_key, out)) return false;
  }
  const char* missing = !out->name.text                             ? type_key
                        : !out->from.location.source                ? "from"
                        : type == CML_RESOLVER && !out->scheme.text ? "scheme"
                                                                    : NULL;
  return !missing ||
         cml_fail(reader->error, value->location, "MissingField", "this registration needs \"%s\"", missing);
}

static bool read_registrations(cml_reader_t* reader, const json5_value_t* value, cml_type_t type,
                               cml_environment_t* out) {
  if (!cml_expect(reader, value, JSON5_ARRAY, "a list of registrations")) return false;
  for (size_t i = 0; i < value->as.array.count; i++) {
    cml_registration_t registration = {0};
    if (!read_registration(reader, &value->as.array.elements[i], type, &registration)) return false;
    *cml_arena_push(reader->arena, &out->registrations, &out->registration_count) = registration;
  }
  return true;
}

static bool read_timeout(cml_reader_t* reader, const json5_value_t* value, cml_environment_t* out) {
  if (!cml_expect(reader, value, JSON5_NUMBER, "__stop_timeout_ms")) return false;
  double number = value->as.number;
  if (!(number >= 0 && number <= UINT32_MAX) || floor(number) != number) {
    return cml_fail(reader->error, value->location, "ParseError",
                    "__stop_timeout_ms must be a whole number of 32 bits");
  }
  out->stop_timeout_ms = (uint32_t)number;
  out->stop_timeout_location = value->location;
  return true;
}

static bool read_environment_member(cml_reader_t* reader, const json5_member_t* member,
                                    cml_environment_t* out) {
  static const char* const extends_words[] = {"none", "realm", NULL};
  static const char* const keys[] = {"name",  "extends",           "runners", "resolvers",
                                     "debug", "__stop_timeout_ms", NULL};
  const json5_value_t* value = &member->value;
  size_t word = 0;
  if (strcmp(member->key, "name") == 0) return cml_read_name(reader, value, "name", &out->name);
  if (strcmp(member->key, "runners") == 0) return read_registrations(reader, value, CML_RUNNER, out);
  if (strcmp(member->key, "resolvers") == 0) return read_registrations(reader, value, CML_RESOLVER, out);
  if (strcmp(member->key, "debug") == 0) return read_registrations(reader, value, CML_PROTOCOL, out);
  if (strcmp(member->key, "__stop_timeout_ms") == 0) return read_timeout(reader, value, out);
  if (strcmp(member->key, "extends") != 0) return cml_unknown_key(reader, member, "an environment", keys);
  if (!cml_read_word(reader, value, "extends", extends_words, &word)) return false;
  out->extends_realm = word == 1;
  out->extends_location = value->location;
  return true;
}

bool cml_read_environments(cml_reader_t* reader, const json5_value_t* value, cml_document_t* out) {
  if (!cml_expect(reader, value, JSON5_ARRAY, "environments")) return false;
  for (size_t i = 0; i < value->as.array.count; i++) {
    const json5_value_t* element = &value->as.array.elements[i];
    cml_environment_t environment = {.location = element->location};
    if (!cml_expect(reader, element, JSON5_OBJECT, "an environment")) return false;
    for (size_t j = 0; j < element->as.object.count; j++) {
      if (!read_environment_member(reader, &element->as.object.members[j], &environment)) return false;
    }
    if (!environment.name.text) {
      return cml_fail(reader->error, element->location, "MissingField",
                      "environments: this one needs \"name\"");
    }
    *cml_arena_push(reader->arena, &out->environments, &out->environment_count) = environment;
  }
  return true;
}
