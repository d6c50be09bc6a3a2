// The library being generated.
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define MAX_DEPTH 32u          // more than this is an error in any message
#define GATHER_MIN_BYTES 512u  // FIDL_GATHER_MIN_BYTES of the runtime, or less

static int compare_decls(const void* a, const void* b) {
  return strcmp((*(decl_t* const*)a)->name, (*(decl_t* const*)b)->name);
}

static bool is_address(const type_t* type) {
  for (; type; type = type->element)
    if (type->kind == FIDL__IR__TYPE__KIND__POINTER) return true;
  return false;
}

static bool decl_is_address(model_t* model, const decl_t* decl) {
  if (decl->kind == FIDL__IR__DECL__KIND__NEWTYPE) return model_holds_address(model, decl->type);
  for (size_t i = 0; i < decl->n_members; i++)
    if (model_holds_address(model, decl->members[i]->type)) return true;
  return false;
}

// Declarations refer to each other in any order and in circles, so it takes rounds until no more are found.
static void find_addresses(model_t* model) {
  bool any = false;
  for (size_t i = 0; i < model->num_decls && !any; i++) {
    any = is_address(model->decls[i]->type);
    for (size_t j = 0; j < model->decls[i]->n_members && !any; j++)
      any = is_address(model->decls[i]->members[j]->type);
  }
  if (!any) return;
  model->holds_address = calloc(model->num_decls, sizeof(bool));
  if (!model->holds_address) abort();
  while (any) {
    any = false;
    for (size_t i = 0; i < model->num_decls; i++) {
      if (model->holds_address[i] || !decl_is_address(model, model->decls[i])) continue;
      model->holds_address[i] = any = true;
    }
  }
}

void model_init(model_t* model, const library_t* library) {
  *model = (model_t){.library = library};
  size_t count = library->n_decls;
  for (size_t i = 0; i < library->n_dependencies; i++)
    count += library->dependencies[i]->n_decls;
  model->decls = calloc(count ? count : 1, sizeof(*model->decls));
  if (!model->decls) {
    fputs("fidlgen_c: out of memory\n", stderr);
    exit(1);
  }
  for (size_t i = 0; i < library->n_decls; i++)
    model->decls[model->num_decls++] = library->decls[i];
  for (size_t i = 0; i < library->n_dependencies; i++)
    for (size_t j = 0; j < library->dependencies[i]->n_decls; j++)
      model->decls[model->num_decls++] = library->dependencies[i]->decls[j];
  qsort(model->decls, model->num_decls, sizeof(*model->decls), compare_decls);
  find_addresses(model);
}

void model_deinit(model_t* model) {
  free(model->decls);
  free(model->holds_address);
}

size_t model_place(const model_t* model, const char* name) {
  decl_t key = {.name = (char*)(uintptr_t)name};
  decl_t* key_pointer = &key;
  decl_t** found =
      bsearch(&key_pointer, model->decls, model->num_decls, sizeof(*model->decls), compare_decls);
  return found ? (size_t)(found - model->decls) : model->num_decls;
}

const decl_t* model_find(model_t* model, const char* name) {
  size_t place = model_place(model, name);
  if (place < model->num_decls) return model->decls[place];
  if (!model->error) model->error = text_format("the intermediate representation lacks %s", name);
  return NULL;
}

const type_t* model_resolve(model_t* model, const type_t* type) {
  while (type->kind == FIDL__IR__TYPE__KIND__IDENTIFIER) {
    const decl_t* decl = model_find(model, type->identifier);
    if (!decl || decl->kind != FIDL__IR__DECL__KIND__NEWTYPE) break;
    type = decl->type;
  }
  return type;
}

const decl_t* model_decl(model_t* model, const type_t* type) {
  type = model_resolve(model, type);
  return type->kind == FIDL__IR__TYPE__KIND__IDENTIFIER ? model_find(model, type->identifier) : NULL;
}

bool model_decl_holds_address(const model_t* model, const decl_t* decl) {
  size_t place = model_place(model, decl->name);
  return model->holds_address && place < model->num_decls && model->holds_address[place];
}

bool model_holds_address(model_t* model, const type_t* type) {
  if (is_address(type)) return true;
  while (type->element)
    type = type->element;
  const decl_t* decl =
      type->kind == FIDL__IR__TYPE__KIND__IDENTIFIER ? model_find(model, type->identifier) : NULL;
  return decl && model_decl_holds_address(model, decl);
}

bool model_plain(model_t* model, const type_t* type) {
  type = model_resolve(model, type);
  switch (type->kind) {
    case FIDL__IR__TYPE__KIND__PRIMITIVE:
      return type->primitive != FIDL__IR__TYPE__PRIMITIVE__BOOL;
    case FIDL__IR__TYPE__KIND__ARRAY:
      return model_plain(model, type->element);
    case FIDL__IR__TYPE__KIND__STRING_ARRAY:
      return true;
    case FIDL__IR__TYPE__KIND__IDENTIFIER: {
      const decl_t* decl = model_find(model, type->identifier);
      return decl && model_plain_decl(model, decl);
    }
    default:
      return false;
  }
}

bool model_plain_decl(model_t* model, const decl_t* decl) {
  switch (decl->kind) {
    case FIDL__IR__DECL__KIND__BITS:
      return !decl->strict || decl->mask == UINT64_MAX >> (64 - 8 * decl->type->shape->inline_size);
    case FIDL__IR__DECL__KIND__ENUM:
      return !decl->strict;
    case FIDL__IR__DECL__KIND__STRUCT:
      if (decl->n_members == 0) return false;
      for (size_t i = 0; i < decl->n_members; i++)
        if (decl->members[i]->padding != 0 || !model_plain(model, decl->members[i]->type)) return false;
      return true;
    default:
      return false;
  }
}

static bool gathers(model_t* model, const type_t* type, bool* seen) {
  type = model_resolve(model, type);
  if (type->shape->max_out_of_line < GATHER_MIN_BYTES) return false;
  if (type->kind == FIDL__IR__TYPE__KIND__ARRAY || type->kind == FIDL__IR__TYPE__KIND__BOX)
    return gathers(model, type->element, seen);
  if (type->kind != FIDL__IR__TYPE__KIND__IDENTIFIER) return true;  // a string or vector
  size_t place = model_place(model, type->identifier);
  if (place == model->num_decls || seen[place]) return false;
  seen[place] = true;
  const decl_t* decl = model->decls[place];
  for (size_t i = 0; i < decl->n_members; i++)
    if (gathers(model, decl->members[i]->type, seen)) return true;
  return false;
}

bool model_gathers(model_t* model, const type_t* type) {
  bool* seen = calloc(model->num_decls + 1, sizeof(*seen));
  if (!seen) abort();
  bool result = gathers(model, type, seen);
  free(seen);
  return result;
}

uint32_t model_max_size(const Fidl__Ir__TypeShape* shape) {
  if (shape->max_out_of_line == UINT32_MAX) return UINT32_MAX;
  uint64_t size = ((uint64_t)shape->inline_size + 7) / 8 * 8 + shape->max_out_of_line;
  return size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
}

bool model_inline(const type_t* type) {
  return type->shape->inline_size <= 4;
}

uint32_t model_max_ordinal(const decl_t* decl) {
  uint32_t max = 0;
  for (size_t i = 0; i < decl->n_members; i++)
    if (decl->members[i]->ordinal > max) max = decl->members[i]->ordinal;
  return max;
}

bool model_refers_to_itself(const decl_t* decl) {
  return decl->shape && decl->shape->depth > MAX_DEPTH;
}

bool model_depth_matters(const decl_t* decl) {
  return decl->shape && decl->shape->depth > 0;
}

bool model_is_layout(const decl_t* decl) {
  return decl->kind == FIDL__IR__DECL__KIND__STRUCT || decl->kind == FIDL__IR__DECL__KIND__TABLE ||
         decl->kind == FIDL__IR__DECL__KIND__UNION || decl->kind == FIDL__IR__DECL__KIND__OVERLAY;
}

bool model_is_own(const model_t* model, const decl_t* decl) {
  size_t size = strlen(model->library->name);
  return strncmp(decl->name, model->library->name, size) == 0 && decl->name[size] == '/';
}
