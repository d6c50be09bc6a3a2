// Libraries of the IR: the target, and whole behind it every library it reaches.
#include "attributes.h"
#include "ir.h"

static Fidl__Ir__Library* one_library(compiler_t* c, library_t* library) {
  Fidl__Ir__Library* out = arena_alloc(c->arena, sizeof(*out));
  fidl__ir__library__init(out);
  out->version = 1;
  out->name = (char*)(uintptr_t)library->name->data;
  for (const file_syntax_t* file = library->files; file; file = file->next) out->n_files++;
  out->files = arena_alloc(c->arena, out->n_files * sizeof(char*));
  size_t at = 0;
  for (const file_syntax_t* file = library->files; file; file = file->next) {
    out->files[at++] = (char*)(uintptr_t)file->source->name;
    if (file->attributes && !out->attributes) {
      out->attributes = ir_attributes(c, file->attributes, &out->n_attributes);
      out->doc = (char*)(uintptr_t)attributes_doc(c, file->attributes);
    }
  }
  if (library->platform) out->platform = (char*)(uintptr_t)library->platform->data;
  out->n_decls = library->sorted.count;
  out->decls = arena_alloc(c->arena, out->n_decls * sizeof(*out->decls));
  for (uint32_t i = 0; i < library->sorted.count; i++) out->decls[i] = ir_decl(c, library->sorted.items[i]);
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
