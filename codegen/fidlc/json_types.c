// Types of the JSON representation.
//
// Consumers of three ages read it: the oldest know `kind`, the newest `kind_v2`, and the ends of protocols
// are spelled differently in each. Both spellings are written, as the reference did while it moved from one
// to the other.
#include "json_ir.h"
#include "versions.h"

static const char* const kKinds[] = {
    [TYPE_PRIMITIVE] = "primitive",
    [TYPE_STRING] = "string",
    [TYPE_VECTOR] = "vector",
    [TYPE_ARRAY] = "array",
    [TYPE_STRING_ARRAY] = "string_array",
    [TYPE_BOX] = "identifier",
    [TYPE_HANDLE] = "handle",
    [TYPE_CLIENT_END] = "endpoint",
    [TYPE_SERVER_END] = "endpoint",
    [TYPE_IDENTIFIER] = "identifier",
    [TYPE_FRAMEWORK_ERR] = "internal",
    [TYPE_POINTER] = "experimental_pointer",
    [TYPE_UNTYPED_NUMERIC] = "primitive",
};

static const char* old_kind(const type_t* type) {
  if (type->kind == TYPE_CLIENT_END) return "identifier";
  return type->kind == TYPE_SERVER_END ? "request" : kKinds[type->kind];
}

// Kinds of handles by the values of zx.ObjType.
static const char* handle_kind(uint32_t subtype) {
  static const char* const kHandleKinds[] = {
      [0] = "handle",     [1] = "process",   [2] = "thread",     [3] = "vmo",           [4] = "channel",
      [5] = "event",      [6] = "port",      [9] = "interrupt",  [11] = "pcidevice",    [12] = "debuglog",
      [14] = "socket",    [15] = "resource", [16] = "eventpair", [17] = "job",          [18] = "vmar",
      [19] = "fifo",      [20] = "guest",    [21] = "vcpu",      [22] = "timer",        [23] = "iommu",
      [24] = "bti",       [25] = "profile",  [26] = "pmt",       [27] = "suspendtoken", [28] = "pager",
      [29] = "exception", [30] = "clock",    [31] = "stream",    [32] = "msi",          [33] = "iob",
      [34] = "counter",
  };
  bool known = subtype < sizeof(kHandleKinds) / sizeof(kHandleKinds[0]) && kHandleKinds[subtype];
  return known ? kHandleKinds[subtype] : "handle";
}

static void put_handle(json_ir_t* ir, const type_t* type) {
  json_writer_t* json = &ir->json;
  json_unsigned(json, "obj_type", type->subtype);
  json_string(json, "subtype", handle_kind(type->subtype));
  json_unsigned(json, "rights", type->rights);
  json_bool(json, "nullable", type->nullable);
  json_string(json, "resource_identifier", decl_full_name(ir->c, type->decl));
}

static void put_end(json_ir_t* ir, const type_t* type) {
  json_writer_t* json = &ir->json;
  bool client = type->kind == TYPE_CLIENT_END;
  const char* protocol = type->protocol ? decl_full_name(ir->c, type->protocol) : "";
  json_string(json, client ? "identifier" : "subtype", protocol);
  json_string(json, "role", client ? "client" : "server");
  json_string(json, "protocol", protocol);
  json_bool(json, "nullable", type->nullable);
  json_string(json, "protocol_transport",
              type->protocol ? protocol_transport(ir->c, type->protocol) : "Channel");
}

static void put_sequence(json_ir_t* ir, const type_t* type) {
  json_writer_t* json = &ir->json;
  bool exact = type->kind == TYPE_ARRAY || type->kind == TYPE_STRING_ARRAY;
  if (type->element) json_type_and_alias(ir, "element_type", type->element);
  if (exact) {
    json_unsigned(json, "element_count", type->count);
    return;
  }
  // A bound of MAX is none.
  if (type->bounded && type->count < UINT32_MAX) json_unsigned(json, "maybe_element_count", type->count);
  json_bool(json, "nullable", type->nullable);
}

static void put_content(json_ir_t* ir, const type_t* type) {
  json_writer_t* json = &ir->json;
  switch (type->kind) {
    case TYPE_PRIMITIVE:
    case TYPE_UNTYPED_NUMERIC:
      json_string(json, "subtype", type_text(ir->c, type));
      break;
    case TYPE_STRING:
    case TYPE_VECTOR:
    case TYPE_ARRAY:
    case TYPE_STRING_ARRAY:
      put_sequence(ir, type);
      break;
    case TYPE_BOX:
      json_string(json, "identifier", decl_full_name(ir->c, type->element->decl));
      json_bool(json, "nullable", true);
      break;
    case TYPE_HANDLE:
      put_handle(ir, type);
      break;
    case TYPE_CLIENT_END:
    case TYPE_SERVER_END:
      put_end(ir, type);
      break;
    case TYPE_IDENTIFIER:
      json_string(json, "identifier", decl_full_name(ir->c, type->decl));
      json_bool(json, "nullable", type->nullable);
      break;
    case TYPE_FRAMEWORK_ERR:
      json_string(json, "subtype", "framework_error");
      break;
    case TYPE_POINTER:
      json_type(ir, "pointee_type", type->element);
      break;
  }
}

// What this use of a type adds to what its alias, if any, says already.
static bool adds_optional(const type_t* type) {
  return type->nullable && !(type->alias && type->alias->type && type->alias->type->nullable);
}

static void put_size(json_ir_t* ir, const type_t* type) {
  value_t size = {.kind = VALUE_UNSIGNED, .u = type->count};
  if (type->size) json_constant(ir, "maybe_size", &size, type->size);
}

void json_type(json_ir_t* ir, const char* key, const type_t* type) {
  json_writer_t* json = &ir->json;
  json_open(json, key, '{');
  json_string(json, "kind", old_kind(type));
  json_string(json, "kind_v2", kKinds[type->kind]);
  put_content(ir, type);
  json_shape(ir, type_shape(type));
  json_close(json, '}');
}

void json_type_and_alias(json_ir_t* ir, const char* key, const type_t* type) {
  json_writer_t* json = &ir->json;
  json_type(ir, key, type);
  if (!type->alias) return;
  json_open(json, "experimental_maybe_from_alias", '{');
  json_string(json, "name", decl_full_name(ir->c, type->alias));
  json_open(json, "args", '[');
  json_close(json, ']');
  json_bool(json, "nullable", adds_optional(type));
  put_size(ir, type);
  json_close(json, '}');
}

const char* json_type_name(json_ir_t* ir, const type_t* type) {
  switch (type->kind) {
    case TYPE_STRING:
    case TYPE_VECTOR:
    case TYPE_ARRAY:
    case TYPE_STRING_ARRAY:
      return kKinds[type->kind];
    case TYPE_HANDLE:
    case TYPE_IDENTIFIER:
      return decl_full_name(ir->c, type->decl);
    case TYPE_BOX:
      return decl_full_name(ir->c, type->element->decl);
    case TYPE_CLIENT_END:
      return type->protocol ? decl_full_name(ir->c, type->protocol) : "client_end";
    case TYPE_SERVER_END:
      return "request";
    case TYPE_POINTER:
      return kKinds[type->kind];
    default:
      return type_text(ir->c, type);
  }
}

static void put_end_argument(json_ir_t* ir, const type_t* type) {
  json_writer_t* json = &ir->json;
  json_open(json, NULL, '{');
  json_string(json, "name", type->protocol ? decl_full_name(ir->c, type->protocol) : "");
  json_open(json, "args", '[');
  json_close(json, ']');
  json_bool(json, "nullable", false);
  json_close(json, '}');
}

void json_type_constructor(json_ir_t* ir, const char* key, const type_t* type) {
  json_writer_t* json = &ir->json;
  json_open(json, key, '{');
  json_string(json, "name", json_type_name(ir, type));
  json_open(json, "args", '[');
  if (type->kind == TYPE_SERVER_END) {
    put_end_argument(ir, type);
  } else if (type->element && !type->alias) {
    json_type_constructor(ir, NULL, type->element);
  }
  json_close(json, ']');
  json_bool(json, "nullable", adds_optional(type));
  put_size(ir, type);
  value_t rights = {.kind = VALUE_UNSIGNED, .u = type->rights};
  if (type->rights_expr) json_constant(ir, "handle_rights", &rights, type->rights_expr);
  json_close(json, '}');
}
