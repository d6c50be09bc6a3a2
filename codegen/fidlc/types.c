// Types where they are used: arguments and constraints applied to what a name stands for.
#include <string.h>

#include "compiler.h"

// Through aliases and new types, types nest deeper than anything written; messages are not deeper than 32
// levels anyway.
#define TYPE_MAX_NESTING 64

type_t* identifier_type(compiler_t* c, decl_t* decl, span_t span) {
  type_t* type = arena_alloc(c->arena, sizeof(*type));
  type->kind = TYPE_IDENTIFIER;
  type->decl = decl;
  type->span = span;
  return type;
}

static uint32_t wanted_args(const decl_t* decl) {
  switch (decl->builtin) {
    case BUILTIN_ARRAY:
      return 2;
    case BUILTIN_VECTOR:
    case BUILTIN_BOX:
    case BUILTIN_POINTER:
    case BUILTIN_STRING_ARRAY:
      return 1;
    default:
      return 0;
  }
}

static bool check_arg_count(compiler_t* c, const decl_t* decl, const type_syntax_t* syntax) {
  uint32_t count = 0;
  for (const type_arg_t* arg = syntax->args; arg; arg = arg->next)
    count++;
  uint32_t wanted = wanted_args(decl);
  if (count == wanted) return true;
  span_t span = syntax->args_span.source ? syntax->args_span : syntax->name_span;
  report_error(&c->diagnostics, span, 162, "`%s` takes %u argument%s in <>, here are %u", decl->name->data,
               wanted, wanted == 1 ? "" : "s", count);
  return false;
}

static const type_t* element_arg(const context_t* context, const type_arg_t* arg) {
  if (arg->type) return compile_type(context, arg->type);
  report_error(&context->c->diagnostics, arg->span, 165, "%s is a value where a type is needed",
               span_text(context->c->arena, arg->span));
  return NULL;
}

static bool size_arg(const context_t* context, const type_arg_t* arg, type_t* type) {
  if (!arg->literal) {
    report_error(&context->c->diagnostics, arg->span, 63, "a type stands where a size is needed");
    return false;
  }
  value_t value;
  if (!evaluate_size(context, arg->literal, &value)) {
    report_unresolvable(context, arg->literal, arg->literal->kind == EXPR_NAME ? 60 : 101,
                        "%s is not usable as a size", span_text(context->c->arena, arg->span));
    return false;
  }
  if (value.u == 0) {
    report_error(&context->c->diagnostics, arg->span, 161, "an array has at least one element");
    return false;
  }
  type->count = value.u;
  type->size = arg->literal;
  return true;
}

static bool check_box(const context_t* context, const type_syntax_t* syntax, const type_t* inner) {
  compiler_t* c = context->c;
  if (inner->kind == TYPE_IDENTIFIER && inner->decl->kind == DECL_STRUCT) return true;
  bool can_be_optional = inner->kind == TYPE_HANDLE || inner->kind == TYPE_STRING ||
                         inner->kind == TYPE_VECTOR || inner->kind == TYPE_CLIENT_END ||
                         inner->kind == TYPE_SERVER_END ||
                         (inner->kind == TYPE_IDENTIFIER && inner->decl->kind == DECL_UNION);
  if (can_be_optional) {
    diagnostic_t* error =
        report_error(&c->diagnostics, syntax->args_span, 171, "%s cannot be boxed", type_text(c, inner));
    add_hint(&c->diagnostics, error, "make it optional instead, with `:optional`");
  } else {
    report_error(&c->diagnostics, syntax->args_span, 193, "%s cannot be boxed: only structs can",
                 type_text(c, inner));
  }
  return false;
}

static bool check_nesting(const context_t* context, const type_t* type) {
  if (type->nesting <= TYPE_MAX_NESTING) return true;
  report_error(&context->c->diagnostics, type->span, 207, "types are nested more than %d levels deep",
               TYPE_MAX_NESTING);
  return false;
}

static bool apply_args(const context_t* context, const type_syntax_t* syntax, type_t* type) {
  type_arg_t* args = syntax->args;
  bool ok = true;
  switch (type->kind) {
    case TYPE_STRING_ARRAY:
      return size_arg(context, args, type);
    case TYPE_ARRAY:
      ok = size_arg(context, args->next, type);
      __attribute__((fallthrough));
    case TYPE_VECTOR:
    case TYPE_BOX:
    case TYPE_POINTER:
      type->element = element_arg(context, args);
      if (!type->element) return false;
      type->nesting = type->element->nesting + 1;
      if (!check_nesting(context, type)) return false;
      if (type->kind == TYPE_BOX) return check_box(context, syntax, type->element);
      return ok;
    default:
      return true;
  }
}

static bool builtin_base(compiler_t* c, const type_syntax_t* syntax, decl_t* decl, type_t* type) {
  static const type_kind_t kKinds[BUILTIN_COUNT] = {
      [BUILTIN_STRING] = TYPE_STRING,
      [BUILTIN_ARRAY] = TYPE_ARRAY,
      [BUILTIN_VECTOR] = TYPE_VECTOR,
      [BUILTIN_STRING_ARRAY] = TYPE_STRING_ARRAY,
      [BUILTIN_BOX] = TYPE_BOX,
      [BUILTIN_POINTER] = TYPE_POINTER,
      [BUILTIN_CLIENT_END] = TYPE_CLIENT_END,
      [BUILTIN_SERVER_END] = TYPE_SERVER_END,
  };
  type->kind = kKinds[decl->builtin];
  if (decl->builtin <= BUILTIN_BYTE) {
    type->kind = TYPE_PRIMITIVE;
    type->primitive = decl->builtin == BUILTIN_BYTE ? BUILTIN_UINT8 : decl->builtin;
  } else if (decl->builtin >= BUILTIN_OPTIONAL) {
    report_error(&c->diagnostics, syntax->name_span, 165, "`%s` is not a type", decl->name->data);
    return false;
  }
  if (type->kind == TYPE_BOX) type->nullable = true;
  if (type->kind == TYPE_ARRAY || type->kind == TYPE_STRING_ARRAY) type->bounded = true;
  return true;
}

static bool alias_base(decl_t* decl, type_t* type) {
  if (!decl->type) return false;
  span_t span = type->span;
  *type = *decl->type;
  type->span = span;
  type->alias = decl;
  type->size = NULL;
  type->rights_expr = NULL;
  return true;
}

static bool declared_base(const context_t* context, const type_syntax_t* syntax, decl_t* decl, type_t* type) {
  switch (decl->kind) {
    case DECL_ALIAS:
      return alias_base(decl, type);
    case DECL_RESOURCE:
      type->kind = TYPE_HANDLE;
      type->decl = decl;
      type->rights = 0x80000000u;
      return true;
    case DECL_CONST:
    case DECL_PROTOCOL:
    case DECL_SERVICE: {
      diagnostic_t* error = report_error(&context->c->diagnostics, syntax->name_span, 165,
                                         "`%s` is not a type", decl->name->data);
      if (decl->kind == DECL_PROTOCOL) {
        add_hint(&context->c->diagnostics, error, "write client_end:%s or server_end:%s", decl->name->data,
                 decl->name->data);
      }
      return false;
    }
    case DECL_NEWTYPE:
      type->kind = TYPE_IDENTIFIER;
      type->decl = decl;
      if (decl->type) type->nesting = decl->type->nesting + 1;
      return check_nesting(context, type);
    default:
      type->kind = TYPE_IDENTIFIER;
      type->decl = decl;
      return true;
  }
}

static type_t* compile_base(const context_t* context, type_syntax_t* syntax) {
  compiler_t* c = context->c;
  decl_t* decl = syntax->anonymous;
  if (syntax->name) {
    if (!resolve_name(c, context->library, context->file, syntax->name)) return NULL;
    decl = syntax->name->decl;
    if (syntax->name->member) {
      report_error(&c->diagnostics, syntax->name_span, 165, "`%s` is a value where a type is needed",
                   span_text(c->arena, syntax->name_span));
      return NULL;
    }
  }
  type_t* type = arena_alloc(c->arena, sizeof(*type));
  type->span = syntax->span;
  bool ok = decl->kind == DECL_BUILTIN ? builtin_base(c, syntax, decl, type)
                                       : declared_base(context, syntax, decl, type);
  if (!ok || !check_arg_count(c, decl, syntax)) return NULL;
  if (decl->kind == DECL_BUILTIN && !apply_args(context, syntax, type)) return NULL;
  return type;
}

type_t* compile_type(const context_t* context, type_syntax_t* syntax) {
  type_t* type = compile_base(context, syntax);
  if (!type || !apply_constraints(context, syntax, type)) return NULL;
  if (!context->defines_alias && !check_endpoint(context, syntax, type)) return NULL;
  return type;
}
