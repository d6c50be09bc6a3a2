// Declarations of a library, the anonymous ones included, and the names the latter get from their context.
#include <string.h>

#include "compiler.h"

typedef struct collector {
  compiler_t* c;
  library_t* library;
  decl_syntax_t* syntax;
  struct availability* availability;  // of the element that is being visited
  bool deprecated;                    // by a mark on that element or around it
  name_set_t names;
} collector_t;

static decl_kind_t layout_decl_kind(layout_kind_t kind) {
  static const decl_kind_t kKinds[] = {DECL_STRUCT,  DECL_TABLE, DECL_UNION,
                                       DECL_OVERLAY, DECL_BITS,  DECL_ENUM};
  return kKinds[kind];
}

static decl_t* add_decl(collector_t* collector, decl_kind_t kind, const str_t* name, span_t span,
                        const char* what) {
  compiler_t* c = collector->c;
  decl_t* decl = arena_alloc(c->arena, sizeof(*decl));
  decl->kind = kind;
  decl->library = collector->library;
  decl->name = name;
  decl->span = span;
  decl->file = collector->syntax->file;
  decl->availability = collector->availability;
  decl->deprecated = collector->deprecated;
  if (!name_set_add(c, &collector->names, name, span, decl->availability, what)) decl->failed = true;
  str_map_add(c->arena, &collector->library->names, name, decl);
  ptr_list_add(c->arena, &collector->library->decls, decl);
  return decl;
}

static const context_name_t* inside(compiler_t* c, const context_name_t* outer, const char* name) {
  context_name_t* context = arena_alloc(c->arena, sizeof(*context));
  *context = (context_name_t){outer, name};
  return context;
}

static const char* given_name(compiler_t* c, const attribute_t* attributes, const char* otherwise) {
  const attribute_t* attribute = find_attribute(attributes, "generated_name");
  const attribute_arg_t* arg = attribute_arg(attribute, NULL);
  if (!arg) return otherwise;
  uint32_t length = 0;
  const char* text = attribute_string(c, arg, &length);
  if (!text) return otherwise;
  if (is_identifier(text, length)) return text;
  report_error(&c->diagnostics, arg->span, 146, "`%s` is not an identifier", text);
  return otherwise;
}

// Modifiers with versions of their own may repeat each other, but not at one version.
static void check_present_modifiers(compiler_t* c, const modifier_t* modifiers) {
  for (const modifier_t* later = modifiers; later; later = later->next) {
    for (const modifier_t* earlier = modifiers; earlier != later; earlier = earlier->next) {
      if ((!later->available && !earlier->available) || (later->available && !later->present) ||
          (earlier->available && !earlier->present) ||
          (later->word == W_RESOURCE) != (earlier->word == W_RESOURCE)) {
        continue;
      }
      bool same = later->word == earlier->word;
      diagnostic_t* error =
          report_error(&c->diagnostics, later->span, same ? 32 : 33,
                       same ? "the modifier `%s` is repeated" : "the modifier `%s` contradicts another",
                       span_text(c->arena, later->span));
      add_note(&c->diagnostics, error, earlier->span, "the other one, at a version that both have");
    }
  }
}

// Enters an element. Returns what to put back behind it.
static bool enter(collector_t* collector, struct availability* availability, const attribute_t* attributes) {
  bool outer = collector->deprecated;
  collector->availability = availability;
  collector->deprecated = outer || find_attribute(attributes, "deprecated");
  return outer;
}

static void collect_type(collector_t* collector, type_syntax_t* type, const context_name_t* context,
                         const char* name);

static void collect_members(collector_t* collector, decl_t* decl, const context_name_t* context) {
  compiler_t* c = collector->c;
  struct availability* outer = collector->availability;
  name_set_t names = {0};
  check_present_modifiers(c, decl->layout->modifiers);
  for (member_syntax_t* member = decl->layout->members; member; member = member->next) {
    if (member->absent) continue;
    name_set_add(c, &names, member->ident.name, member->ident.span, member->availability, "member");
    const char* name = member->ident.name->data;
    bool deprecated = enter(collector, member->availability, member->attributes);
    if (member->type) collect_type(collector, member->type, inside(c, context, name), camel_case(c, name));
    collector->deprecated = deprecated;
  }
  collector->availability = outer;
}

static decl_t* collect_anonymous(collector_t* collector, type_syntax_t* type, const context_name_t* context,
                                 const char* name) {
  compiler_t* c = collector->c;
  name = given_name(c, type->attributes, name);
  decl_t* decl = add_decl(collector, layout_decl_kind(type->layout->kind), intern_cstr(&c->names, name),
                          type->layout->span, "generated");
  decl->layout = type->layout;
  decl->attributes = type->attributes;
  decl->anonymous = true;
  decl->context = context;
  type->anonymous = decl;
  collect_members(collector, decl, context);
  return decl;
}

// Finds layouts written inside a type, however deep; all are named after the same context.
static void collect_type(collector_t* collector, type_syntax_t* type, const context_name_t* context,
                         const char* name) {
  if (type->layout) collect_anonymous(collector, type, context, name);
  for (type_arg_t* arg = type->args; arg; arg = arg->next) {
    if (arg->type) collect_type(collector, arg->type, context, name);
  }
}

static type_syntax_t* type_for(compiler_t* c, decl_t* decl) {
  type_syntax_t* type = arena_alloc(c->arena, sizeof(*type));
  type->anonymous = decl;
  type->span = type->name_span = decl->span;
  return type;
}

static member_syntax_t* result_member(compiler_t* c, const char* name, uint32_t ordinal, type_syntax_t* type,
                                      span_t span) {
  member_syntax_t* member = arena_alloc(c->arena, sizeof(*member));
  member->ident = (ident_t){intern_cstr(&c->names, name), span};
  member->span = span;
  member->ordinal = ordinal;
  member->type = type;
  return member;
}

// A layout that stands in no source.
static decl_t* add_made(collector_t* collector, const method_syntax_t* method, layout_kind_t kind,
                        const char* name, const context_name_t* context) {
  compiler_t* c = collector->c;
  decl_t* decl = add_decl(collector, layout_decl_kind(kind), intern_cstr(&c->names, name), method->ident.span,
                          "generated");
  decl->layout = arena_alloc(c->arena, sizeof(*decl->layout));
  decl->layout->kind = kind;
  decl->layout->span = method->ident.span;
  decl->anonymous = true;
  decl->context = context;
  return decl;
}

static void collect_result(collector_t* collector, method_t* method, const context_name_t* context,
                           const char* prefix) {
  compiler_t* c = collector->c;
  method_syntax_t* syntax = method->syntax;
  span_t span = syntax->ident.span;
  const char* response_name = arena_printf(c->arena, "%s_Response", prefix);
  type_syntax_t* success = syntax->response;
  if (success) {
    collect_type(collector, success, inside(c, context, "response"), response_name);
  } else {
    decl_t* empty = add_made(collector, syntax, LAYOUT_STRUCT, response_name, inside(c, context, "response"));
    empty->empty_success = true;
    success = type_for(c, empty);
  }
  if (syntax->error) {
    collect_type(collector, syntax->error, inside(c, context, "error"),
                 arena_printf(c->arena, "%s_Error", prefix));
  }
  decl_t* result = add_made(collector, syntax, LAYOUT_UNION, arena_printf(c->arena, "%s_Result", prefix),
                            inside(c, context, "result"));
  result->result_union = true;
  member_syntax_t** next = &result->layout->members;
  *next = result_member(c, "response", 1, success, span);
  next = &(*next)->next;
  if (syntax->error) {
    *next = result_member(c, "err", 2, syntax->error, span);
    next = &(*next)->next;
  }
  if (!method->strict) {
    type_syntax_t* type = arena_alloc(c->arena, sizeof(*type));
    type->span = type->name_span = span;
    *next = result_member(c, "framework_err", 3, type, span);
    (*next)->framework_err = true;
  }
  method->has_result = true;
  method->result = result;
  method->result_type = type_for(c, result);
  method->success_type = success;
}

static bool method_is_strict(const method_syntax_t* syntax) {
  for (const modifier_t* modifier = syntax->modifiers; modifier; modifier = modifier->next) {
    if (!modifier->available || modifier->present) return modifier->word == W_STRICT;
  }
  return false;
}

static void collect_method(collector_t* collector, decl_t* protocol, method_syntax_t* syntax) {
  compiler_t* c = collector->c;
  method_t* method = arena_alloc(c->arena, sizeof(*method));
  method->syntax = syntax;
  method->owner = protocol;
  check_present_modifiers(c, syntax->modifiers);
  method->strict = method_is_strict(syntax);
  method->kind = !syntax->has_request ? METHOD_EVENT : syntax->has_response ? METHOD_TWO_WAY : METHOD_ONE_WAY;
  ptr_list_add(c->arena, &protocol->methods, method);
  const context_name_t* context = inside(c, inside(c, NULL, protocol->name->data), syntax->ident.name->data);
  const char* camel = arena_printf(c->arena, "%s%s", camel_case(c, protocol->name->data),
                                   camel_case(c, syntax->ident.name->data));
  const char* request_name = arena_printf(c->arena, "%sRequest", camel);
  if (syntax->request) collect_type(collector, syntax->request, inside(c, context, "Request"), request_name);
  if (method->kind == METHOD_EVENT) {
    if (syntax->response)
      collect_type(collector, syntax->response, inside(c, context, "Request"), request_name);
  } else if (method->kind == METHOD_TWO_WAY && (!method->strict || syntax->has_error)) {
    const char* prefix = arena_printf(c->arena, "%s_%s", protocol->name->data, syntax->ident.name->data);
    collect_result(collector, method, context, prefix);
  } else if (syntax->response) {
    collect_type(collector, syntax->response, inside(c, context, "Response"),
                 arena_printf(c->arena, "%sResponse", camel));
  }
}

static decl_kind_t decl_kind_of(const decl_syntax_t* syntax) {
  switch (syntax->kind) {
    case SYNTAX_CONST:
      return DECL_CONST;
    case SYNTAX_ALIAS:
      return DECL_ALIAS;
    case SYNTAX_PROTOCOL:
      return DECL_PROTOCOL;
    case SYNTAX_SERVICE:
      return DECL_SERVICE;
    case SYNTAX_RESOURCE:
      return DECL_RESOURCE;
    case SYNTAX_TYPE:
      break;
  }
  return syntax->type->layout ? layout_decl_kind(syntax->type->layout->kind) : DECL_NEWTYPE;
}

// Returns whether the name of the declaration hides an import.
static bool check_import_clash(compiler_t* c, const decl_syntax_t* syntax) {
  bool hides = false;
  for (using_syntax_t* using = syntax->file->usings; using; using = using->next) {
    if (!using->alias.name && using->library_name->count > 1) continue;
    const ident_t* taken = using->alias.name ? &using->alias : &using->library_name->parts[0];
    bool same = taken->name == syntax->ident.name;
    if (!same && canonical_name(c, taken->name) != canonical_name(c, syntax->ident.name)) continue;
    diagnostic_t* error =
        same ? report_error(&c->diagnostics, syntax->ident.span, 38,
                            "`%s` is also the name of an imported library", syntax->ident.name->data)
             : report_error(
                   &c->diagnostics, syntax->ident.span, 39,
                   "`%s` is the same as the imported library `%s` when both are written in snake case",
                   syntax->ident.name->data, taken->name->data);
    add_note(&c->diagnostics, error, using->span, "the import");
    using->used = true;
    hides = hides || same;
  }
  return hides;
}

static void collect_decl(collector_t* collector, decl_syntax_t* syntax) {
  compiler_t* c = collector->c;
  collector->syntax = syntax;
  collector->deprecated = false;
  enter(collector, syntax->availability, syntax->attributes);
  bool hides = check_import_clash(c, syntax);
  check_present_modifiers(c, syntax->modifiers);
  decl_t* decl =
      add_decl(collector, decl_kind_of(syntax), syntax->ident.name, syntax->ident.span, "declaration");
  decl->syntax = syntax;
  decl->shadows_import = hides;
  decl->attributes = syntax->attributes;
  const context_name_t* context = inside(c, NULL, syntax->ident.name->data);
  if (syntax->type && syntax->type->layout && syntax->kind == SYNTAX_TYPE) {
    decl->layout = syntax->type->layout;
    syntax->type->anonymous = decl;
    collect_members(collector, decl, context);
  } else if (syntax->type) {
    collect_type(collector, syntax->type, context, syntax->ident.name->data);
  }
  name_set_t names = {0};
  for (member_syntax_t* member = syntax->members; member; member = member->next) {
    if (member->absent) continue;
    name_set_add(c, &names, member->ident.name, member->ident.span, member->availability, "member");
    const char* name = member->ident.name->data;
    bool deprecated = enter(collector, member->availability, member->attributes);
    collect_type(collector, member->type, inside(c, context, name), camel_case(c, name));
    collector->deprecated = deprecated;
  }
  for (method_syntax_t* method = syntax->methods; method; method = method->next) {
    bool deprecated = enter(collector, method->availability, method->attributes);
    if (!method->absent && !method->compose) collect_method(collector, decl, method);
    collector->deprecated = deprecated;
  }
}

void collect_library(compiler_t* c, library_t* library) {
  collector_t collector = {.c = c, .library = library};
  library->names = (str_map_t){0};
  library->decls = (ptr_list_t){0};
  library->sorted = (ptr_list_t){0};
  if (library->absent) return;
  for (file_syntax_t* file = library->files; file; file = file->next) {
    for (decl_syntax_t* syntax = file->decls; syntax; syntax = syntax->next) {
      if (!syntax->absent) collect_decl(&collector, syntax);
    }
  }
}
