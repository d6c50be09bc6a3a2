// The availabilities of a library's elements, and what of it a set of versions holds.
#include "versions.h"

#include <stdlib.h>
#include <string.h>

// One element with an @available of its own.
typedef struct versioned {
  const availability_t* availability;
  bool* absent;   // one of the two
  bool* present;  // of a modifier
  const availability_t* outer;
  const str_t** name;  // of a member that may be renamed
  const str_t* declared_name;
} versioned_t;

typedef struct preparation {
  compiler_t* c;
  library_t* library;
} preparation_t;

static availability_t* prepare_element(preparation_t* p, const attribute_t* attributes, availability_t* outer,
                                       versioned_kind_t kind, bool* absent, const str_t** name) {
  const attribute_t* attribute = find_attribute(attributes, "available");
  if (!attribute) return outer;
  availability_t* availability = read_availability(p->c, p->library, attribute, outer, kind);
  if (availability == outer) return outer;
  versioned_t* versioned = arena_alloc(p->c->arena, sizeof(*versioned));
  *versioned = (versioned_t){.availability = availability, .absent = absent, .name = name};
  if (name) versioned->declared_name = *name;
  ptr_list_add(p->c->arena, &p->library->versioned_elements, versioned);
  return availability;
}

static void prepare_modifiers(preparation_t* p, modifier_t* modifiers, availability_t* outer) {
  for (; modifiers; modifiers = modifiers->next) {
    if (!modifiers->available) continue;
    availability_t* availability =
        read_availability(p->c, p->library, modifiers->available, outer, VERSIONED_MODIFIER);
    modifiers->availability = availability;
    modifiers->present = true;
    if (availability == outer) continue;
    versioned_t* versioned = arena_alloc(p->c->arena, sizeof(*versioned));
    *versioned = (versioned_t){.availability = availability, .present = &modifiers->present, .outer = outer};
    ptr_list_add(p->c->arena, &p->library->versioned_elements, versioned);
  }
}

static void prepare_type(preparation_t* p, type_syntax_t* type, availability_t* outer);

static void prepare_members(preparation_t* p, member_syntax_t* members, availability_t* outer) {
  for (; members; members = members->next) {
    members->availability = prepare_element(p, members->attributes, outer, VERSIONED_MEMBER, &members->absent,
                                            &members->ident.name);
    if (members->type) prepare_type(p, members->type, members->availability);
    const availability_t* own = members->availability;
    if (own && own != outer && own->renamed == members->ident.name) {
      report_error(&p->c->diagnostics, own->span, 213, "`%s` is renamed to its own name",
                   members->ident.name->data);
    }
  }
}

static void prepare_type(preparation_t* p, type_syntax_t* type, availability_t* outer) {
  if (type->layout) {
    prepare_modifiers(p, type->layout->modifiers, outer);
    prepare_members(p, type->layout->members, outer);
  }
  for (type_arg_t* arg = type->args; arg; arg = arg->next) {
    if (arg->type) prepare_type(p, arg->type, outer);
  }
}

// The reply of a call without `error` has another shape when the call turns strict or flexible.
static void check_strictness_change(preparation_t* p, const method_syntax_t* method) {
  if (!method->has_request || !method->has_response || method->has_error) return;
  for (const modifier_t* modifier = method->modifiers; modifier; modifier = modifier->next) {
    if (modifier->word != W_STRICT || !modifier->available) continue;
    if (availability_same_range(modifier->availability, method->availability)) continue;
    diagnostic_t* error = report_error(&p->c->diagnostics, modifier->span, 219,
                                       "the strictness of `%s`, a call without `error`, cannot change",
                                       method->ident.name->data);
    add_hint(&p->c->diagnostics, error,
             "its reply would change: replace the method with one under another name");
  }
}

static void prepare_methods(preparation_t* p, method_syntax_t* methods, availability_t* outer) {
  for (; methods; methods = methods->next) {
    versioned_kind_t kind = methods->compose ? VERSIONED_DECL : VERSIONED_MEMBER;
    methods->declared_name = methods->ident.name;
    methods->availability =
        prepare_element(p, methods->attributes, outer, kind, &methods->absent, &methods->ident.name);
    prepare_modifiers(p, methods->modifiers, methods->availability);
    if (methods->request) prepare_type(p, methods->request, methods->availability);
    if (methods->response) prepare_type(p, methods->response, methods->availability);
    if (methods->error) prepare_type(p, methods->error, methods->availability);
    check_strictness_change(p, methods);
    const availability_t* own = methods->availability;
    if (!methods->compose && own && own != outer && own->renamed == methods->ident.name) {
      report_error(&p->c->diagnostics, own->span, 213, "`%s` is renamed to its own name",
                   methods->ident.name->data);
    }
  }
}

static void prepare_library_line(preparation_t* p) {
  library_t* library = p->library;
  size_t first_part = strcspn(library->name->data, ".");
  library->platform = intern(&p->c->names, library->name->data, first_part);
  for (file_syntax_t* file = library->files; file; file = file->next) {
    const attribute_t* attribute = find_attribute(file->attributes, "available");
    if (!attribute) continue;
    library->versioned = true;
    if (library->availability) continue;
    library->availability = read_availability(p->c, library, attribute, NULL, VERSIONED_LIBRARY);
    library->available_span = attribute->span;
  }
  if (!library->versioned) library->platform = NULL;
}

void prepare_versions(compiler_t* c, library_t* library) {
  preparation_t p = {.c = c, .library = library};
  prepare_library_line(&p);
  for (file_syntax_t* file = library->files; file; file = file->next) {
    for (decl_syntax_t* decl = file->decls; decl; decl = decl->next) {
      decl->availability =
          prepare_element(&p, decl->attributes, library->availability, VERSIONED_DECL, &decl->absent, NULL);
      prepare_modifiers(&p, decl->modifiers, decl->availability);
      if (decl->type) prepare_type(&p, decl->type, decl->availability);
      prepare_members(&p, decl->members, decl->availability);
      prepare_methods(&p, decl->methods, decl->availability);
      str_map_add(c->arena, &library->all_names, decl->ident.name, decl);
    }
  }
}

static bool parse_selection(compiler_t* c, const char* text, version_set_t* out) {
  size_t count = 1;
  for (const char* at = text; *at; at++)
    count += *at == ',';
  out->versions = arena_alloc(c->arena, count * sizeof(uint32_t));
  for (const char* part = text;;) {
    size_t length = strcspn(part, ",");
    uint32_t version = 0;
    if (!parse_version(part, length, &version)) return false;
    out->versions[out->count++] = version;
    if (!part[length]) return true;
    part += length + 1;
  }
}

static const char* selection_of(const compiler_t* c, const str_t* platform) {
  for (size_t i = 0; i < c->options->available_count; i++) {
    const char* option = c->options->available[i];
    const char* colon = strchr(option, ':');
    if (colon && (size_t)(colon - option) == platform->length &&
        memcmp(option, platform->data, platform->length) == 0) {
      return colon + 1;
    }
  }
  return NULL;
}

void check_versioned(compiler_t* c) {
  const char* wanted = c->options->versioned;
  const library_t* library = c->target;
  if (!wanted) return;
  if (!library->versioned && strcmp(wanted, "unversioned") == 0) return;
  size_t length = strcspn(wanted, ":");
  bool same = library->availability && library->platform->length == length &&
              memcmp(library->platform->data, wanted, length) == 0;
  if (same && wanted[length])
    same = strcmp(version_text(c, library->availability->added), wanted + length + 1) == 0;
  if (same) return;
  diagnostic_t* error = report_error(&c->diagnostics, library->span, 0,
                                     "the library `%s` is not versioned as %s", library->name->data, wanted);
  add_hint(&c->diagnostics, error, "--versioned asks for it");
}

void select_platform(compiler_t* c, library_t* library) {
  static const uint32_t kHead = VERSION_HEAD;
  library->selected = (version_set_t){(uint32_t*)(uintptr_t)&kHead, 1};
  if (!library->availability || !library->platform) return;
  const char* text = selection_of(c, library->platform);
  if (!text) {
    diagnostic_t* error =
        report_error(&c->diagnostics, library->available_span, 201,
                     "no version of the platform `%s` is selected", library->platform->data);
    add_hint(&c->diagnostics, error, "--available %s:HEAD selects the newest", library->platform->data);
    return;
  }
  version_set_t set = {0};
  if (parse_selection(c, text, &set)) {
    library->selected = set;
  } else {
    report_error(&c->diagnostics, (span_t){0}, 153, "`%s` is not a list of versions (--available)", text);
  }
}

static bool holds(const availability_t* availability, const version_set_t* set, bool* out_later) {
  bool within = false;
  bool later = false;
  for (uint32_t i = 0; i < set->count; i++) {
    uint32_t version = set->versions[i];
    within = within || (availability->added <= version && version < availability->removed);
    later = later || version >= availability->removed;
  }
  *out_later = later;
  // Of several versions selected together, the later form of a replaced element counts.
  return within && !(later && availability->ending == ENDS_REPLACED);
}

// A modifier counts if it does at the latest selected version that has what it modifies.
static bool modifier_holds(const versioned_t* modifier, const version_set_t* set) {
  uint32_t latest = 0;
  for (uint32_t i = 0; i < set->count; i++) {
    uint32_t version = set->versions[i];
    // Without an outer range (the library's was malformed) any version will do.
    const availability_t* outer = modifier->outer;
    bool within = !outer || (outer->added <= version && version < outer->removed);
    if (within && version > latest) latest = version;
  }
  return modifier->availability->added <= latest && latest < modifier->availability->removed;
}

void apply_versions(library_t* library, const version_set_t* set) {
  library->version = 0;
  for (uint32_t i = 0; i < set->count; i++) {
    if (set->versions[i] > library->version) library->version = set->versions[i];
  }
  bool later = false;
  library->absent = library->availability && !holds(library->availability, set, &later);
  for (uint32_t i = 0; i < library->versioned_elements.count; i++) {
    const versioned_t* element = library->versioned_elements.items[i];
    bool here = holds(element->availability, set, &later);
    // What is gone at some of the selected versions has there the name it was given for the time after.
    bool renamed = here && later && element->availability->renamed;
    if (element->name) *element->name = renamed ? element->availability->renamed : element->declared_name;
    if (element->absent) *element->absent = !here;
    if (element->present) *element->present = modifier_holds(element, set);
  }
}

static void add_version(compiler_t* c, ptr_list_t* list, uint32_t version) {
  if (version && version != VERSION_INFINITE) ptr_list_add(c->arena, list, (void*)(uintptr_t)version);
}

static void add_boundaries(compiler_t* c, const library_t* library, ptr_list_t* list) {
  if (library->availability) {
    add_version(c, list, library->availability->added);
    add_version(c, list, library->availability->deprecated);
    add_version(c, list, library->availability->removed);
  }
  for (uint32_t i = 0; i < library->versioned_elements.count; i++) {
    const versioned_t* element = library->versioned_elements.items[i];
    add_version(c, list, element->availability->added);
    add_version(c, list, element->availability->deprecated);
    add_version(c, list, element->availability->removed);
  }
}

static int compare_versions(const void* a, const void* b) {
  uintptr_t left = (uintptr_t) * (void* const*)a;
  uintptr_t right = (uintptr_t) * (void* const*)b;
  return left < right ? -1 : left > right;
}

version_set_t find_boundaries(compiler_t* c) {
  version_set_t set = {0};
  ptr_list_t list = {0};
  if (!c->target->versioned) return set;
  for (uint32_t i = 0; i < c->libraries.count; i++) {
    const library_t* library = c->libraries.items[i];
    if (library->versioned && library->platform == c->target->platform) add_boundaries(c, library, &list);
  }
  if (!list.count) return set;
  qsort(list.items, list.count, sizeof(void*), compare_versions);
  set.versions = arena_alloc(c->arena, list.count * sizeof(uint32_t));
  for (uint32_t i = 0; i < list.count; i++) {
    uint32_t version = (uint32_t)(uintptr_t)list.items[i];
    if (!set.count || set.versions[set.count - 1] != version) set.versions[set.count++] = version;
  }
  return set;
}
