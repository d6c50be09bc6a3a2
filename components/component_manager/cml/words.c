// Lexical rules: section 1 of the CML facts, and the rights of section 3.
#include "words.h"

#include <string.h>

#define NAME_MAX_BYTES 100u
#define URL_MAX_BYTES 4096u
#define PATH_MAX_BYTES 4095u

bool cml_expect(cml_reader_t* reader, const json5_value_t* value, json5_type_t type, const char* what) {
  if (value->type == type) return true;
  return cml_fail(reader->error, value->location, "ParseError", "%s must be %s, not %s", what,
                  json5_type_name(type), json5_type_name(value->type));
}

static bool bad(cml_reader_t* reader, const cml_string_t* string, const char* what, const char* why) {
  return cml_fail(reader->error, string->location, "ParseError", "\"%.200s\" is no valid %s: %s",
                  string->text, what, why);
}

bool cml_read_string(cml_reader_t* reader, const json5_value_t* value, const char* what, cml_string_t* out) {
  if (!cml_expect(reader, value, JSON5_STRING, what)) return false;
  *out = (cml_string_t){value->as.string.text, value->location};
  return !memchr(value->as.string.text, '\0', value->as.string.size) ||
         cml_fail(reader->error, value->location, "ParseError", "%s may not contain a NUL character", what);
}

static bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static const char* name_problem(const char* name) {
  if (!*name) return "it is empty";
  if (strlen(name) > NAME_MAX_BYTES) return "it is longer than 100 characters";
  if (!is_alphanumeric(*name) && *name != '_') return "it must begin with a letter, a digit or _";
  for (const char* c = name; *c; c++) {
    if (!is_alphanumeric(*c) && !strchr("_.-", *c)) return "only letters, digits, _, . and - may be in it";
  }
  return NULL;
}

bool cml_read_name(cml_reader_t* reader, const json5_value_t* value, const char* what, cml_string_t* out) {
  if (!cml_read_string(reader, value, what, out)) return false;
  const char* problem = name_problem(out->text);
  return !problem || bad(reader, out, what, problem);
}

static const char* segments_problem(const char* path) {
  for (const char* segment = path;; segment++) {
    size_t length = strcspn(segment, "/");
    if (length == 0) return "it has an empty segment";
    if (length > 255) return "a segment is longer than 255 bytes";
    if (strncmp(segment, "..", length) == 0 && length <= 2) return "\".\" and \"..\" may not be in it";
    segment += length;
    if (!*segment) return NULL;
  }
}

bool cml_read_path(cml_reader_t* reader, const json5_value_t* value, const char* what, cml_string_t* out) {
  if (!cml_read_string(reader, value, what, out)) return false;
  if (out->text[0] != '/') return bad(reader, out, what, "it must begin with \"/\"");
  if (strlen(out->text) > PATH_MAX_BYTES) return bad(reader, out, what, "it is longer than 4095 bytes");
  const char* problem = segments_problem(out->text + 1);
  return !problem || bad(reader, out, what, problem);
}

bool cml_read_relative_path(cml_reader_t* reader, const json5_value_t* value, const char* what,
                            cml_string_t* out) {
  if (!cml_read_string(reader, value, what, out)) return false;
  if (!*out->text) return bad(reader, out, what, "it is empty");
  if (*out->text == '/') return bad(reader, out, what, "it must not begin with \"/\"");
  if (strlen(out->text) > PATH_MAX_BYTES) return bad(reader, out, what, "it is longer than 4095 bytes");
  const char* problem = segments_problem(out->text);
  return !problem || bad(reader, out, what, problem);
}

// "scheme:" at the start.
static bool has_scheme(const char* url) {
  size_t length = strcspn(url, ":/?#");
  if (length == 0 || url[length] != ':' || !((url[0] | 0x20) >= 'a' && (url[0] | 0x20) <= 'z')) return false;
  for (size_t i = 0; i < length; i++) {
    if (!is_alphanumeric(url[i]) && !strchr("+-.", url[i])) return false;
  }
  return true;
}

bool cml_read_url(cml_reader_t* reader, const json5_value_t* value, const char* what, cml_string_t* out) {
  if (!cml_read_string(reader, value, what, out)) return false;
  if (!*out->text) return bad(reader, out, what, "it is empty");
  if (strlen(out->text) > URL_MAX_BYTES) return bad(reader, out, what, "it is longer than 4096 bytes");
  if (strpbrk(out->text, " \t\r\n\"<>\\^`{|}"))
    return bad(reader, out, what, "it has a character that no URL may have");
  if (has_scheme(out->text)) {
    const char* rest = strchr(out->text, ':') + 1;
    if (strncmp(rest, "//", 2) == 0) rest += 2;
    return *rest || bad(reader, out, what, "it needs a host, a path or a fragment");
  }
  const char* fragment = strchr(out->text, '#');
  if (fragment && fragment[1]) return true;
  bad(reader, out, what, "a relative URL needs a fragment");
  return cml_advise(reader->error, "write \"#meta/%.100s\" for a manifest of the same package", out->text);
}

bool cml_read_config_key(cml_reader_t* reader, const json5_member_t* member, cml_string_t* out) {
  const char* key = member->key;
  *out = (cml_string_t){key, member->key_location};
  bool ok = *key >= 'a' && *key <= 'z' && strlen(key) <= 64 && key[strlen(key) - 1] != '_';
  for (const char* c = key; *c; c++)
    ok = ok && ((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '_');
  if (ok) return true;
  return cml_fail(reader->error, member->key_location, "InvalidField",
                  "config: \"%.100s\" is no valid key: at most 64 of a-z, 0-9 and _, beginning with a "
                  "letter, not ending in _",
                  key);
}

bool cml_read_bool(cml_reader_t* reader, const json5_value_t* value, const char* what, bool* out) {
  if (!cml_expect(reader, value, JSON5_BOOL, what)) return false;
  *out = value->as.boolean;
  return true;
}

// "a, b or c"
static const char* list_words(cml_reader_t* reader, const char* const* words) {
  char* text = cml_arena_printf(reader->arena, "\"%s\"", words[0]);
  for (size_t i = 1; words[i]; i++) {
    text = cml_arena_printf(reader->arena, words[i + 1] ? "%s, \"%s\"" : "%s or \"%s\"", text, words[i]);
  }
  return text;
}

bool cml_read_word(cml_reader_t* reader, const json5_value_t* value, const char* what,
                   const char* const* words, size_t* out) {
  cml_string_t string;
  if (!cml_read_string(reader, value, what, &string)) return false;
  for (size_t i = 0; words[i]; i++) {
    if (strcmp(words[i], string.text) == 0) {
      *out = i;
      return true;
    }
  }
  return cml_fail(reader->error, string.location, "ParseError", "%s cannot be \"%.200s\": it is %s", what,
                  string.text, list_words(reader, words));
}

static const char* const ref_words[] = {"parent", "self", "framework", "debug", "void", "all", NULL};

static bool bad_ref(cml_reader_t* reader, const cml_string_t* string, const char* what, uint32_t allowed) {
  const char* list = "\"#name\"";
  for (size_t i = 0; ref_words[i]; i++) {
    if (allowed & 1u << i) list = cml_arena_printf(reader->arena, "\"%s\", %s", ref_words[i], list);
  }
  cml_fail(reader->error, string->location, "ParseError", "%s cannot be \"%.200s\": it is one of %s", what,
           string->text, list);
  if (strchr(string->text, '/')) return cml_advise(reader->error, "dictionaries are not supported");
  if (!name_problem(string->text))
    return cml_advise(reader->error, "a child's name is written with \"#\": \"#%.100s\"", string->text);
  return false;
}

bool cml_read_ref(cml_reader_t* reader, const json5_value_t* value, const char* what, uint32_t allowed,
                  cml_ref_t* out) {
  cml_string_t string;
  if (!cml_read_string(reader, value, what, &string)) return false;
  out->location = string.location;
  out->name = NULL;
  if (string.text[0] == '#') {
    const char* problem = name_problem(string.text + 1);
    out->kind = CML_REF_NAMED;
    out->name = string.text + 1;
    return !problem || bad(reader, &string, "reference", problem);
  }
  for (size_t i = 0; ref_words[i]; i++) {
    if (strcmp(ref_words[i], string.text) == 0 && (allowed & 1u << i)) {
      out->kind = (cml_ref_kind_t)i;
      return true;
    }
  }
  return bad_ref(reader, &string, what, allowed);
}

static bool check_one_or_many(cml_reader_t* reader, const json5_value_t* value, const char* what) {
  if (value->type == JSON5_STRING) return true;
  if (value->type != JSON5_ARRAY) {
    return cml_fail(reader->error, value->location, "ParseError",
                    "%s must be a string or an array of strings, not %s", what, json5_type_name(value->type));
  }
  return value->as.array.count > 0 ||
         cml_fail(reader->error, value->location, "ParseError", "%s must not be an empty array", what);
}

static bool check_repetition(cml_reader_t* reader, const json5_value_t* value, size_t index,
                             const char* what) {
  const json5_value_t* element = &value->as.array.elements[index];
  for (size_t i = 0; i < index; i++) {
    if (strcmp(value->as.array.elements[i].as.string.text, element->as.string.text) == 0) {
      return cml_fail(reader->error, element->location, "ParseError", "%s names \"%.200s\" twice", what,
                      element->as.string.text);
    }
  }
  return true;
}

bool cml_read_names(cml_reader_t* reader, const json5_value_t* value, const char* what, cml_strings_t* out) {
  if (!check_one_or_many(reader, value, what)) return false;
  bool single = value->type == JSON5_STRING;
  size_t count = single ? 1 : value->as.array.count;
  for (size_t i = 0; i < count; i++) {
    const json5_value_t* element = single ? value : &value->as.array.elements[i];
    if (!cml_read_name(reader, element, what, cml_arena_push(reader->arena, &out->items, &out->count)))
      return false;
    if (!single && !check_repetition(reader, value, i, what)) return false;
  }
  return true;
}

bool cml_read_refs(cml_reader_t* reader, const json5_value_t* value, const char* what, uint32_t allowed,
                   cml_refs_t* out) {
  if (!check_one_or_many(reader, value, what)) return false;
  bool single = value->type == JSON5_STRING;
  size_t count = single ? 1 : value->as.array.count;
  for (size_t i = 0; i < count; i++) {
    const json5_value_t* element = single ? value : &value->as.array.elements[i];
    if (!cml_read_ref(reader, element, what, allowed,
                      cml_arena_push(reader->arena, &out->items, &out->count)))
      return false;
    if (!single && !check_repetition(reader, value, i, what)) return false;
  }
  return true;
}

bool cml_read_strings(cml_reader_t* reader, const json5_value_t* value, const char* what,
                      cml_strings_t* out) {
  if (!cml_expect(reader, value, JSON5_ARRAY, what)) return false;
  for (size_t i = 0; i < value->as.array.count; i++) {
    cml_string_t* item = cml_arena_push(reader->arena, &out->items, &out->count);
    if (!cml_read_string(reader, &value->as.array.elements[i], what, item)) return false;
  }
  return true;
}

#define RIGHTS_R                                                                         \
  (CML_RIGHT_CONNECT | CML_RIGHT_ENUMERATE | CML_RIGHT_TRAVERSE | CML_RIGHT_READ_BYTES | \
   CML_RIGHT_GET_ATTRIBUTES)
#define RIGHTS_W                                                                          \
  (CML_RIGHT_CONNECT | CML_RIGHT_ENUMERATE | CML_RIGHT_TRAVERSE | CML_RIGHT_WRITE_BYTES | \
   CML_RIGHT_MODIFY_DIRECTORY | CML_RIGHT_UPDATE_ATTRIBUTES)
#define RIGHTS_X (CML_RIGHT_CONNECT | CML_RIGHT_ENUMERATE | CML_RIGHT_TRAVERSE | CML_RIGHT_EXECUTE)

static const char* const right_words[] = {"connect",
                                          "enumerate",
                                          "execute",
                                          "get_attributes",
                                          "modify_directory",
                                          "read_bytes",
                                          "traverse",
                                          "update_attributes",
                                          "write_bytes",
                                          "r*",
                                          "w*",
                                          "x*",
                                          "rw*",
                                          "rx*",
                                          NULL};
static const uint32_t right_bits[] = {
    1, 2, 4, 8, 16, 32, 64, 128, 256, RIGHTS_R, RIGHTS_W, RIGHTS_X, RIGHTS_R | RIGHTS_W, RIGHTS_R | RIGHTS_X};

bool cml_read_rights(cml_reader_t* reader, const json5_value_t* value, uint32_t* out) {
  if (!cml_expect(reader, value, JSON5_ARRAY, "rights")) return false;
  if (value->as.array.count == 0)
    return cml_fail(reader->error, value->location, "ParseError", "rights must not be empty");
  for (size_t i = 0; i < value->as.array.count; i++) {
    const json5_value_t* element = &value->as.array.elements[i];
    size_t word;
    if (!cml_read_word(reader, element, "a right", right_words, &word)) return false;
    if (*out & right_bits[word]) {
      return cml_fail(reader->error, element->location, "DuplicateField",
                      "\"%s\" repeats rights that stand before it in this list", element->as.string.text);
    }
    *out |= right_bits[word];
  }
  return true;
}

// Levenshtein's distance, up to the length of a short word.
static size_t distance(const char* a, const char* b) {
  size_t row[33], a_size = strlen(a), b_size = strlen(b);
  if (a_size > 32 || b_size > 32) return a_size + b_size;
  for (size_t j = 0; j <= b_size; j++)
    row[j] = j;
  for (size_t i = 1; i <= a_size; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b_size; j++) {
      size_t best = diagonal + (a[i - 1] != b[j - 1]);
      if (row[j] + 1 < best) best = row[j] + 1;
      if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
      diagonal = row[j];
      row[j] = best;
    }
  }
  return row[b_size];
}

const char* cml_nearest(const char* word, const char* const* words) {
  const char* nearest = NULL;
  size_t limit = strlen(word) / 3 + 1;
  for (size_t i = 0; words[i]; i++) {
    size_t d = distance(word, words[i]);
    if (d <= limit) {
      limit = d;
      nearest = words[i];
      if (d == 0) break;
      limit--;
    }
  }
  return nearest;
}

bool cml_unknown_key(cml_reader_t* reader, const json5_member_t* member, const char* where,
                     const char* const* keys) {
  const char* nearest = cml_nearest(member->key, keys);
  cml_fail(reader->error, member->key_location, "ParseError", "%s has no key \"%.200s\"", where, member->key);
  if (nearest) return cml_advise(reader->error, "did you mean \"%s\"?", nearest);
  return cml_advise(reader->error, "the keys there are %s", list_words(reader, keys));
}
