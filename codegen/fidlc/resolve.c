// Every name to what it stands for, and the edges of the dependency graph.
//
// An edge says "must be compiled before". There is none through box<>, vectors and unions that are optional,
// and ends of protocols: those break cycles, and need only to know what kind of thing they refer to.
#include <string.h>

#include "versions.h"

typedef struct resolver {
  compiler_t* c;
  library_t* library;
  decl_t* decl;                        // the one whose names are resolved: edges go out from it
  const availability_t* availability;  // of the element that uses the names
  bool deprecated;                     // that element, or the declaration, is marked @deprecated
} resolver_t;

static const member_syntax_t* find_any_member(const decl_t* decl, const str_t* name) {
  const member_syntax_t* member = decl->layout ? decl->layout->members : NULL;
  while (member && member->ident.name != name)
    member = member->next;
  return member;
}

static member_syntax_t* find_member(compiler_t* c, decl_t* decl, const str_t* name) {
  if (!decl->layout) return NULL;
  if (!decl->member_syntaxes.count) {
    for (member_syntax_t* member = decl->layout->members; member; member = member->next) {
      if (!member->absent) str_map_add(c->arena, &decl->member_syntaxes, member->ident.name, member);
    }
  }
  return str_map_get(&decl->member_syntaxes, name);
}

static bool use_decl(compiler_t* c, name_ref_t* name, decl_t* decl) {
  if (decl->anonymous) {
    diagnostic_t* error = report_error(&c->diagnostics, name->span, 58,
                                       "`%s` is a generated name: it cannot be used", decl->name->data);
    add_note(&c->diagnostics, error, decl->span, "generated for this");
    add_hint(&c->diagnostics, error, "declare the type with a name of its own");
    return false;
  }
  bool experimental = decl->builtin == BUILTIN_USIZE64 || decl->builtin == BUILTIN_UINTPTR64 ||
                      decl->builtin == BUILTIN_UCHAR || decl->builtin == BUILTIN_STRING_ARRAY ||
                      decl->builtin == BUILTIN_POINTER;
  if (experimental && !c->options->zx_c_types) {
    diagnostic_t* error =
        report_error(&c->diagnostics, name->span, 180, "`%s` is an experimental type", decl->name->data);
    add_hint(&c->diagnostics, error, "--experimental zx_c_types allows it");
    return false;
  }
  name->decl = decl;
  return true;
}

static decl_t* lookup_here(compiler_t* c, library_t* library, const str_t* name) {
  decl_t* decl = str_map_get(&library->names, name);
  return decl ? decl : str_map_get(&c->builtin->names, name);
}

static library_t* find_library(compiler_t* c, library_t* library, file_syntax_t* file, const str_t* name) {
  library_t* found = find_import(c, file, name);
  return found || name != library->name ? found : library;
}

// True if what a name stands for may be among what could not be parsed.
static bool may_be_lost(const compiler_t* c, const name_ref_t* name) {
  for (uint32_t i = 0; i < name->count; i++) {
    if (str_map_get(&c->diagnostics.lost, name->parts[i].name)) return true;
  }
  return false;
}

// The name stands in the library, but not at this version.
static bool report_other_version(compiler_t* c, const library_t* where, const name_ref_t* name,
                                 span_t declared) {
  if (may_be_lost(c, name)) return false;
  diagnostic_t* error =
      report_error(&c->diagnostics, name->span, 220, "`%s` does not exist at version %s of `%s`",
                   span_text(c->arena, name->span), version_text(c, where->version),
                   where->platform ? where->platform->data : where->name->data);
  error->once = true;
  add_note(&c->diagnostics, error, declared, "it exists at other versions");
  return false;
}

// NAME.MEMBER where NAME is `decl`: only bits and enums have members that can be named.
static bool use_member(compiler_t* c, name_ref_t* name, decl_t* decl, const ident_t* part) {
  if (decl->shadows_import) return false;
  if (decl->kind != DECL_BITS && decl->kind != DECL_ENUM) {
    report_error(&c->diagnostics, name->span, 53,
                 "`%s` is neither bits nor enum: it has no members to refer to", decl->name->data);
    return false;
  }
  name->decl = decl;
  name->member = find_member(c, decl, part->name);
  if (name->member) return true;
  const member_syntax_t* other = find_any_member(decl, part->name);
  if (other) return report_other_version(c, decl->library, name, other->ident.span);
  if (may_be_lost(c, name)) return false;
  diagnostic_t* error = report_error(&c->diagnostics, part->span, 54, "`%s` has no member `%s`",
                                     decl->name->data, part->name->data);
  suggest_member(c, error, &decl->member_syntaxes, part->name);
  if (decl->span.source)
    add_note(&c->diagnostics, error, decl->span, "`%s` is declared here", decl->name->data);
  return false;
}

static bool report_absent(compiler_t* c, library_t* where, const file_syntax_t* file, const name_ref_t* name,
                          const str_t* part) {
  if (may_be_lost(c, name)) return false;
  const decl_syntax_t* other = str_map_get(&where->all_names, part);
  if (other) return report_other_version(c, where, name, other->ident.span);
  diagnostic_t* error = report_error(&c->diagnostics, name->span, 52, "cannot find `%s` in library `%s`",
                                     part->data, where->name->data);
  if (name->count == 1) suggest_import(c, error, file, part);
  if (!error->hint) suggest_decl(c, error, where, part);
  return false;
}

static bool report_missing(compiler_t* c, library_t* library, const file_syntax_t* file,
                           const name_ref_t* name) {
  if (may_be_lost(c, name)) return false;
  const char* text = dotted_name(c, name, name->count)->data;
  if (name->count == 1) return report_absent(c, library, file, name, name->parts[0].name);
  const decl_syntax_t* other = str_map_get(&library->all_names, name->parts[0].name);
  if (other) return report_other_version(c, library, name, other->ident.span);
  diagnostic_t* error = report_error(&c->diagnostics, name->span, 52, "cannot find `%s`", text);
  suggest_library(c, error, name->parts[0].name);
  return false;
}

static bool resolve_dotted(compiler_t* c, library_t* library, file_syntax_t* file, name_ref_t* name) {
  uint32_t count = name->count;
  const ident_t* last = &name->parts[count - 1];
  library_t* whole = find_library(c, library, file, dotted_name(c, name, count - 1));
  if (whole) {
    decl_t* decl = str_map_get(&whole->names, last->name);
    if (decl) return use_decl(c, name, decl);
    return report_absent(c, whole, file, name, last->name);
  }
  if (count == 2) return report_missing(c, library, file, name);
  library_t* shorter = find_library(c, library, file, dotted_name(c, name, count - 2));
  if (!shorter && may_be_lost(c, name)) return false;
  if (!shorter) {
    diagnostic_t* error = report_error(&c->diagnostics, name->span, 51, "`%s` is not in any imported library",
                                       dotted_name(c, name, count)->data);
    suggest_library(c, error, dotted_name(c, name, count - 1));
    if (!error->hint) suggest_library(c, error, dotted_name(c, name, count - 2));
    if (!error->hint)
      add_hint(&c->diagnostics, error, "import its library with `using` at the top of the file");
    return false;
  }
  decl_t* decl = str_map_get(&shorter->names, name->parts[count - 2].name);
  if (!decl) return report_absent(c, shorter, file, name, name->parts[count - 2].name);
  return use_member(c, name, decl, last);
}

static bool lookup(compiler_t* c, library_t* library, file_syntax_t* file, name_ref_t* name,
                   decl_t* subtypes) {
  if (name->count == 1) {
    const str_t* only = name->parts[0].name;
    decl_t* decl = lookup_here(c, library, only);
    if (decl) return use_decl(c, name, decl);
    if (subtypes) {
      name->member = find_member(c, subtypes, only);
      name->decl = name->member ? subtypes : NULL;
      if (name->member) return true;
    }
    return report_missing(c, library, file, name);
  }
  if (name->count == 2) {
    decl_t* decl = str_map_get(&library->names, name->parts[0].name);
    if (decl) return use_member(c, name, decl, &name->parts[1]);
  }
  return resolve_dotted(c, library, file, name);
}

static bool resolve_with(compiler_t* c, library_t* library, file_syntax_t* file, name_ref_t* name,
                         decl_t* subtypes) {
  if (name->pass == c->pass) return !name->failed;
  name->pass = c->pass;
  name->decl = NULL;
  name->member = NULL;
  name->failed = !lookup(c, library, file, name, subtypes);
  return !name->failed;
}

bool resolve_name(compiler_t* c, library_t* library, file_syntax_t* file, name_ref_t* name) {
  return resolve_with(c, library, file, name, NULL);
}

const decl_t* resolved_decl(const compiler_t* c, const name_ref_t* name) {
  return name->pass == c->pass && !name->failed ? name->decl : NULL;
}

bool is_builtin_ref(const name_ref_t* name, builtin_t builtin) {
  return name && !name->failed && name->decl && name->decl->builtin == builtin;
}

decl_t* resource_of(compiler_t* c, decl_t* decl) {
  for (int i = 0; decl && i < 1000; i++) {
    if (decl->kind == DECL_RESOURCE) return decl;
    if (decl->kind != DECL_ALIAS || !decl->syntax->type->name) return NULL;
    name_ref_t* name = decl->syntax->type->name;
    decl = resolve_name(c, decl->library, decl->file, name) ? name->decl : NULL;
  }
  return NULL;
}

// The enum of a resource's subtypes, before the resource is compiled.
static decl_t* subtypes_of(compiler_t* c, decl_t* resource) {
  if (!resource) return NULL;
  for (member_syntax_t* property = resource->syntax->members; property; property = property->next) {
    if (strcmp(property->ident.name->data, "subtype") != 0 || !property->type->name) continue;
    if (!resolve_name(c, resource->library, resource->file, property->type->name)) return NULL;
    decl_t* decl = property->type->name->decl;
    return decl && decl->kind == DECL_ENUM ? decl : NULL;
  }
  return NULL;
}

static void add_edge(resolver_t* resolver, decl_t* to) {
  if (!to || to->kind == DECL_BUILTIN) return;
  ptr_list_t* edges = &resolver->decl->edges;
  if (edges->count && edges->items[edges->count - 1] == to) return;
  ptr_list_add(resolver->c->arena, edges, to);
}

// What is not deprecated may not refer to what is.
static void check_deprecated(const resolver_t* resolver, const name_ref_t* name) {
  const decl_t* decl = name->decl;
  const availability_t* target = name->member ? name->member->availability : decl->availability;
  if (!target || decl->library->version < target->deprecated) return;
  const availability_t* user = resolver->availability;
  if (resolver->deprecated || (user && resolver->library->version >= user->deprecated)) return;
  compiler_t* c = resolver->c;
  bool same_platform = decl->library->platform == resolver->library->platform;
  diagnostic_t* error = report_error(&c->diagnostics, name->span, same_platform ? 55 : 56,
                                     "`%s` is deprecated at version %s of `%s`, but its use here is not",
                                     span_text(c->arena, name->span), version_text(c, decl->library->version),
                                     decl->library->platform->data);
  error->once = true;
  if (decl->span.source) add_note(&c->diagnostics, error, decl->span, "declared here");
}

static void resolve_expr(resolver_t* resolver, expr_t* expr, decl_t* subtypes) {
  if (expr->kind == EXPR_OR) {
    for (expr_t* operand = expr->operands; operand; operand = operand->next)
      resolve_expr(resolver, operand, subtypes);
  }
  if (expr->kind != EXPR_NAME) return;
  if (!resolve_with(resolver->c, resolver->library, resolver->decl->file, expr->name, subtypes)) return;
  check_deprecated(resolver, expr->name);
  // Only what has values can be needed for one.
  decl_kind_t kind = expr->name->decl->kind;
  if (kind == DECL_CONST || kind == DECL_ENUM || kind == DECL_BITS) add_edge(resolver, expr->name->decl);
}

static bool has_optional(const type_syntax_t* type) {
  for (const expr_t* expr = type->constraints; expr; expr = expr->next) {
    if (expr->kind == EXPR_NAME && is_builtin_ref(expr->name, BUILTIN_OPTIONAL)) return true;
  }
  return false;
}

static void resolve_type(resolver_t* resolver, type_syntax_t* type, bool weak) {
  compiler_t* c = resolver->c;
  decl_t* decl = type->anonymous;
  if (type->name) {
    decl = resolve_name(c, resolver->library, resolver->decl->file, type->name) ? type->name->decl : NULL;
    if (decl) check_deprecated(resolver, type->name);
  }
  decl_t* subtypes = type->constraints && decl ? subtypes_of(c, resource_of(c, decl)) : NULL;
  for (expr_t* expr = type->constraints; expr; expr = expr->next)
    resolve_expr(resolver, expr, subtypes);
  bool optional = has_optional(type);
  if (decl) {
    // What is no type is an error later, which must not be taken for a cycle.
    bool no_type = decl->kind == DECL_PROTOCOL || decl->kind == DECL_SERVICE || decl->kind == DECL_CONST;
    bool broken = weak || no_type || (optional && decl->kind == DECL_UNION);
    // Aliases and new types are made of other types and have no layout of their own that could end a cycle.
    bool user_is_made = resolver->decl->kind == DECL_ALIAS || resolver->decl->kind == DECL_NEWTYPE;
    bool always = decl->kind == DECL_ALIAS || decl->kind == DECL_RESOURCE ||
                  (decl->kind == DECL_NEWTYPE && user_is_made);
    if (!broken || always) add_edge(resolver, decl);
    if (decl->builtin == BUILTIN_BOX || decl->builtin == BUILTIN_POINTER) weak = true;
    if (decl->builtin == BUILTIN_VECTOR && optional) weak = true;
  }
  for (type_arg_t* arg = type->args; arg; arg = arg->next) {
    if (arg->type) resolve_type(resolver, arg->type, weak);
    if (!arg->literal) continue;
    if (arg->type && arg->literal->kind == EXPR_NAME) {
      decl_t* target = arg->literal->name->failed ? NULL : arg->literal->name->decl;
      if (target && (target->kind == DECL_CONST || arg->literal->name->member)) add_edge(resolver, target);
    } else {
      resolve_expr(resolver, arg->literal, NULL);
    }
  }
}

static void resolve_attributes(resolver_t* resolver, attribute_t* attributes) {
  for (attribute_t* attribute = attributes; attribute; attribute = attribute->next) {
    for (attribute_arg_t* arg = attribute->args; arg; arg = arg->next) {
      if (strcmp(attribute->name.name->data, "available") != 0) resolve_expr(resolver, arg->value, NULL);
    }
  }
}

static bool is_marked_deprecated(const attribute_t* attributes) {
  return find_attribute(attributes, "deprecated") != NULL;
}

static void resolve_members(resolver_t* resolver, member_syntax_t* members) {
  bool outer = resolver->deprecated;
  for (member_syntax_t* member = members; member; member = member->next) {
    if (member->absent || member->framework_err) continue;
    resolver->availability = member->availability ? member->availability : resolver->decl->availability;
    resolver->deprecated = outer || is_marked_deprecated(member->attributes);
    resolve_attributes(resolver, member->attributes);
    if (member->type) resolve_type(resolver, member->type, false);
    if (member->value) resolve_expr(resolver, member->value, NULL);
  }
  resolver->deprecated = outer;
}

static void resolve_methods(resolver_t* resolver) {
  decl_t* decl = resolver->decl;
  bool outer = resolver->deprecated;
  for (uint32_t i = 0; i < decl->methods.count; i++) {
    method_t* method = decl->methods.items[i];
    resolver->availability = method->syntax->availability;
    resolver->deprecated = outer || is_marked_deprecated(method->syntax->attributes);
    if (method->syntax->request) resolve_type(resolver, method->syntax->request, false);
    if (method->has_result) {
      resolve_type(resolver, method->success_type, false);
      resolve_type(resolver, method->result_type, false);
    } else if (method->syntax->response) {
      resolve_type(resolver, method->syntax->response, false);
    }
    if (method->syntax->error) resolve_type(resolver, method->syntax->error, false);
  }
  resolver->deprecated = outer;
  for (method_syntax_t* line = decl->syntax->methods; line; line = line->next) {
    if (!line->compose || line->absent) continue;
    if (resolve_name(resolver->c, resolver->library, decl->file, line->compose)) {
      resolver->availability = line->availability;
      check_deprecated(resolver, line->compose);
      if (line->compose->decl->kind == DECL_PROTOCOL) add_edge(resolver, line->compose->decl);
    }
  }
}

static void resolve_decl(resolver_t* resolver, decl_t* decl) {
  resolver->decl = decl;
  resolver->availability = decl->availability;
  resolver->deprecated = decl->deprecated;
  resolve_attributes(resolver, decl->attributes);
  if (decl->layout) {
    if (decl->layout->subtype) resolve_type(resolver, decl->layout->subtype, false);
    resolve_members(resolver, decl->layout->members);
    return;
  }
  decl_syntax_t* syntax = decl->syntax;
  if (syntax->type) resolve_type(resolver, syntax->type, false);
  if (syntax->value) resolve_expr(resolver, syntax->value, NULL);
  resolve_members(resolver, syntax->members);
  for (method_syntax_t* m = syntax->methods; m; m = m->next) {
    if (!m->absent) resolve_attributes(resolver, m->attributes);
  }
  if (decl->kind == DECL_PROTOCOL) resolve_methods(resolver);
}

void resolve_library(compiler_t* c, library_t* library) {
  resolver_t resolver = {.c = c, .library = library};
  for (uint32_t i = 0; i < library->decls.count; i++)
    resolve_decl(&resolver, library->decls.items[i]);
}
