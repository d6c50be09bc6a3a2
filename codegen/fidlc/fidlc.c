// The order of the phases.
#include "fidlc.h"

#include <stdlib.h>

#include "compiler.h"
#include "ir.h"
#include "json_ir.h"
#include "versions.h"

fidlc_t* fidlc_create(const fidlc_options_t* options) {
  compiler_t* c = calloc(1, sizeof(*c));
  if (!c) abort();
  arena_init(&c->permanent);
  arena_init(&c->scratch);
  c->arena = &c->permanent;
  interner_init(&c->names, &c->permanent);
  c->diagnostics.arena = &c->permanent;
  c->options = options;
  make_builtin_library(c);
  return c;
}

void fidlc_destroy(fidlc_t* c) {
  if (!c) return;
  arena_deinit(&c->scratch);
  arena_deinit(&c->permanent);
  free(c);
}

void fidlc_add_library(fidlc_t* c) {
  ptr_list_add(c->arena, &c->groups, arena_alloc(c->arena, sizeof(group_t)));
}

void fidlc_add_file(fidlc_t* c, const char* name, const char* bytes, size_t length) {
  if (!c->groups.count) fidlc_add_library(c);
  group_t* group = c->groups.items[c->groups.count - 1];
  ptr_list_add(c->arena, &group->sources, source_create(c->arena, name, bytes, length, c->source_count++));
}

// One version: `target` of the target's platform (NULL: what is selected), and what is selected of the
// others.
static void compile_version(compiler_t* c, const version_set_t* target) {
  c->pass++;
  for (uint32_t i = 0; i < c->libraries.count; i++) {
    library_t* library = c->libraries.items[i];
    bool same_platform = library->versioned && library->platform == c->target->platform;
    apply_versions(library, target && same_platform ? target : &library->selected);
    collect_library(c, library);
    resolve_library(c, library);
    sort_library(c, library);
    compile_library(c, library);
    shape_library(c, library);
    verify_library(c, library);
  }
}

static void compile_all(compiler_t* c) {
  for (uint32_t i = 0; i < c->libraries.count; i++) {
    prepare_versions(c, c->libraries.items[i]);
    select_platform(c, c->libraries.items[i]);
    check_replaced_decls(c, c->libraries.items[i]);
  }
  check_versioned(c);
  version_set_t all = find_boundaries(c);
  c->comparing_versions = true;
  for (uint32_t i = 0; i < all.count; i++) {
    version_set_t one = {&all.versions[i], 1};
    c->arena = &c->scratch;
    compile_version(c, &one);
    c->arena = &c->permanent;
    arena_deinit(&c->scratch);
  }
  c->comparing_versions = false;
  for (uint32_t i = 0; i < c->libraries.count; i++)
    check_replaced_members(c, c->libraries.items[i]);
  compile_version(c, NULL);
  for (uint32_t i = 0; i < c->libraries.count; i++)
    check_unused(c, c->libraries.items[i]);
}

const Fidl__Ir__Library* fidlc_compile(fidlc_t* c) {
  const Fidl__Ir__Library* result = NULL;
  if (make_libraries(c)) compile_all(c);
  if (c->options->warnings_are_errors) diagnostics_promote_warnings(&c->diagnostics);
  diagnostics_finish(&c->diagnostics);
  if (!c->diagnostics.errors) result = ir_library(c, c->target);
  return result;
}

void fidlc_write_json_ir(fidlc_t* c, FILE* out) {
  json_ir_write(c, c->target, out);
}

size_t fidlc_error_count(const fidlc_t* c) {
  return c->diagnostics.errors;
}

size_t fidlc_warning_count(const fidlc_t* c) {
  return c->diagnostics.warnings;
}

int fidlc_diagnostic_number(const fidlc_t* c, size_t i) {
  if (i >= c->diagnostics.list.count) return 0;
  return ((const diagnostic_t*)c->diagnostics.list.items[i])->number;
}

void fidlc_print(fidlc_t* c, FILE* out, bool colour) {
  diagnostics_print(&c->diagnostics, out, colour);
}

void fidlc_print_json(fidlc_t* c, FILE* out) {
  diagnostics_print_json(&c->diagnostics, out);
}
