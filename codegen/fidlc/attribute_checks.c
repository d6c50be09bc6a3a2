// Attributes against their schemas: placement, arguments, values; duplicates and likely typing mistakes.
#include <string.h>

#include "attribute_schemas.h"
#include "attributes.h"

static const type_t kString = {.kind = TYPE_STRING};

static uint32_t count_schema_args(const attribute_schema_t* schema) {
  uint32_t count = 0;
  while (schema->args[count].name)
    count++;
  return count;
}

static const arg_schema_t* find_arg_schema(const attribute_schema_t* schema, const char* name) {
  for (const arg_schema_t* arg = schema->args; arg->name; arg++) {
    if (strcmp(arg->name, name) == 0) return arg;
  }
  return NULL;
}

static bool is_literal(const expr_t* expr) {
  return expr->kind == EXPR_STRING || expr->kind == EXPR_DOC || expr->kind == EXPR_NUMBER ||
         expr->kind == EXPR_TRUE || expr->kind == EXPR_FALSE;
}

// The argument's place in the schema; NULL (reported) if it has none.
static const arg_schema_t* match_arg(compiler_t* c, const attribute_schema_t* schema,
                                     const attribute_t* attribute, const attribute_arg_t* arg) {
  uint32_t wanted = count_schema_args(schema);
  const char* attribute_name = attribute->name.name->data;
  if (wanted == 0) {
    diagnostic_t* error =
        report_error(&c->diagnostics, attribute->span, 132, "@%s takes no arguments", attribute_name);
    add_hint(&c->diagnostics, error, "write @%s", attribute_name);
    return NULL;
  }
  if (!arg->name.name) {
    if (wanted == 1) return &schema->args[0];
    report_error(&c->diagnostics, arg->span, 126, "the arguments of @%s must be named", attribute_name);
    return NULL;
  }
  const arg_schema_t* found = find_arg_schema(schema, arg->name.name->data);
  if (!found) {
    report_error(&c->diagnostics, arg->name.span, 129, "@%s has no argument `%s`", attribute_name,
                 arg->name.name->data);
  } else if (wanted == 1) {
    diagnostic_t* error = report_error(&c->diagnostics, arg->name.span, 125,
                                       "the only argument of @%s must not be named", attribute_name);
    add_hint(&c->diagnostics, error, "leave out `%s=`", arg->name.name->data);
    return NULL;
  }
  return found;
}

static void check_arg(const context_t* context, const attribute_t* attribute, const arg_schema_t* schema,
                      const attribute_arg_t* arg) {
  compiler_t* c = context->c;
  if (schema->literal && !is_literal(arg->value)) {
    report_error(&c->diagnostics, arg->value->span, 133, "the argument of @%s must be a literal",
                 attribute->name.name->data);
    return;
  }
  value_t value;
  if (evaluate(context, arg->value, &kString, &value)) {
    // Whoever reads it takes it for its end.
    if (memchr(value.text, 0, value.length))
      report_error(&c->diagnostics, arg->value->span, 104, "the argument `%s` holds a NUL character",
                   schema->name);
    return;
  }
  report_unresolvable(context, arg->value, 104, "the argument `%s` has no usable value", schema->name);
}

static void check_official(const context_t* context, const attribute_schema_t* schema,
                           const attribute_t* attribute) {
  compiler_t* c = context->c;
  for (const attribute_arg_t* arg = attribute->args; arg; arg = arg->next) {
    const arg_schema_t* arg_schema = match_arg(c, schema, attribute, arg);
    if (arg_schema) check_arg(context, attribute, arg_schema, arg);
    if (!arg_schema && !schema->args[0].name) return;
  }
  for (const arg_schema_t* arg = schema->args; arg->name; arg++) {
    if (!arg->required || attribute->args) continue;
    report_error(&c->diagnostics, attribute->span, 128, "@%s lacks its argument", attribute->name.name->data);
  }
}

static void check_user_arg(const context_t* context, const attribute_t* attribute,
                           const attribute_arg_t* arg) {
  compiler_t* c = context->c;
  const expr_t* value = arg->value;
  bool numeric = value->kind == EXPR_NUMBER;
  if (value->kind == EXPR_OR) {
    report_error(&c->diagnostics, value->span, 104, "the argument of @%s is neither a string nor a bool",
                 attribute->name.name->data);
    return;
  }
  if (value->kind == EXPR_NAME) {
    const name_ref_t* name = value->name;
    if (name->failed || !name->decl) return;
    const value_t* constant = &name->decl->value;
    if (name->decl->kind == DECL_CONST &&
        (constant->kind == VALUE_NONE || constant->kind == VALUE_STRING || constant->kind == VALUE_BOOL)) {
      return;
    }
    if (name->decl->kind != DECL_CONST && !name->member) {
      report_error(&c->diagnostics, value->span, 104, "the argument of @%s is not a value",
                   attribute->name.name->data);
      return;
    }
    numeric = true;
  }
  if (!numeric) return;
  diagnostic_t* error =
      report_error(&c->diagnostics, value->span, 124,
                   "the argument of @%s is a number, whose type nothing says", attribute->name.name->data);
  add_hint(&c->diagnostics, error, "write it as a string");
}

static void check_duplicate_args(compiler_t* c, const attribute_t* attribute) {
  str_map_t exact = {0};
  str_map_t canonical = {0};
  if (!attribute->args || !attribute->args->next) return;
  for (attribute_arg_t* arg = attribute->args; arg; arg = arg->next) {
    if (!arg->name.name) continue;
    const attribute_arg_t* same = str_map_add(c->arena, &exact, arg->name.name, arg);
    const attribute_arg_t* similar =
        same ? NULL : str_map_add(c->arena, &canonical, canonical_name(c, arg->name.name), arg);
    if (!same && !similar) continue;
    diagnostic_t* error =
        same ? report_error(&c->diagnostics, arg->name.span, 130, "@%s has two arguments named `%s`",
                            attribute->name.name->data, arg->name.name->data)
             : report_error(
                   &c->diagnostics, arg->name.span, 131,
                   "the arguments `%s` and `%s` of @%s are the same when both are written in snake case",
                   similar->name.name->data, arg->name.name->data, attribute->name.name->data);
    add_note(&c->diagnostics, error, (same ? same : similar)->name.span, "the first one");
  }
}

static bool check_placement(compiler_t* c, const attribute_schema_t* schema, const attribute_t* attribute,
                            uint32_t placement) {
  bool anonymous = placement & ON_ANONYMOUS;
  bool ok = (placement & schema->placements) == placement && !(schema->only_anonymous && !anonymous);
  if (ok) return true;
  report_error(&c->diagnostics, attribute->span, 120, "@%s cannot be placed on %s",
               attribute->name.name->data, placement_text(placement));
  return false;
}

static void check_attribute(const context_t* context, const attribute_t* attribute, uint32_t placement) {
  compiler_t* c = context->c;
  const char* name = attribute->name.name->data;
  const attribute_schema_t* schema = find_schema(name);
  check_duplicate_args(c, attribute);
  if (!schema) {
    const char* similar = similar_schema(name);
    if (similar) {
      diagnostic_t* warning = report_warning(&c->diagnostics, attribute->name.span, 145,
                                             "@%s may be a misspelling of @%s", name, similar);
      (void)warning;
    }
    for (const attribute_arg_t* arg = attribute->args; arg; arg = arg->next)
      check_user_arg(context, attribute, arg);
    return;
  }
  if (schema->deprecated) {
    report_error(&c->diagnostics, attribute->span, 121, "@%s is deprecated", name);
    return;
  }
  if (check_placement(c, schema, attribute, placement) && !schema->checked_elsewhere) {
    check_official(context, schema, attribute);
  }
}

void attribute_set_add(compiler_t* c, attribute_set_t* set, attribute_t* attribute) {
  const str_t* name = attribute->name.name;
  const attribute_t* same = str_map_add(c->arena, &set->exact, name, attribute);
  const attribute_t* similar =
      same ? NULL : str_map_add(c->arena, &set->canonical, canonical_name(c, name), attribute);
  if (!same && !similar) return;
  diagnostic_t* error =
      same ? report_error(&c->diagnostics, attribute->span, 122, "@%s is given twice", name->data)
           : report_error(&c->diagnostics, attribute->span, 123,
                          "@%s and @%s are the same when both are written in snake case",
                          similar->name.name->data, name->data);
  add_note(&c->diagnostics, error, (same ? same : similar)->span, "the first one");
}

void check_attributes(const context_t* context, attribute_t* attributes, uint32_t placement) {
  attribute_set_t set = {0};
  for (attribute_t* attribute = attributes; attribute; attribute = attribute->next) {
    if (attributes->next) attribute_set_add(context->c, &set, attribute);
    check_attribute(context, attribute, placement);
  }
}

static bool may_stand_on_library(const expr_t* expr) {
  if (expr->kind == EXPR_OR) return false;
  if (expr->kind != EXPR_NAME) return true;
  const char* name = expr->name->parts[0].name->data;
  return expr->name->count == 1 && (strcmp(name, "NEXT") == 0 || strcmp(name, "HEAD") == 0);
}

// The library's attributes stand in front of its declarations, so they cannot refer to them.
void check_library_attributes(compiler_t* c, library_t* library) {
  attribute_set_t set = {0};
  for (file_syntax_t* file = library->files; file; file = file->next) {
    context_t context = {.c = c, .library = library, .file = file};
    for (attribute_t* attribute = file->attributes; attribute; attribute = attribute->next) {
      attribute_set_add(c, &set, attribute);
      bool usable = true;
      bool available =
          strcmp(attribute->name.name->data, "available") == 0;  // read on its own, in versions.c
      for (const attribute_arg_t* arg = attribute->args; arg; arg = arg->next) {
        if (may_stand_on_library(arg->value) || available) continue;
        report_error(&c->diagnostics, arg->value->span, 181,
                     "an attribute of a library can hold literals only, not references");
        usable = false;
      }
      if (usable) check_attribute(&context, attribute, ON_LIBRARY);
    }
  }
}
