// Declarations of the IR.
#include <stdlib.h>

#include "attributes.h"
#include "ir.h"

static char* text_of(const str_t* str) {
  return (char*)(uintptr_t)str->data;
}

static char* doc_of(compiler_t* c, const attribute_t* attributes) {
  return attributes ? (char*)(uintptr_t)attributes_doc(c, attributes) : NULL;
}

static size_t count_members(const member_t* member) {
  size_t count = 0;
  for (; member; member = member->next)
    count++;
  return count;
}

static void set_values(compiler_t* c, Fidl__Ir__Decl* out, const decl_t* decl) {
  out->values = arena_alloc(c->arena, count_members(decl->members) * sizeof(*out->values));
  for (const member_t* member = decl->members; member; member = member->next) {
    Fidl__Ir__ValueMember* to = arena_alloc(c->arena, sizeof(*to));
    fidl__ir__value_member__init(to);
    to->name = text_of(member->syntax->ident.name);
    to->value = ir_constant(c, &member->value, member->syntax->value);
    to->attributes = ir_attributes(c, member->syntax->attributes, &to->n_attributes);
    to->doc = doc_of(c, member->syntax->attributes);
    to->span = ir_span(c, member->syntax->ident.span);
    out->values[out->n_values++] = to;
  }
  if (decl->kind == DECL_BITS) {
    out->has_mask = true;
    out->mask = decl->mask;
  }
  if (decl->has_unknown_value) out->unknown_value = ir_constant(c, &decl->unknown_value, NULL);
}

static Fidl__Ir__Member* ir_member(compiler_t* c, const decl_t* decl, const member_t* member) {
  Fidl__Ir__Member* to = arena_alloc(c->arena, sizeof(*to));
  fidl__ir__member__init(to);
  to->name = text_of(member->syntax->ident.name);
  to->type = ir_type(c, member->type);
  to->attributes = ir_attributes(c, member->syntax->attributes, &to->n_attributes);
  to->doc = doc_of(c, member->syntax->attributes);
  to->span = ir_span(c, member->syntax->ident.span);
  if (decl->kind == DECL_STRUCT) {
    to->has_offset = true;
    to->offset = member->offset;
    to->has_padding = true;
    to->padding = member->padding;
    if (member->syntax->value) to->default_value = ir_constant(c, &member->value, member->syntax->value);
  } else {
    to->has_ordinal = true;
    to->ordinal = member->syntax->ordinal;
  }
  return to;
}

static int by_ordinal(const void* a, const void* b) {
  uint32_t left = (*(Fidl__Ir__Member* const*)a)->ordinal;
  uint32_t right = (*(Fidl__Ir__Member* const*)b)->ordinal;
  return left < right ? -1 : left > right;
}

static void set_members(compiler_t* c, Fidl__Ir__Decl* out, const decl_t* decl) {
  out->members = arena_alloc(c->arena, count_members(decl->members) * sizeof(*out->members));
  for (const member_t* member = decl->members; member; member = member->next) {
    out->members[out->n_members++] = ir_member(c, decl, member);
  }
  if (decl->kind == DECL_TABLE && out->n_members) {
    qsort(out->members, out->n_members, sizeof(*out->members), by_ordinal);
  }
}

static Fidl__Ir__Method* ir_method(compiler_t* c, const decl_t* protocol, const method_t* method) {
  static const Fidl__Ir__Method__Kind kKinds[] = {
      FIDL__IR__METHOD__KIND__ONE_WAY, FIDL__IR__METHOD__KIND__TWO_WAY, FIDL__IR__METHOD__KIND__EVENT};
  Fidl__Ir__Method* to = arena_alloc(c->arena, sizeof(*to));
  fidl__ir__method__init(to);
  to->name = text_of(method->syntax->ident.name);
  to->ordinal = method->ordinal;
  to->kind = kKinds[method->kind];
  to->strict = method->strict;
  if (method->request) to->request = ir_type(c, method->request);
  if (method->response) to->response = ir_type(c, method->response);
  to->has_result = method->has_result;
  if (method->success) to->success = ir_type(c, method->success);
  if (method->error) to->error = ir_type(c, method->error);
  to->attributes = ir_attributes(c, method->syntax->attributes, &to->n_attributes);
  to->doc = doc_of(c, method->syntax->attributes);
  to->span = ir_span(c, method->syntax->ident.span);
  if (method->owner != protocol) to->composed_from = (char*)(uintptr_t)decl_full_name(c, method->owner);
  to->selector = (char*)(uintptr_t)method->selector;
  return to;
}

static void set_protocol(compiler_t* c, Fidl__Ir__Decl* out, const decl_t* decl) {
  out->methods = arena_alloc(c->arena, decl->all_methods.count * sizeof(*out->methods));
  for (uint32_t i = 0; i < decl->all_methods.count; i++) {
    out->methods[out->n_methods++] = ir_method(c, decl, decl->all_methods.items[i]);
  }
  out->composes = arena_alloc(c->arena, decl->composed.count * sizeof(*out->composes));
  for (uint32_t i = 0; i < decl->composed.count; i++) {
    out->composes[out->n_composes++] = (char*)(uintptr_t)decl_full_name(c, decl->composed.items[i]);
  }
  out->has_openness = true;
  out->openness = decl->openness == W_OPEN   ? FIDL__IR__DECL__OPENNESS__OPEN
                  : decl->openness == W_AJAR ? FIDL__IR__DECL__OPENNESS__AJAR
                                             : FIDL__IR__DECL__OPENNESS__CLOSED;
  out->transport = (char*)(uintptr_t)decl->transport;
  if (decl->discoverable_name) out->discoverable_name = text_of(decl->discoverable_name);
}

static void set_service(compiler_t* c, Fidl__Ir__Decl* out, const decl_t* decl) {
  out->service_members = arena_alloc(c->arena, count_members(decl->members) * sizeof(*out->service_members));
  for (const member_t* member = decl->members; member; member = member->next) {
    Fidl__Ir__ServiceMember* to = arena_alloc(c->arena, sizeof(*to));
    fidl__ir__service_member__init(to);
    to->name = text_of(member->syntax->ident.name);
    to->type = ir_type(c, member->type);
    to->attributes = ir_attributes(c, member->syntax->attributes, &to->n_attributes);
    to->doc = doc_of(c, member->syntax->attributes);
    to->span = ir_span(c, member->syntax->ident.span);
    out->service_members[out->n_service_members++] = to;
  }
}

static void set_properties(compiler_t* c, Fidl__Ir__Decl* out, const decl_t* decl) {
  out->properties = arena_alloc(c->arena, count_members(decl->members) * sizeof(*out->properties));
  for (const member_t* member = decl->members; member; member = member->next) {
    Fidl__Ir__ResourceProperty* to = arena_alloc(c->arena, sizeof(*to));
    fidl__ir__resource_property__init(to);
    to->name = text_of(member->syntax->ident.name);
    to->type = ir_type(c, member->type);
    out->properties[out->n_properties++] = to;
  }
}

static void set_layout(compiler_t* c, Fidl__Ir__Decl* out, const decl_t* decl) {
  if (decl->kind != DECL_STRUCT && decl->kind != DECL_TABLE) {
    out->has_strict = true;
    out->strict = decl->strict;
  }
  if (decl->kind == DECL_BITS || decl->kind == DECL_ENUM) {
    set_values(c, out, decl);
    shape_t shape = {.inline_size = primitive_size(decl->type->primitive)};
    shape.alignment = shape.inline_size;
    out->shape = ir_shape(c, shape);
    return;
  }
  set_members(c, out, decl);
  out->has_resource = true;
  out->resource = decl->resource;
  out->shape = ir_shape(c, decl->shape);
}

static void set_context(compiler_t* c, Fidl__Ir__Decl* out, const decl_t* decl) {
  size_t count = 0;
  for (const context_name_t* context = decl->context; context; context = context->outer)
    count++;
  out->has_anonymous = true;
  out->anonymous = true;
  out->n_naming_context = count;
  out->naming_context = arena_alloc(c->arena, count * sizeof(char*));
  for (const context_name_t* context = decl->context; context; context = context->outer) {
    out->naming_context[--count] = (char*)(uintptr_t)context->name;
  }
}

static void set_marks(Fidl__Ir__Decl* out, const decl_t* decl) {
  if (decl->result_union) out->has_result_union = out->result_union = true;
  if (decl->empty_success) out->has_empty_success = out->empty_success = true;
  if (decl->payload) out->has_payload = out->payload = true;
}

static const Fidl__Ir__Decl__Kind kDeclKinds[] = {
    [DECL_CONST] = FIDL__IR__DECL__KIND__CONST,     [DECL_BITS] = FIDL__IR__DECL__KIND__BITS,
    [DECL_ENUM] = FIDL__IR__DECL__KIND__ENUM,       [DECL_STRUCT] = FIDL__IR__DECL__KIND__STRUCT,
    [DECL_TABLE] = FIDL__IR__DECL__KIND__TABLE,     [DECL_UNION] = FIDL__IR__DECL__KIND__UNION,
    [DECL_OVERLAY] = FIDL__IR__DECL__KIND__OVERLAY, [DECL_NEWTYPE] = FIDL__IR__DECL__KIND__NEWTYPE,
    [DECL_ALIAS] = FIDL__IR__DECL__KIND__ALIAS,     [DECL_PROTOCOL] = FIDL__IR__DECL__KIND__PROTOCOL,
    [DECL_SERVICE] = FIDL__IR__DECL__KIND__SERVICE, [DECL_RESOURCE] = FIDL__IR__DECL__KIND__RESOURCE,
};

Fidl__Ir__Decl* ir_decl(compiler_t* c, decl_t* decl) {
  Fidl__Ir__Decl* out = arena_alloc(c->arena, sizeof(*out));
  fidl__ir__decl__init(out);
  out->kind = kDeclKinds[decl->kind];
  out->name = (char*)(uintptr_t)decl_full_name(c, decl);
  out->attributes = ir_attributes(c, decl->attributes, &out->n_attributes);
  out->doc = doc_of(c, decl->attributes);
  out->span = ir_span(c, decl->span);
  if (decl->type) out->type = ir_type(c, decl->type);
  if (decl->kind == DECL_CONST) out->value = ir_constant(c, &decl->value, decl->syntax->value);
  if (decl->layout) set_layout(c, out, decl);
  if (decl->kind == DECL_NEWTYPE) out->shape = ir_shape(c, type_shape(decl->type));
  if (decl->kind == DECL_PROTOCOL) set_protocol(c, out, decl);
  if (decl->kind == DECL_SERVICE) set_service(c, out, decl);
  if (decl->kind == DECL_RESOURCE) set_properties(c, out, decl);
  if (decl->anonymous) set_context(c, out, decl);
  set_marks(out, decl);
  return out;
}
