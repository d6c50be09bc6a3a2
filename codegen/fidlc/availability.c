// One @available attribute: its arguments, their order, and how it lies within what surrounds it.
#include <stdlib.h>
#include <string.h>

#include "versions.h"

typedef struct reading {
  compiler_t* c;
  const attribute_t* attribute;
  versioned_kind_t kind;
  uint32_t added;  // 0: not given, and so for the others
  uint32_t deprecated;
  uint32_t removed;
  uint32_t replaced;
  const attribute_arg_t* note;
  const attribute_arg_t* renamed;
  const attribute_arg_t* platform;
  const str_t* renamed_name;
  const str_t* platform_name;
  bool ok;
} reading_t;

bool availability_same_range(const availability_t* a, const availability_t* b) {
  if (!a || !b) return a == b;
  return a->added == b->added && a->removed == b->removed;
}

bool is_platform_name(const char* text) {
  if (text[0] < 'a' || text[0] > 'z') return false;
  for (; *text; text++) {
    if (!(*text >= 'a' && *text <= 'z') && !(*text >= '0' && *text <= '9')) return false;
  }
  return true;
}

bool parse_version(const char* text, size_t length, uint32_t* out) {
  if (length == 4 && memcmp(text, "NEXT", 4) == 0) {
    *out = VERSION_NEXT;
  } else if (length == 4 && memcmp(text, "HEAD", 4) == 0) {
    *out = VERSION_HEAD;
  } else {
    char digits[16];
    if (length == 0 || length >= sizeof(digits)) return false;
    for (size_t i = 0; i < length; i++) {
      if (text[i] < '0' || text[i] > '9') return false;
    }
    memcpy(digits, text, length);
    digits[length] = '\0';
    unsigned long value = strtoul(digits, NULL, 10);
    if (value == 0 || value > VERSION_MAX_NUMBER) return false;
    *out = (uint32_t)value;
  }
  return true;
}

const char* version_text(compiler_t* c, uint32_t version) {
  if (version == VERSION_NEXT) return "NEXT";
  if (version == VERSION_HEAD) return "HEAD";
  if (version == VERSION_LEGACY) return "LEGACY";
  return arena_printf(c->arena, "%u", version);
}

// The value of a literal as `type`; NULL, reported, for what is none or does not convert. Constants have no
// values yet.
static bool read_literal(reading_t* reading, const attribute_arg_t* arg, const type_t* type, value_t* out) {
  compiler_t* c = reading->c;
  const context_t context = {.c = c};
  if (arg->value->kind == EXPR_NAME || arg->value->kind == EXPR_OR) {
    report_error(&c->diagnostics, arg->value->span, 133, "`%s` must be a literal", arg->name.name->data);
    reading->ok = false;
  } else if (!evaluate(&context, arg->value, type, out)) {
    report_unresolvable(&context, arg->value, 104, "the argument `%s` has no usable value",
                        arg->name.name->data);
    reading->ok = false;
  } else {
    return true;
  }
  return false;
}

static bool is_version(uint32_t number) {
  return (number > 0 && number <= VERSION_MAX_NUMBER) || number == VERSION_NEXT || number == VERSION_HEAD;
}

// In a source a version is any number literal; the special ones can be written as their numbers, too.
static void read_version(reading_t* reading, const attribute_arg_t* arg, uint32_t* out) {
  static const type_t kNumber = {.kind = TYPE_PRIMITIVE, .primitive = BUILTIN_UINT32};
  compiler_t* c = reading->c;
  const expr_t* value = arg->value;
  const char* text = span_text(c->arena, value->span);
  if (value->kind == EXPR_NAME) {
    if (value->name->count == 1 && (strcmp(text, "NEXT") == 0 || strcmp(text, "HEAD") == 0)) {
      *out = text[0] == 'N' ? VERSION_NEXT : VERSION_HEAD;
      return;
    }
  } else {
    value_t number;
    if (!read_literal(reading, arg, &kNumber, &number)) return;
    *out = (uint32_t)number.u;
    if (is_version(*out)) return;
  }
  reading->ok = false;
  diagnostic_t* error = report_error(&c->diagnostics, value->span, 153, "%s is not a version", text);
  add_hint(&c->diagnostics, error, "versions are 1 to %u, NEXT and HEAD", VERSION_MAX_NUMBER);
}

static const str_t* read_text(reading_t* reading, const attribute_arg_t* arg) {
  static const type_t kText = {.kind = TYPE_STRING};
  value_t text;
  if (!read_literal(reading, arg, &kText, &text)) return NULL;
  return intern(&reading->c->names, text.text, text.length);
}

static void read_platform(reading_t* reading, const attribute_arg_t* arg) {
  compiler_t* c = reading->c;
  reading->platform = arg;
  reading->platform_name = read_text(reading, arg);
  if (!reading->platform_name) return;
  const char* text = reading->platform_name->data;
  if (strcmp(text, "unversioned") == 0) {
    report_error(&c->diagnostics, arg->value->span, 208, "the platform name `unversioned` is reserved");
  } else if (strlen(text) != reading->platform_name->length || !is_platform_name(text)) {
    report_error(&c->diagnostics, arg->value->span, 152, "`%s` is not the name of a platform", text);
  } else {
    return;
  }
  reading->ok = false;
}

static void read_arg(reading_t* reading, const attribute_arg_t* arg) {
  compiler_t* c = reading->c;
  bool modifier = reading->kind == VERSIONED_MODIFIER;
  if (!arg->name.name) {
    report_error(&c->diagnostics, arg->span, 126, "the arguments of @available must be named");
    reading->ok = false;
    return;
  }
  const char* name = arg->name.name->data;
  if (strcmp(name, "added") == 0) {
    read_version(reading, arg, &reading->added);
  } else if (strcmp(name, "removed") == 0) {
    read_version(reading, arg, &reading->removed);
  } else if (modifier) {
    report_error(&c->diagnostics, arg->name.span, 218, "a modifier can be `added` and `removed`, not `%s`",
                 name);
    reading->ok = false;
  } else if (strcmp(name, "deprecated") == 0) {
    read_version(reading, arg, &reading->deprecated);
  } else if (strcmp(name, "replaced") == 0) {
    read_version(reading, arg, &reading->replaced);
  } else if (strcmp(name, "note") == 0) {
    reading->note = arg;
    read_text(reading, arg);
  } else if (strcmp(name, "renamed") == 0) {
    reading->renamed = arg;
    reading->renamed_name = read_text(reading, arg);
  } else if (strcmp(name, "platform") == 0) {
    read_platform(reading, arg);
  } else {
    report_error(&c->diagnostics, arg->name.span, 129, "@available has no argument `%s`", name);
    reading->ok = false;
  }
}

static bool refuse(reading_t* reading, span_t span, int number, const char* text) {
  report_error(&reading->c->diagnostics, span, number, "%s", text);
  return false;
}

// Which arguments go together.
static bool check_combination(reading_t* reading) {
  span_t span = reading->attribute->span;
  bool library = reading->kind == VERSIONED_LIBRARY;
  bool ends = reading->removed || reading->replaced;
  if (reading->removed && reading->replaced) {
    return refuse(reading, span, 203, "an element is either `removed` or `replaced`, not both");
  }
  if (reading->note && !reading->deprecated && !ends) {
    return refuse(reading, reading->note->span, 148,
                  "a `note` goes with `deprecated`, `removed` or `replaced`");
  }
  if (reading->platform && !library) {
    return refuse(reading, reading->platform->span, 149, "`platform` stands on the library only");
  }
  if (library && !reading->added)
    return refuse(reading, span, 150, "the @available of a library says when it was `added`");
  if (library && reading->replaced)
    return refuse(reading, span, 204, "a library cannot be `replaced`, only `removed`");
  if (reading->renamed && reading->kind != VERSIONED_MEMBER) {
    return refuse(reading, reading->renamed->span, 211, "only members can be `renamed`");
  }
  if (reading->renamed && !ends) {
    return refuse(reading, reading->renamed->span, 212, "`renamed` goes with `replaced` or `removed`");
  }
  return true;
}

static bool check_order(reading_t* reading) {
  uint32_t ends = reading->removed ? reading->removed : reading->replaced;
  bool ok = !(reading->added && reading->deprecated && reading->added > reading->deprecated) &&
            !(reading->added && ends && reading->added >= ends) &&
            !(reading->deprecated && ends && reading->deprecated >= ends);
  if (ok) return true;
  return refuse(reading, reading->attribute->span, 154,
                "versions must follow each other: added <= deprecated < removed or replaced");
}

static bool conflict(reading_t* reading, const char* what, uint32_t version, const char* outer_what,
                     uint32_t outer_version, const availability_t* outer) {
  compiler_t* c = reading->c;
  diagnostic_t* error = report_error(&c->diagnostics, reading->attribute->span, 155,
                                     "%s at %s conflicts with what surrounds it, which is %s at %s", what,
                                     version_text(c, version), outer_what, version_text(c, outer_version));
  if (outer->span.source) add_note(&c->diagnostics, error, outer->span, "said here");
  return false;
}

static bool check_within(reading_t* reading, const availability_t* outer) {
  const struct {
    const char* what;
    uint32_t version;
    bool is_end;
  } given[] = {{"added", reading->added, false},
               {"deprecated", reading->deprecated, false},
               {"removed", reading->removed, true},
               {"replaced", reading->replaced, true}};
  for (size_t i = 0; i < 4; i++) {
    uint32_t version = given[i].version;
    if (!version) continue;
    bool too_early = given[i].is_end ? version <= outer->added : version < outer->added;
    bool too_late = given[i].is_end ? version > outer->removed : version >= outer->removed;
    if (too_early) return conflict(reading, given[i].what, version, "added", outer->added, outer);
    if (too_late) return conflict(reading, given[i].what, version, "removed", outer->removed, outer);
  }
  if (reading->deprecated && reading->deprecated > outer->deprecated) {
    return conflict(reading, "deprecated", reading->deprecated, "deprecated", outer->deprecated, outer);
  }
  return true;
}

static availability_t* combine(reading_t* reading, const availability_t* outer) {
  availability_t* availability = arena_alloc(reading->c->arena, sizeof(*availability));
  *availability = *outer;
  availability->ending = ENDS_NOT;
  availability->span = reading->attribute->span;
  if (reading->added) availability->added = reading->added;
  if (reading->deprecated) availability->deprecated = reading->deprecated;
  if (reading->removed) {
    availability->removed = reading->removed;
    availability->ending = ENDS_REMOVED;
  } else if (reading->replaced) {
    availability->removed = reading->replaced;
    availability->ending = ENDS_REPLACED;
  }
  availability->renamed = reading->renamed_name;
  return availability;
}

availability_t* read_availability(compiler_t* c, library_t* library, const attribute_t* attribute,
                                  availability_t* outer, versioned_kind_t kind) {
  static const availability_t anything = {.deprecated = VERSION_INFINITE, .removed = VERSION_INFINITE};
  reading_t reading = {.c = c, .attribute = attribute, .kind = kind, .ok = true};
  const availability_t* around = outer ? outer : &anything;
  if (!attribute->args && kind != VERSIONED_LIBRARY) {
    report_error(&c->diagnostics, attribute->span, 147, "@available needs at least one argument");
    return outer;
  }
  for (const attribute_arg_t* arg = attribute->args; arg; arg = arg->next)
    read_arg(&reading, arg);
  if (kind != VERSIONED_LIBRARY && !library->versioned) {
    diagnostic_t* error = report_error(&c->diagnostics, attribute->span, 151,
                                       "versions need an @available on the library first");
    if (library->span.source) add_note(&c->diagnostics, error, library->span, "the library");
    return outer;
  }
  if (!reading.ok || !check_combination(&reading) || !check_order(&reading) ||
      !check_within(&reading, around)) {
    return outer;
  }
  if (kind == VERSIONED_LIBRARY && reading.platform_name) library->platform = reading.platform_name;
  return combine(&reading, around);
}
