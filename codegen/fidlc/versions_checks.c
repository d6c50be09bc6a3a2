// Removed, replaced and renamed elements, and what takes their place.
#include <string.h>

#include "versions.h"

// An element of a scope: a declaration in its library, a member in its layout, a method in its protocol.
typedef struct element {
  struct element* next_same;  // of the same name, or of the same ABI
  struct element* next_abi;
  const str_t* name;
  span_t span;
  const availability_t* availability;
  bool own;               // the availability is not that of the scope
  const char* abi_first;  // what identifies it on the wire, when it begins and when it ends; NULL: unknown
  const char* abi_last;
} element_t;

typedef struct scope {
  compiler_t* c;
  str_map_t by_name;
  str_map_t by_abi;
  ptr_list_t elements;
  const char* abi_name;
} scope_t;

static void scope_add(scope_t* scope, const element_t* given) {
  compiler_t* c = scope->c;
  element_t* element = arena_alloc(c->arena, sizeof(*element));
  *element = *given;
  element_t* first = str_map_add(c->arena, &scope->by_name, element->name, element);
  if (first) {
    element->next_same = first->next_same;
    first->next_same = element;
  }
  if (element->abi_first) {
    element_t* same =
        str_map_add(c->arena, &scope->by_abi, intern_cstr(&c->names, element->abi_first), element);
    if (same) {
      element->next_abi = same->next_abi;
      same->next_abi = element;
    }
  }
  ptr_list_add(c->arena, &scope->elements, element);
}

static const element_t* find_added(const scope_t* scope, const str_t* name, uint32_t version) {
  for (const element_t* element = str_map_get(&scope->by_name, name); element; element = element->next_same) {
    if (element->availability->added == version) return element;
  }
  return NULL;
}

static const element_t* find_abi(const scope_t* scope, const char* abi, uint32_t version) {
  const str_t* key = intern_cstr(&scope->c->names, abi);
  for (const element_t* element = str_map_get(&scope->by_abi, key); element; element = element->next_abi) {
    if (element->availability->added == version) return element;
  }
  return NULL;
}

static void check_removed(scope_t* scope, const element_t* element, const element_t* successor) {
  compiler_t* c = scope->c;
  const availability_t* availability = element->availability;
  const char* version = version_text(c, availability->removed);
  if (successor) {
    int number = availability->renamed ? 214 : 205;
    diagnostic_t* error = report_error(&c->diagnostics, availability->span, number,
                                       "`%s` is removed at %s, but `%s` is added at the same version",
                                       element->name->data, version, successor->name->data);
    add_note(&c->diagnostics, error, successor->span, "`%s`", successor->name->data);
    add_hint(&c->diagnostics, error, "write replaced=%s instead of removed=%s", version, version);
    return;
  }
  if (!element->abi_last) return;
  const element_t* reuser = find_abi(scope, element->abi_last, availability->removed);
  if (!reuser) return;
  diagnostic_t* error =
      report_error(&c->diagnostics, availability->span, 216,
                   "`%s` is removed at %s, but `%s`, added then, has the same %s (%s)", element->name->data,
                   version, reuser->name->data, scope->abi_name, element->abi_last);
  add_note(&c->diagnostics, error, reuser->span, "`%s`", reuser->name->data);
  add_hint(&c->diagnostics, error, "if it takes the place of `%s`, write replaced=%s, renamed=\"%s\"",
           element->name->data, version, reuser->name->data);
}

static void check_replaced(scope_t* scope, const element_t* element, const element_t* successor) {
  compiler_t* c = scope->c;
  const availability_t* availability = element->availability;
  const char* version = version_text(c, availability->removed);
  if (!successor) {
    const str_t* name = availability->renamed ? availability->renamed : element->name;
    if (str_map_get(&c->diagnostics.lost, name)) return;
    diagnostic_t* error = report_error(&c->diagnostics, availability->span, availability->renamed ? 215 : 206,
                                       "`%s` is replaced at %s, but no `%s` is added at that version",
                                       element->name->data, version, name->data);
    add_hint(&c->diagnostics, error, "write removed=%s if nothing takes its place", version);
    return;
  }
  if (!element->abi_last || !successor->abi_first || strcmp(element->abi_last, successor->abi_first) == 0)
    return;
  diagnostic_t* error =
      report_error(&c->diagnostics, availability->span, 217,
                   "`%s` is replaced at %s by `%s`, whose %s differs (%s, not %s)", element->name->data,
                   version, successor->name->data, scope->abi_name, successor->abi_first, element->abi_last);
  add_note(&c->diagnostics, error, successor->span, "`%s`", successor->name->data);
}

static void check_scope(scope_t* scope) {
  for (uint32_t i = 0; i < scope->elements.count; i++) {
    const element_t* element = scope->elements.items[i];
    const availability_t* availability = element->availability;
    if (!element->own || availability->ending == ENDS_NOT) continue;
    const str_t* name = availability->renamed ? availability->renamed : element->name;
    const element_t* successor = find_added(scope, name, availability->removed);
    if (availability->ending == ENDS_REMOVED) {
      check_removed(scope, element, successor);
    } else {
      check_replaced(scope, element, successor);
    }
  }
}

void check_replaced_decls(compiler_t* c, library_t* library) {
  if (!library->availability) return;
  scope_t scope = {.c = c};
  for (file_syntax_t* file = library->files; file; file = file->next) {
    for (decl_syntax_t* decl = file->decls; decl; decl = decl->next) {
      element_t element = {
          .name = decl->ident.name, .span = decl->ident.span, .availability = decl->availability};
      element.own = decl->availability != library->availability;
      scope_add(&scope, &element);
    }
  }
  check_scope(&scope);
}

static const char* kAbiNames[] = {"offset", "ordinal", "ordinal", "ordinal", "value", "value"};

static void check_type(compiler_t* c, const type_syntax_t* type, const availability_t* outer);

static void check_layout(compiler_t* c, const layout_syntax_t* layout, const availability_t* outer) {
  scope_t scope = {.c = c, .abi_name = kAbiNames[layout->kind]};
  bool versioned = false;
  for (const member_syntax_t* member = layout->members; member; member = member->next) {
    versioned = versioned || member->availability != outer;
  }
  for (const member_syntax_t* member = layout->members; member; member = member->next) {
    if (member->type) check_type(c, member->type, member->availability);
    if (!versioned) continue;
    element_t element = {.name = member->ident.name,
                         .span = member->ident.span,
                         .availability = member->availability,
                         .own = member->availability != outer};
    if (member->abi_known) {
      element.abi_first = arena_printf(c->arena, "%lld", (long long)member->abi_first);
      element.abi_last = arena_printf(c->arena, "%lld", (long long)member->abi_last);
    }
    scope_add(&scope, &element);
  }
  check_scope(&scope);
}

static void check_type(compiler_t* c, const type_syntax_t* type, const availability_t* outer) {
  if (type->layout) check_layout(c, type->layout, outer);
  for (const type_arg_t* arg = type->args; arg; arg = arg->next) {
    if (arg->type) check_type(c, arg->type, outer);
  }
}

static void check_methods(compiler_t* c, const decl_syntax_t* decl) {
  scope_t scope = {.c = c, .abi_name = "ordinal"};
  for (const method_syntax_t* method = decl->methods; method; method = method->next) {
    if (method->request) check_type(c, method->request, method->availability);
    if (method->response) check_type(c, method->response, method->availability);
    if (method->error) check_type(c, method->error, method->availability);
    if (method->compose) continue;
    element_t element = {.name = method->ident.name,
                         .span = method->ident.span,
                         .availability = method->availability,
                         .own = method->availability != decl->availability,
                         .abi_first = method->selector,
                         .abi_last = method->selector};
    scope_add(&scope, &element);
  }
  check_scope(&scope);
}

void check_replaced_members(compiler_t* c, library_t* library) {
  if (!library->availability) return;
  for (file_syntax_t* file = library->files; file; file = file->next) {
    for (decl_syntax_t* decl = file->decls; decl; decl = decl->next) {
      if (decl->type) check_type(c, decl->type, decl->availability);
      if (decl->kind == SYNTAX_PROTOCOL) check_methods(c, decl);
    }
  }
}
