// Declarations in dependency order: whatever a declaration needs has been compiled when its turn comes.
#include "compiler.h"

static void compile_const(const context_t* context, decl_t* decl) {
  compiler_t* c = context->c;
  const type_t* type = compile_type(context, decl->syntax->type);
  if (!type) return;
  bool values =
      type->kind == TYPE_IDENTIFIER && (type->decl->kind == DECL_BITS || type->decl->kind == DECL_ENUM);
  bool fits = type->kind == TYPE_PRIMITIVE || values || (type->kind == TYPE_STRING && !type->nullable);
  if (!fits) {
    diagnostic_t* error = report_error(&c->diagnostics, decl->syntax->type->span, 59,
                                       "a constant cannot be of type %s", type_text(c, type));
    add_hint(&c->diagnostics, error, "constants are numbers, bool, strings, bits or enums");
    return;
  }
  if (values && type->decl->failed) return;
  decl->type = type;
  if (evaluate(context, decl->syntax->value, type, &decl->value)) return;
  decl->value.kind = VALUE_NONE;
  report_unresolvable(context, decl->syntax->value, 60, "the constant `%s` has no value", decl->name->data);
}

static void compile_newtype(const context_t* context, decl_t* decl) {
  compiler_t* c = context->c;
  if (!c->options->allow_new_types) {
    diagnostic_t* error = report_error(&c->diagnostics, decl->span, 62, "new types are experimental");
    add_hint(&c->diagnostics, error,
             "--experimental allow_new_types allows them; `alias` makes another name");
    return;
  }
  decl->type = compile_type(context, decl->syntax->type);
}

static void compile_alias(const context_t* context, decl_t* decl) {
  context_t inside = *context;
  inside.defines_alias = true;
  decl->type = compile_type(&inside, decl->syntax->type);
}

static void compile_decl(compiler_t* c, decl_t* decl) {
  context_t context = {.c = c, .library = decl->library, .file = decl->file};
  switch (decl->kind) {
    case DECL_CONST:
      compile_const(&context, decl);
      if (!decl->type || decl->value.kind == VALUE_NONE) decl->failed = true;
      break;
    case DECL_ALIAS:
      compile_alias(&context, decl);
      if (!decl->type) decl->failed = true;
      break;
    case DECL_NEWTYPE:
      compile_newtype(&context, decl);
      if (!decl->type) decl->failed = true;
      break;
    case DECL_BITS:
    case DECL_ENUM:
      compile_value_layout(&context, decl);
      break;
    case DECL_STRUCT:
    case DECL_TABLE:
    case DECL_UNION:
    case DECL_OVERLAY:
      compile_member_layout(&context, decl);
      break;
    case DECL_RESOURCE:
      compile_resource(&context, decl);
      break;
    case DECL_PROTOCOL:
      compile_protocol(&context, decl);
      break;
    case DECL_SERVICE:
      compile_service(&context, decl);
      break;
    case DECL_BUILTIN:
      break;
  }
  decl->compiled = true;
}

void compile_library(compiler_t* c, library_t* library) {
  for (uint32_t i = 0; i < library->sorted.count; i++) {
    decl_t* decl = library->sorted.items[i];
    if (!decl->cyclic) compile_decl(c, decl);
  }
}
