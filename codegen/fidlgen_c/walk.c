// One way through the kinds of values and of layouts.
#include "walk.h"

#include <inttypes.h>

#include "emit.h"
#include "names.h"
#include "rules.h"

static void call(void (*step)(walk_t*, const place_t*), walk_t* walk, const place_t* place) {
  if (step) step(walk, place);
}

static void walk_identifier(walk_t* walk, const place_t* place) {
  const decl_t* decl = model_find(walk->model, place->type->identifier);
  if (!decl) return;
  if (decl->kind == FIDL__IR__DECL__KIND__ENUM || decl->kind == FIDL__IR__DECL__KIND__BITS ||
      rules_suffice_for_decl(walk->model, decl))
    call(walk->steps->fixed, walk, place);
  else
    call(walk->steps->layout, walk, place);
}

void walk_value(walk_t* walk, place_t place) {
  place.type = model_resolve(walk->model, place.type);
  if (model_plain(walk->model, place.type)) return;
  switch (place.type->kind) {
    case FIDL__IR__TYPE__KIND__PRIMITIVE:
    case FIDL__IR__TYPE__KIND__FRAMEWORK_ERR:
      call(walk->steps->fixed, walk, &place);
      break;
    case FIDL__IR__TYPE__KIND__STRING:
      call(walk->steps->string, walk, &place);
      break;
    case FIDL__IR__TYPE__KIND__VECTOR:
      call(walk->steps->vector, walk, &place);
      break;
    case FIDL__IR__TYPE__KIND__ARRAY:
      call(walk->steps->array, walk, &place);
      break;
    case FIDL__IR__TYPE__KIND__BOX:
      call(walk->steps->box, walk, &place);
      break;
    case FIDL__IR__TYPE__KIND__HANDLE:
    case FIDL__IR__TYPE__KIND__CLIENT_END:
    case FIDL__IR__TYPE__KIND__SERVER_END:
      call(walk->steps->handle, walk, &place);
      break;
    case FIDL__IR__TYPE__KIND__IDENTIFIER:
      walk_identifier(walk, &place);
      break;
    default:
      break;
  }
}

void walk_members(walk_t* walk, const decl_t* decl) {
  switch (decl->kind) {
    case FIDL__IR__DECL__KIND__STRUCT:
      walk->steps->struct_members(walk, decl);
      break;
    case FIDL__IR__DECL__KIND__TABLE:
      walk->steps->table_members(walk, decl);
      break;
    case FIDL__IR__DECL__KIND__UNION:
      walk->steps->union_members(walk, decl);
      break;
    default:
      walk->steps->overlay_members(walk, decl);
      break;
  }
}

static void fail_unless(text_t* out, const char* indent, const char* begin, const char* end,
                        const char* format, va_list args) {
  text_add(out, "%sif (%s", indent, begin);
  text_add_va(out, format, args);
  text_add(out, "%s) return NULL;\n", end);
}

void walk_check(walk_t* walk, const char* indent, const char* format, ...) {
  va_list args;
  va_start(args, format);
  fail_unless(walk->out, indent, "!", "", format, args);
  va_end(args);
}

void walk_step(walk_t* walk, const char* indent, const char* format, ...) {
  va_list args;
  va_start(args, format);
  fail_unless(walk->out, indent, "!(next = ", ")", format, args);
  va_end(args);
}

const char* walk_stop(const walk_t* walk, const char* error) {
  return text_format("return fidl_%s_stop(%sr, FIDL_ERROR_%s);", walk->coder, walk->coder, error);
}

void walk_depth(walk_t* walk, const char* indent, unsigned hops, const char* present) {
  if (!walk->counts_depth) return;
  text_add(walk->out, "%sif (%s%sfidl_too_deep(depth + %u)) %s\n", indent, present ? present : "",
           present ? " && " : "", hops, walk_stop(walk, "EXCEEDED_MAX_OUT_OF_LINE_DEPTH"));
}

const char* walk_function(const walk_t* walk, const decl_t* decl) {
  bool counts = walk->counts_depth && model_depth_matters(decl);
  return text_format("%s_%s_%s", c_name(decl->name), walk->coder, counts ? "at_" : "");
}

const char* walk_depth_argument(const walk_t* walk, const decl_t* decl, unsigned hops) {
  if (!walk->counts_depth || !model_depth_matters(decl)) return "";
  return hops ? text_format(", depth + %u", hops) : ", depth";
}

void walk_scalar_check(walk_t* walk, const place_t* place) {
  const decl_t* decl = model_decl(walk->model, place->type);
  const char* condition;
  const char* error;
  if (place->type->kind == FIDL__IR__TYPE__KIND__FRAMEWORK_ERR) {
    condition = text_format("%s != FIDL_FRAMEWORK_ERR_UNKNOWN_METHOD", place->expr);
    error = "STRICT_ENUM_UNKNOWN_VALUE";
  } else if (!decl) {
    condition = text_format("fidl_word(%s, 0, 1) > 1", code_address(place->expr));
    error = "INVALID_BOOLEAN";
  } else if (decl->kind == FIDL__IR__DECL__KIND__ENUM) {
    condition = text_format("!%s_is_known(%s)", c_name(decl->name), place->expr);
    error = "STRICT_ENUM_UNKNOWN_VALUE";
  } else if (decl->kind == FIDL__IR__DECL__KIND__BITS) {
    condition = text_format("%s & (%s)~%s_MASK", place->expr, c_name(decl->name), c_name(decl->name));
    error = "STRICT_BITS_UNKNOWN_BIT";
  } else {
    return;
  }
  text_add(walk->out, "%sif (%s) %s\n", place->indent, condition, walk_stop(walk, error));
}

const char* walk_inline_mask(walk_t* walk, const type_t* type, const char** out_error) {
  uint64_t mask = UINT64_MAX >> (64 - 8 * type->shape->inline_size);
  const decl_t* decl = model_decl(walk->model, type);
  *out_error = "NONE";
  if (model_plain(walk->model, type)) return text_format("0x%" PRIx64 "u", mask);
  if (code_is_bool(walk->model, type)) {
    *out_error = "INVALID_BOOLEAN";
    return "1u";
  }
  if (decl && decl->kind == FIDL__IR__DECL__KIND__BITS) {
    *out_error = "STRICT_BITS_UNKNOWN_BIT";
    return text_format("0x%" PRIx64 "u", decl->mask);
  }
  if (decl && decl->kind == FIDL__IR__DECL__KIND__STRUCT && decl->n_members == 0) {
    *out_error = "INVALID_EMPTY_STRUCT";
    return "0u";
  }
  return NULL;
}
