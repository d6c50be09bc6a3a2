// The whole of the JSON representation: declarations by kind and name, the libraries they come from, and the
// order in which they can be defined.
#include "json_ir.h"

#include <stdlib.h>
#include <string.h>

#include "versions.h"

static int by_name(const void* a, const void* b) {
  const decl_t* left = *(decl_t* const*)a;
  const decl_t* right = *(decl_t* const*)b;
  int order = strcmp(left->library->name->data, right->library->name->data);
  return order ? order : strcmp(left->name->data, right->name->data);
}

static void sort_by_name(ptr_list_t* decls) {
  if (decls->count) qsort(decls->items, decls->count, sizeof(void*), by_name);
}

static ptr_list_t sorted_decls(compiler_t* c, const library_t* library) {
  ptr_list_t decls = {0};
  for (uint32_t i = 0; i < library->sorted.count; i++)
    ptr_list_add(c->arena, &decls, library->sorted.items[i]);
  sort_by_name(&decls);
  return decls;
}

// The kinds in the order in which they are listed.
static const struct {
  decl_kind_t kind;
  const char* key;
} kLists[] = {
    {DECL_BITS, "bits_declarations"},         {DECL_CONST, "const_declarations"},
    {DECL_ENUM, "enum_declarations"},         {DECL_RESOURCE, "experimental_resource_declarations"},
    {DECL_PROTOCOL, "protocol_declarations"}, {DECL_SERVICE, "service_declarations"},
    {DECL_STRUCT, "struct_declarations"},     {DECL_TABLE, "table_declarations"},
    {DECL_UNION, "union_declarations"},       {DECL_OVERLAY, "overlay_declarations"},
    {DECL_ALIAS, "alias_declarations"},       {DECL_NEWTYPE, "new_type_declarations"},
};

static const size_t kListCount = sizeof(kLists) / sizeof(kLists[0]);

static void put_available(json_ir_t* ir) {
  const fidlc_options_t* options = ir->c->options;
  json_open(&ir->json, "available", '{');
  for (size_t i = 0; i < options->available_count; i++) {
    const char* text = options->available[i];
    size_t length = strcspn(text, ":");
    json_open(&ir->json, arena_copy(ir->c->arena, text, length), '[');
    while (text[length]) {
      text += length + 1;
      length = strcspn(text, ",");
      json_string_n(&ir->json, NULL, text, length);
    }
    json_close(&ir->json, ']');
  }
  json_close(&ir->json, '}');
}

// Every file may add attributes to the library.
static void put_library_attributes(json_ir_t* ir) {
  attribute_t* all = NULL;
  attribute_t** next = &all;
  for (const file_syntax_t* file = ir->library->files; file; file = file->next) {
    for (const attribute_t* attribute = file->attributes; attribute; attribute = attribute->next) {
      *next = arena_alloc(ir->c->arena, sizeof(*all));
      **next = *attribute;
      (*next)->next = NULL;
      next = &(*next)->next;
    }
  }
  json_attributes(ir, all);
}

static void put_experiments(json_ir_t* ir) {
  const fidlc_options_t* options = ir->c->options;
  json_open(&ir->json, "experiments", '[');
  if (options->allow_arbitrary_error_types) json_string(&ir->json, NULL, "allow_arbitrary_error_types");
  if (options->allow_new_types) json_string(&ir->json, NULL, "allow_new_types");
  if (options->no_resource_attribute) json_string(&ir->json, NULL, "no_resource_attribute");
  if (options->zx_c_types) json_string(&ir->json, NULL, "zx_c_types");
  json_close(&ir->json, ']');
}

// What another library's declaration is, as far as it matters to who uses it.
static void put_external(json_ir_t* ir, const decl_t* decl) {
  json_writer_t* json = &ir->json;
  json_open(json, decl_full_name(ir->c, decl), '{');
  json_string(json, "kind", json_kind(decl->kind));
  bool layout = decl->kind == DECL_STRUCT || decl->kind == DECL_TABLE || decl->kind == DECL_UNION ||
                decl->kind == DECL_OVERLAY;
  if (layout) json_bool(json, "resource", decl->resource);
  if (layout || decl->kind == DECL_BITS || decl->kind == DECL_ENUM || decl->kind == DECL_NEWTYPE) {
    type_t type = {.kind = TYPE_IDENTIFIER, .decl = (decl_t*)(uintptr_t)decl};
    json_shape(ir, type_shape(&type));
  }
  json_close(json, '}');
}

static void put_dependency(json_ir_t* ir, const library_t* library) {
  ptr_list_t decls = sorted_decls(ir->c, library);
  json_open(&ir->json, NULL, '{');
  json_string(&ir->json, "name", library->name->data);
  json_open(&ir->json, "declarations", '{');
  for (size_t i = 0; i < kListCount; i++) {
    for (uint32_t j = 0; j < decls.count; j++) {
      const decl_t* decl = decls.items[j];
      if (decl->kind == kLists[i].kind) put_external(ir, decl);
    }
  }
  json_close(&ir->json, '}');
  json_close(&ir->json, '}');
}

// Imported libraries, and those that declare methods which come in by composition.
static bool depends_on(const library_t* library, const library_t* other) {
  for (uint32_t i = 0; i < library->imports.count; i++) {
    if (library->imports.items[i] == other) return true;
  }
  for (uint32_t i = 0; i < library->sorted.count; i++) {
    const decl_t* decl = library->sorted.items[i];
    for (uint32_t j = 0; j < decl->all_methods.count; j++) {
      if (((const method_t*)decl->all_methods.items[j])->owner->library == other) return true;
    }
  }
  return false;
}

static int by_library_name(const void* a, const void* b) {
  return strcmp((*(library_t* const*)a)->name->data, (*(library_t* const*)b)->name->data);
}

static void put_dependencies(json_ir_t* ir) {
  ptr_list_t found = {0};
  for (uint32_t i = 0; i < ir->c->libraries.count; i++) {
    const library_t* other = ir->c->libraries.items[i];
    if (other != ir->library && depends_on(ir->library, other)) ptr_list_add(ir->c->arena, &found, other);
  }
  if (found.count) qsort(found.items, found.count, sizeof(void*), by_library_name);
  json_open(&ir->json, "library_dependencies", '[');
  for (uint32_t i = 0; i < found.count; i++)
    put_dependency(ir, found.items[i]);
  json_close(&ir->json, ']');
}

static void note_external(json_ir_t* ir, ptr_list_t* found, str_map_t* seen, const type_t* type) {
  if (!type || type->kind != TYPE_IDENTIFIER) return;
  const decl_t* decl = type->decl;
  if (decl->kind != DECL_STRUCT || decl->library == ir->library) return;
  const str_t* name = intern_cstr(&ir->c->names, decl_full_name(ir->c, decl));
  if (!str_map_add(ir->c->arena, seen, name, (void*)(uintptr_t)decl)) ptr_list_add(ir->c->arena, found, decl);
}

// Structs of other libraries that are bodies of messages here: back ends flatten their members into
// parameters.
static void put_external_structs(json_ir_t* ir) {
  ptr_list_t found = {0};
  str_map_t seen = {0};
  for (uint32_t i = 0; i < ir->library->sorted.count; i++) {
    const decl_t* decl = ir->library->sorted.items[i];
    for (uint32_t j = 0; j < decl->all_methods.count; j++) {
      const method_t* method = decl->all_methods.items[j];
      note_external(ir, &found, &seen, method->request);
      note_external(ir, &found, &seen, method->response);
      note_external(ir, &found, &seen, method->success);
    }
  }
  sort_by_name(&found);
  json_open(&ir->json, "external_struct_declarations", '[');
  for (uint32_t i = 0; i < found.count; i++)
    json_decl(ir, found.items[i]);
  json_close(&ir->json, ']');
}

static void put_declarations(json_ir_t* ir, const ptr_list_t* decls) {
  for (size_t i = 0; i < kListCount; i++) {
    if (kLists[i].kind == DECL_OVERLAY && !ir->c->options->zx_c_types) continue;
    json_open(&ir->json, kLists[i].key, '[');
    for (uint32_t j = 0; j < decls->count; j++) {
      const decl_t* decl = decls->items[j];
      if (decl->kind == kLists[i].kind) json_decl(ir, decl);
    }
    json_close(&ir->json, ']');
    if (kLists[i].kind == DECL_STRUCT) put_external_structs(ir);
  }
}

static void put_order(json_ir_t* ir, const ptr_list_t* decls) {
  json_open(&ir->json, "declaration_order", '[');
  for (uint32_t i = 0; i < ir->library->sorted.count; i++)
    json_string(&ir->json, NULL, decl_full_name(ir->c, ir->library->sorted.items[i]));
  json_close(&ir->json, ']');
  json_open(&ir->json, "declarations", '{');
  for (size_t i = 0; i < kListCount; i++) {
    for (uint32_t j = 0; j < decls->count; j++) {
      const decl_t* decl = decls->items[j];
      if (decl->kind == kLists[i].kind)
        json_string(&ir->json, decl_full_name(ir->c, decl), json_kind(decl->kind));
    }
  }
  json_close(&ir->json, '}');
}

void json_ir_write(compiler_t* c, const library_t* library, FILE* out) {
  json_ir_t ir = {.c = c, .library = library, .json = {.out = out, .pretty = true}};
  ptr_list_t decls = sorted_decls(c, library);
  json_open(&ir.json, NULL, '{');
  json_string(&ir.json, "name", library->name->data);
  json_string(&ir.json, "platform", library->platform ? library->platform->data : "unversioned");
  put_available(&ir);
  put_library_attributes(&ir);
  put_experiments(&ir);
  put_dependencies(&ir);
  put_declarations(&ir, &decls);
  put_order(&ir, &decls);
  json_close(&ir.json, '}');
  fputc('\n', out);
}
