// Groups of files into libraries, and what each file imports.
#include <string.h>

#include "compiler.h"
#include "parser.h"

static const char* const kBuiltinNames[BUILTIN_COUNT] = {
    [BUILTIN_BOOL] = "bool",
    [BUILTIN_INT8] = "int8",
    [BUILTIN_INT16] = "int16",
    [BUILTIN_INT32] = "int32",
    [BUILTIN_INT64] = "int64",
    [BUILTIN_UINT8] = "uint8",
    [BUILTIN_UINT16] = "uint16",
    [BUILTIN_UINT32] = "uint32",
    [BUILTIN_UINT64] = "uint64",
    [BUILTIN_FLOAT32] = "float32",
    [BUILTIN_FLOAT64] = "float64",
    [BUILTIN_UCHAR] = "uchar",
    [BUILTIN_USIZE64] = "usize64",
    [BUILTIN_UINTPTR64] = "uintptr64",
    [BUILTIN_BYTE] = "byte",
    [BUILTIN_STRING] = "string",
    [BUILTIN_ARRAY] = "array",
    [BUILTIN_STRING_ARRAY] = "string_array",
    [BUILTIN_VECTOR] = "vector",
    [BUILTIN_BOX] = "box",
    [BUILTIN_POINTER] = "experimental_pointer",
    [BUILTIN_CLIENT_END] = "client_end",
    [BUILTIN_SERVER_END] = "server_end",
    [BUILTIN_OPTIONAL] = "optional",
    [BUILTIN_MAX] = "MAX",
    [BUILTIN_NEXT] = "NEXT",
    [BUILTIN_HEAD] = "HEAD",
};

void make_builtin_library(compiler_t* c) {
  library_t* library = arena_alloc(c->arena, sizeof(*library));
  library->name = intern_cstr(&c->names, "fidl");
  library->reached = true;
  for (int builtin = BUILTIN_NONE + 1; builtin < BUILTIN_COUNT; builtin++) {
    decl_t* decl = arena_alloc(c->arena, sizeof(*decl));
    decl->kind = DECL_BUILTIN;
    decl->builtin = (builtin_t)builtin;
    decl->library = library;
    decl->name = intern_cstr(&c->names, kBuiltinNames[builtin]);
    decl->compiled = true;
    str_map_add(c->arena, &library->names, decl->name, decl);
  }
  c->builtin = library;
}

const str_t* dotted_name(compiler_t* c, const name_ref_t* name, uint32_t count) {
  if (count == 1) return name->parts[0].name;
  size_t length = 0;
  for (uint32_t i = 0; i < count; i++)
    length += name->parts[i].name->length + 1;
  char small[256];
  char* text = length <= sizeof(small) ? small : arena_alloc(c->arena, length);
  size_t at = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (i) text[at++] = '.';
    memcpy(text + at, name->parts[i].name->data, name->parts[i].name->length);
    at += name->parts[i].name->length;
  }
  return intern(&c->names, text, at);
}

const char* decl_full_name(compiler_t* c, const decl_t* decl) {
  return arena_printf(c->arena, "%s/%s", decl->library->name->data, decl->name->data);
}

static void check_library_name(compiler_t* c, const name_ref_t* name) {
  for (uint32_t i = 0; i < name->count; i++) {
    const str_t* part = name->parts[i].name;
    bool ok = part->data[0] >= 'a' && part->data[0] <= 'z';
    for (uint32_t j = 0; j < part->length; j++) {
      char ch = part->data[j];
      ok = ok && ((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9'));
    }
    if (ok) continue;
    diagnostic_t* error = report_error(&c->diagnostics, name->parts[i].span, 11,
                                       "`%s` cannot be part of a library's name", part->data);
    add_hint(&c->diagnostics, error, "its parts are lower-case letters and digits and begin with a letter");
  }
}

static void name_library(compiler_t* c, library_t* library, file_syntax_t* file) {
  if (!file->library_name) return;
  const str_t* name = dotted_name(c, file->library_name, file->library_name->count);
  if (!library->name) {
    check_library_name(c, file->library_name);
    library->name = name;
    library->span = file->library_name->span;
  } else if (library->name != name) {
    diagnostic_t* error =
        report_error(&c->diagnostics, file->library_name->span, 40,
                     "this file says it belongs to `%s`, another of the same library to `%s`", name->data,
                     library->name->data);
    add_note(&c->diagnostics, error, library->span, "the other file");
  }
}

static void import_one(compiler_t* c, library_t* library, file_syntax_t* file, using_syntax_t* using) {
  const str_t* name = dotted_name(c, using->library_name, using->library_name->count);
  span_t span = using->library_name->span;
  library_t* found = str_map_get(&c->by_name, name);
  if (!found || found == library) {
    diagnostic_t* error = report_error(&c->diagnostics, span, 46, "the library `%s` is unknown", name->data);
    add_hint(&c->diagnostics, error, "give its files in a --files group before this library's");
    return;
  }
  using->library = found;
  for (using_syntax_t* other = file->usings; other != using; other = other->next) {
    if (other->library != found) continue;
    diagnostic_t* error =
        report_error(&c->diagnostics, span, 42, "the library `%s` is imported twice", name->data);
    add_note(&c->diagnostics, error, other->span, "the first import");
    using->used = true;
    return;
  }
  const str_t* key = using->alias.name ? using->alias.name : name;
  using_syntax_t* taken = str_map_add(c->arena, &file->imports, key, using);
  if (taken) {
    span_t at = using->alias.name ? using->alias.span : span;
    diagnostic_t* error =
        using->alias.name
            ? report_error(&c->diagnostics, at, 44,
                           "the name `%s` for the library `%s` is taken by another import", key->data,
                           name->data)
            : report_error(&c->diagnostics, at, 43, "the name of the library `%s` is taken by another import",
                           name->data);
    add_note(&c->diagnostics, error, taken->span, "the other import");
    using->used = true;
  }
  bool known = false;
  for (uint32_t i = 0; i < library->imports.count; i++)
    known = known || library->imports.items[i] == found;
  if (!known) ptr_list_add(c->arena, &library->imports, found);
}

static bool parse_group(compiler_t* c, const group_t* group, library_t* library) {
  file_syntax_t** next = &library->files;
  for (uint32_t i = 0; i < group->sources.count; i++) {
    *next = parse_file(c->arena, &c->names, &c->diagnostics, group->sources.items[i]);
    name_library(c, library, *next);
    next = &(*next)->next;
  }
  return library->name != NULL;
}

static bool register_library(compiler_t* c, library_t* library) {
  bool is_builtin = library->name == c->builtin->name;
  library_t* other = str_map_add(c->arena, &c->by_name, library->name, library);
  if (other || is_builtin) {
    diagnostic_t* error = report_error(&c->diagnostics, library->span, 41,
                                       "there are two libraries named `%s`", library->name->data);
    if (other) add_note(&c->diagnostics, error, other->span, "the other one");
    return false;
  }
  ptr_list_add(c->arena, &c->libraries, library);
  return true;
}

// What the target does not reach need not be compiled.
static void mark_reached(library_t* library) {
  if (library->reached) return;
  library->reached = true;
  for (uint32_t i = 0; i < library->imports.count; i++)
    mark_reached(library->imports.items[i]);
}

static void check_target(compiler_t* c) {
  const char* wanted = c->options->name;
  if (wanted && strcmp(c->target->name->data, wanted) != 0) {
    report_error(&c->diagnostics, c->target->span, 0, "the library is `%s`, but --name asks for `%s`",
                 c->target->name->data, wanted);
  }
  mark_reached(c->target);
  for (uint32_t i = 0; i < c->libraries.count; i++) {
    library_t* library = c->libraries.items[i];
    if (library->reached || strcmp(library->name->data, "zx") == 0) continue;
    diagnostic_t* error =
        report_error(&c->diagnostics, library->span, 0, "the library `%s` is not used by `%s`",
                     library->name->data, c->target->name->data);
    add_hint(&c->diagnostics, error, "leave out its --files group");
  }
}

bool make_libraries(compiler_t* c) {
  for (uint32_t i = 0; i < c->groups.count; i++) {
    library_t* library = arena_alloc(c->arena, sizeof(*library));
    library->group = i;
    if (!parse_group(c, c->groups.items[i], library) || !register_library(c, library)) continue;
    for (file_syntax_t* file = library->files; file; file = file->next) {
      for (using_syntax_t* using = file->usings; using; using = using->next)
        import_one(c, library, file, using);
    }
    c->target = library;
  }
  if (!c->target || c->target->group + 1 != c->groups.count) {
    if (!c->diagnostics.errors)
      report_error(&c->diagnostics, (span_t){0}, 0, "there is no library to compile");
    return false;
  }
  check_target(c);
  return true;
}

library_t* find_import(compiler_t* c, file_syntax_t* file, const str_t* name) {
  using_syntax_t* using = file ? str_map_get(&file->imports, name) : NULL;
  if (using) {
    using->used = true;
    return using->library;
  }
  return name == c->builtin->name ? c->builtin : NULL;
}

void check_unused(compiler_t* c, library_t* library) {
  for (file_syntax_t* file = library->files; file; file = file->next) {
    for (using_syntax_t* using = file->usings; using; using = using->next) {
      const str_t* key = using->alias.name ? using->alias.name : using->library_name->parts[0].name;
      if (using->used || !using->library || str_map_get(&c->diagnostics.lost, key)) continue;
      diagnostic_t* error = report_error(&c->diagnostics, using->span, 178, "the import `%s` is not used",
                                         using->library->name->data);
      add_hint(&c->diagnostics, error, "remove the line");
    }
  }
}
