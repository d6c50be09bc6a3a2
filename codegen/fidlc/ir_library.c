// Libraries of the IR: the target, and whole behind it every library it reaches.
#include "attributes.h"
#include "ir.h"
#include "versions.h"

// Every file may add attributes to the library.
static void set_attributes(compiler_t* c, Fidl__Ir__Library* out, const library_t* library) {
  size_t total = 0;
  for (const file_syntax_t* file = library->files; file; file = file->next) {
    for (const attribute_t* attribute = file->attributes; attribute; attribute = attribute->next)
      total++;
  }
  out->attributes = arena_alloc(c->arena, total * sizeof(*out->attributes));
  for (const file_syntax_t* file = library->files; file; file = file->next) {
    size_t count = 0;
    Fidl__Ir__Attribute** attributes = ir_attributes(c, file->attributes, &count);
    for (size_t i = 0; i < count; i++)
      out->attributes[out->n_attributes++] = attributes[i];
    if (!out->doc) out->doc = (char*)(uintptr_t)attributes_doc(c, file->attributes);
  }
}

static void set_versions(compiler_t* c, Fidl__Ir__Library* out, const library_t* library) {
  if (!library->platform) return;
  out->platform = (char*)(uintptr_t)library->platform->data;
  out->available = arena_alloc(c->arena, library->selected.count * sizeof(char*));
  for (uint32_t i = 0; i < library->selected.count; i++) {
    out->available[out->n_available++] = arena_printf(c->arena, "%s:%s", library->platform->data,
                                                      version_text(c, library->selected.versions[i]));
  }
}

static Fidl__Ir__Library* one_library(compiler_t* c, library_t* library) {
  Fidl__Ir__Library* out = arena_alloc(c->arena, sizeof(*out));
  fidl__ir__library__init(out);
  out->version = 1;
  out->name = (char*)(uintptr_t)library->name->data;
  for (const file_syntax_t* file = library->files; file; file = file->next)
    out->n_files++;
  out->files = arena_alloc(c->arena, out->n_files * sizeof(char*));
  size_t at = 0;
  for (const file_syntax_t* file = library->files; file; file = file->next) {
    out->files[at++] = (char*)(uintptr_t)file->source->name;
  }
  set_attributes(c, out, library);
  set_versions(c, out, library);
  out->n_decls = library->sorted.count;
  out->decls = arena_alloc(c->arena, out->n_decls * sizeof(*out->decls));
  for (uint32_t i = 0; i < library->sorted.count; i++)
    out->decls[i] = ir_decl(c, library->sorted.items[i]);
  return out;
}

Fidl__Ir__Library* ir_library(compiler_t* c, library_t* library) {
  Fidl__Ir__Library* out = one_library(c, library);
  out->dependencies = arena_alloc(c->arena, c->libraries.count * sizeof(*out->dependencies));
  for (uint32_t i = 0; i < c->libraries.count; i++) {
    library_t* other = c->libraries.items[i];
    if (other != library && other->reached) out->dependencies[out->n_dependencies++] = one_library(c, other);
  }
  return out;
}
