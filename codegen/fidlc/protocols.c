// Protocols and services: composition, openness, payloads, selectors and ordinals.
#include <string.h>

#include "compiler.h"

static word_t openness_of(const modifier_t* modifiers) {
  for (; modifiers; modifiers = modifiers->next) {
    if (!modifiers->available || modifiers->present) return modifiers->word;
  }
  return W_OPEN;
}

static const char* openness_text(word_t openness) {
  return openness == W_OPEN ? "open" : openness == W_AJAR ? "ajar" : "closed";
}

static int openness_rank(word_t openness) {
  return openness == W_OPEN ? 2 : openness == W_AJAR ? 1 : 0;
}

static void check_strictness(compiler_t* c, const decl_t* protocol, const method_t* method) {
  if (method->strict || protocol->openness == W_OPEN) return;
  span_t span = method->syntax->ident.span;
  diagnostic_t* error = NULL;
  if (method->kind == METHOD_TWO_WAY) {
    error = report_error(
        &c->diagnostics, span, 115, "the flexible call `%s` needs an open protocol, `%s` is %s",
        method->syntax->ident.name->data, protocol->name->data, openness_text(protocol->openness));
  } else if (protocol->openness == W_CLOSED) {
    error =
        report_error(&c->diagnostics, span, 116, "the flexible %s `%s` cannot be in the closed protocol `%s`",
                     method->kind == METHOD_EVENT ? "event" : "method", method->syntax->ident.name->data,
                     protocol->name->data);
  }
  if (!error) return;
  error->once = true;
  add_hint(&c->diagnostics, error, "write `strict` in front of it (methods are flexible by default)");
}

static bool check_payload_struct(compiler_t* c, const decl_t* decl, span_t span) {
  if (decl->kind != DECL_STRUCT || decl->empty_success) return true;
  if (!decl->members && !decl->failed && !decl->layout->incomplete) {
    diagnostic_t* error = report_error(&c->diagnostics, span, 77, "a payload cannot be an empty struct");
    add_hint(&c->diagnostics, error, "write () for no payload");
    return false;
  }
  for (const member_t* member = decl->members; member; member = member->next) {
    if (!member->syntax->value) continue;
    diagnostic_t* error = report_error(&c->diagnostics, span, 84, "a payload struct cannot have defaults");
    add_note(&c->diagnostics, error, member->syntax->value->span, "here is one");
    return false;
  }
  return true;
}

static const type_t* compile_payload(const context_t* context, type_syntax_t* syntax) {
  compiler_t* c = context->c;
  if (!syntax) return NULL;
  type_t* type = compile_type(context, syntax);
  if (!type) return NULL;
  if (type->kind != TYPE_IDENTIFIER) {
    diagnostic_t* error =
        report_error(&c->diagnostics, syntax->span, 75, "%s cannot be a payload", type_text(c, type));
    add_hint(&c->diagnostics, error, "a payload is a struct, table or union");
    return NULL;
  }
  decl_t* decl = type->decl;
  if (decl->kind != DECL_STRUCT && decl->kind != DECL_TABLE && decl->kind != DECL_UNION) {
    diagnostic_t* error =
        report_error(&c->diagnostics, syntax->span, 74, "`%s` cannot be a payload", decl->name->data);
    add_hint(&c->diagnostics, error, "a payload is a struct, table or union");
    return NULL;
  }
  if (!check_payload_struct(c, decl, syntax->layout ? syntax->layout->span : syntax->span)) return NULL;
  decl->payload = true;
  return type;
}

static void compile_error_type(const context_t* context, method_t* method) {
  compiler_t* c = context->c;
  method->error = compile_type(context, method->syntax->error);
  if (!method->error || c->options->allow_arbitrary_error_types) return;
  if (method->error->kind == TYPE_IDENTIFIER && method->error->decl->kind == DECL_ENUM &&
      !method->error->decl->type) {
    return;
  }
  builtin_t primitive = underlying_primitive(method->error);
  bool bits = method->error->kind == TYPE_IDENTIFIER && method->error->decl->kind == DECL_BITS;
  if ((primitive == BUILTIN_INT32 || primitive == BUILTIN_UINT32) && !bits) return;
  diagnostic_t* error = report_error(&c->diagnostics, method->syntax->error->span, 141,
                                     "%s cannot be the error type of a method", type_text(c, method->error));
  add_hint(&c->diagnostics, error, "an error is int32, uint32 or an enum made of one of them");
}

static void compile_method(const context_t* context, method_t* method) {
  const method_syntax_t* syntax = method->syntax;
  method->request = compile_payload(context, syntax->request);
  if (syntax->request && !method->request) method->failed = true;
  if (method->has_result) {
    method->success = compile_payload(context, method->success_type);
    method->response = compile_type(context, method->result_type);
    if (method->response) method->response->decl->payload = true;
    if (!method->success || !method->response) method->failed = true;
  } else {
    method->response = compile_payload(context, syntax->response);
    if (syntax->response && !method->response) method->failed = true;
  }
  if (syntax->error) compile_error_type(context, method);
}

// "library.name/Protocol.Method"
static bool is_full_selector(const char* text) {
  const char* slash = strchr(text, '/');
  const char* dot = slash ? strchr(slash, '.') : NULL;
  if (!dot) return false;
  const char* part = text;
  for (const char* at = text; at <= slash; at++) {
    if (*at != '.' && at != slash) continue;
    if (!is_identifier(part, (size_t)(at - part))) return false;
    part = at + 1;
  }
  return is_identifier(slash + 1, (size_t)(dot - slash - 1)) && is_identifier(dot + 1, strlen(dot + 1));
}

static void select_ordinal(compiler_t* c, decl_t* protocol, method_t* method) {
  const char* name = method->syntax->declared_name->data;
  const attribute_t* attribute = find_attribute(method->syntax->attributes, "selector");
  const attribute_arg_t* arg = attribute_arg(attribute, NULL);
  uint32_t length = 0;
  const char* given = arg ? attribute_string(c, arg, &length) : NULL;
  if (given && is_full_selector(given)) {
    method->selector = given;
  } else {
    if (given && is_identifier(given, strlen(given))) {
      name = given;
    } else if (given) {
      diagnostic_t* error = report_error(&c->diagnostics, arg->span, 82, "`%s` is not a selector", given);
      add_hint(&c->diagnostics, error, "write \"Method\" or \"library.name/Protocol.Method\"");
    }
    method->selector =
        arena_printf(c->arena, "%s/%s.%s", protocol->library->name->data, protocol->name->data, name);
  }
  method->ordinal = method_ordinal(method->selector);
  method->syntax->selector = intern_cstr(&c->names, method->selector)->data;
  if (method->ordinal == 0) {
    report_error(&c->diagnostics, method->syntax->ident.span, 80,
                 "the ordinal of `%s` is 0: give it a @selector", method->syntax->ident.name->data);
  }
  if (strcmp(protocol->library->name->data, "fuchsia.io") == 0 && !(given && strchr(given, '/'))) {
    diagnostic_t* error = report_error(&c->diagnostics, method->syntax->ident.span, 83,
                                       "methods of fuchsia.io spell out their selector");
    add_hint(&c->diagnostics, error, "@selector(\"%s\")", method->selector);
  }
}

typedef struct gathering {
  compiler_t* c;
  decl_t* protocol;
  name_set_t names;
  str_map_t ordinals;
  str_map_t methods;  // by the name of the owner and method: a method reached twice counts once
} gathering_t;

static void gather(gathering_t* gathering, method_t* method, span_t span) {
  compiler_t* c = gathering->c;
  const char* identity = arena_printf(c->arena, "%s/%s.%u", method->owner->library->name->data,
                                      method->owner->name->data, method->syntax->ident.span.offset);
  if (str_map_add(c->arena, &gathering->methods, intern_cstr(&c->names, identity), method)) return;
  ptr_list_add(c->arena, &gathering->protocol->all_methods, method);
  if (!name_set_add(c, &gathering->names, method->syntax->ident.name, span, method->syntax->availability,
                    "method")) {
    return;
  }
  char text[32];
  int length = snprintf(text, sizeof(text), "%llx", (unsigned long long)method->ordinal);
  const method_t* other =
      str_map_add(c->arena, &gathering->ordinals, intern(&c->names, text, (size_t)length), method);
  if (!other) return;
  diagnostic_t* error =
      report_error(&c->diagnostics, span, 81, "`%s` and `%s` have the same ordinal, that of `%s`",
                   method->syntax->ident.name->data, other->syntax->ident.name->data, method->selector);
  add_note(&c->diagnostics, error, other->syntax->ident.span, "`%s`", other->syntax->ident.name->data);
}

static void compose(const context_t* context, gathering_t* gathering, method_syntax_t* line,
                    name_set_t* parents) {
  compiler_t* c = context->c;
  decl_t* protocol = gathering->protocol;
  if (!resolve_name(c, context->library, context->file, line->compose)) return;
  decl_t* parent = line->compose->decl;
  span_t span = line->compose->span;
  if (parent->kind != DECL_PROTOCOL || line->compose->member) {
    report_error(&c->diagnostics, span, 73, "`%s` is not a protocol: it cannot be composed",
                 parent->name->data);
    return;
  }
  if (parent->cyclic) return;
  const str_t* full = intern_cstr(&c->names, decl_full_name(c, parent));
  const method_syntax_t* earlier = str_map_add(c->arena, &parents->exact, full, line);
  if (earlier) {
    diagnostic_t* error =
        report_error(&c->diagnostics, span, 34, "`%s` is composed twice", parent->name->data);
    add_note(&c->diagnostics, error, earlier->compose->span, "the first time");
    return;
  }
  ptr_list_add(c->arena, &protocol->composed, parent);
  if (openness_rank(parent->openness) > openness_rank(protocol->openness)) {
    diagnostic_t* error =
        report_error(&c->diagnostics, span, 114, "the %s protocol `%s` cannot compose `%s`, which is %s",
                     openness_text(protocol->openness), protocol->name->data, parent->name->data,
                     openness_text(parent->openness));
    add_note(&c->diagnostics, error, parent->span, "`%s` is declared here", parent->name->data);
  }
  for (uint32_t i = 0; i < parent->all_methods.count; i++)
    gather(gathering, parent->all_methods.items[i], span);
}

void compile_protocol(const context_t* context, decl_t* decl) {
  compiler_t* c = context->c;
  decl->openness = openness_of(decl->syntax->modifiers);
  decl->transport = protocol_transport(c, decl);
  decl->discoverable_name = protocol_discoverable_name(c, decl);
  gathering_t gathering = {.c = c, .protocol = decl};
  name_set_t parents = {0};
  for (method_syntax_t* line = decl->syntax->methods; line; line = line->next) {
    if (line->compose && !line->absent) compose(context, &gathering, line, &parents);
  }
  for (uint32_t i = 0; i < decl->methods.count; i++) {
    method_t* method = decl->methods.items[i];
    check_strictness(c, decl, method);
    compile_method(context, method);
    select_ordinal(c, decl, method);
    gather(&gathering, method, method->syntax->ident.span);
  }
}

void compile_service(const context_t* context, decl_t* decl) {
  compiler_t* c = context->c;
  member_t** next = &decl->members;
  for (member_syntax_t* syntax = decl->syntax->members; syntax; syntax = syntax->next) {
    if (syntax->absent) continue;
    member_t* member = arena_alloc(c->arena, sizeof(*member));
    member->syntax = syntax;
    *next = member;
    next = &member->next;
    type_t* type = compile_type(context, syntax->type);
    member->type = type;
    if (!type) {
      decl->failed = true;
    } else if (type->kind != TYPE_CLIENT_END) {
      report_error(&c->diagnostics, syntax->type->span, 112, "a member of a service is a client_end, not %s",
                   type_text(c, type));
    } else if (type->nullable) {
      report_error(&c->diagnostics, syntax->type->span, 88, "a member of a service cannot be optional");
    }
  }
}
