// The names that a library's C takes.
#include "claims.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "emit.h"
#include "names.h"
#include "protocol.h"

static void claim(claims_t* claims, const char* c, const char* fidl, const Fidl__Ir__SourceSpan* span) {
  if (claims->count == claims->capacity) {
    claims->capacity = claims->capacity ? claims->capacity * 2 : 64;
    claims->items = realloc(claims->items, claims->capacity * sizeof(*claims->items));
    if (!claims->items) abort();
  }
  claims->items[claims->count++] = (claim_t){c, fidl, span};
}

void claims_free(claims_t* claims) {
  free(claims->items);
  *claims = (claims_t){0};
}

// "NAME" + each of the suffixes, all for one declaration or member.
static void claim_suffixed(claims_t* claims, const char* name, const char* const* suffixes, const char* fidl,
                           const Fidl__Ir__SourceSpan* span) {
  for (; *suffixes; suffixes++)
    claim(claims, text_format("%s%s", name, *suffixes), fidl, span);
}

#define SUFFIXES(...) ((const char* const[]){__VA_ARGS__, NULL})

static const char* type_text(const type_t* type) {
  switch (type->kind) {
    case FIDL__IR__TYPE__KIND__VECTOR:
      return text_format("vector<%s>", type_text(type->element));
    case FIDL__IR__TYPE__KIND__ARRAY:
      return text_format("array<%s, %" PRIu64 ">", type_text(type->element), type->count);
    case FIDL__IR__TYPE__KIND__STRING_ARRAY:
      return text_format("string_array<%" PRIu64 ">", type->count);
    case FIDL__IR__TYPE__KIND__BOX:
      return text_format("box<%s>", type_text(type->element));
    case FIDL__IR__TYPE__KIND__POINTER:
      return text_format("experimental_pointer<%s>", type_text(type->element));
    case FIDL__IR__TYPE__KIND__IDENTIFIER:
      return type->identifier;
    default:
      return "";
  }
}

// The vectors that a type is made of, where the headers of the runtime don't have them.
static void claim_vectors(model_t* model, claims_t* claims, const type_t* type) {
  for (; type; type = type->element) {
    if (type->kind != FIDL__IR__TYPE__KIND__VECTOR) continue;
    const char* element = type_text(type->element);
    const char* mangled = c_mangle(model, type->element);
    if (!element[0]) continue;
    claim(claims, text_format("fidl_vector_%s_t", mangled), text_format("vector<%s>", element), NULL);
  }
}

static void claim_table_member(model_t* model, claims_t* claims, const decl_t* decl, const member_t* member,
                               const char* fidl) {
  static const char* const prefixes[] = {"", "has_", "set_", "mutable_", "take_"};
  for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
    if (i < 3 || (i == 3 && types_has_mutable(model, member->type)) ||
        (i == 4 && types_has_take(model, member->type)))
      claim(claims, types_accessor(decl, prefixes[i], member), fidl, member->span);
}

static void claim_members(model_t* model, claims_t* claims, const decl_t* decl) {
  const char* name = c_name(decl->name);
  for (size_t i = 0; i < decl->n_members; i++) {
    const member_t* member = decl->members[i];
    const char* fidl = text_format("%s.%s", decl->name, member->name);
    claim_vectors(model, claims, member->type);
    if (decl->kind == FIDL__IR__DECL__KIND__TABLE)
      claim_table_member(model, claims, decl, member, fidl);
    else if (decl->kind != FIDL__IR__DECL__KIND__STRUCT)
      claim(claims, text_format("%s_Tag_%s", name, member->name), fidl, member->span);
    if (decl->kind == FIDL__IR__DECL__KIND__UNION && !decl->result_union)
      claim(claims, text_format("%s_with_%s", name, member->name), fidl, member->span);
    if (decl->kind == FIDL__IR__DECL__KIND__UNION) {
      claim(claims, text_format("%s_encode_content_of_%s_", name, member->name), fidl, member->span);
      claim(claims, text_format("%s_encode_at_content_of_%s_", name, member->name), fidl, member->span);
    }
  }
}

static void claim_layout(model_t* model, claims_t* claims, const decl_t* decl) {
  const char* name = c_name(decl->name);
  claim(claims, name, decl->name, decl->span);
  claim_suffixed(claims, name,
                 SUFFIXES("_type_", "_rules_", "_encode_", "_decode_", "_encode_at_", "_decode_at_", "_add_",
                          "_check_", "_close_", "_add_optional_", "_check_optional_", "_close_optional_",
                          "_optional_type_", "_encode_members_", "_encode_texts_", "_close_handles"),
                 decl->name, decl->span);
  if (decl->kind == FIDL__IR__DECL__KIND__TABLE)
    claim_suffixed(claims, name, SUFFIXES("_frame_t", "_init"), decl->name, decl->span);
  claim_members(model, claims, decl);
}

static void claim_values(claims_t* claims, const decl_t* decl) {
  const char* name = c_name(decl->name);
  claim(claims, name, decl->name, decl->span);
  claim(claims, text_format(decl->kind == FIDL__IR__DECL__KIND__BITS ? "%s_MASK" : "%s_is_known", name),
        decl->name, decl->span);
  for (size_t i = 0; i < decl->n_values; i++)
    claim(claims, text_format("%s_%s", name, decl->values[i]->name),
          text_format("%s.%s", decl->name, decl->values[i]->name), decl->values[i]->span);
}

static void claim_method(model_t* model, claims_t* claims, const decl_t* protocol, const method_t* method) {
  const char* name = protocol_method_name(protocol, method);
  const char* fidl = text_format("%s.%s", protocol->name, method->name);
  claim_suffixed(claims, name, SUFFIXES("_ORDINAL", "_method_", "_serve_"), fidl, method->span);
  if (method->kind == FIDL__IR__METHOD__KIND__EVENT) {
    claim(claims, text_format("%s_send", name), fidl, method->span);
    return;
  }
  claim(claims, name, fidl, method->span);
  if (method->kind != FIDL__IR__METHOD__KIND__TWO_WAY) return;
  claim_suffixed(claims, name, SUFFIXES("_RESPONSE_SIZE", "_async", "_callback_t", "_deliver_", "_reply"),
                 fidl, method->span);
  if (method->error) claim(claims, text_format("%s_reply_error", name), fidl, method->span);
}

static void claim_protocol(model_t* model, claims_t* claims, const decl_t* protocol) {
  const char* name = c_name(protocol->name);
  if (!protocol_on_channels(protocol)) return;
  if (protocol->discoverable_name)
    claim(claims, text_format("%s_NAME", name), protocol->name, protocol->span);
  claim_suffixed(claims, name,
                 SUFFIXES("_event_ops_t", "_client_bind", "_ops_t", "_bind", "_dispatch_", "_dispatch_event_",
                          "_protocol_"),
                 protocol->name, protocol->span);
  for (size_t i = 0; i < protocol->n_methods; i++)
    claim_method(model, claims, protocol, protocol->methods[i]);
}

static void claim_service(claims_t* claims, const decl_t* service) {
  const char* name = c_name(service->name);
  claim(claims, text_format("%s_SERVICE", name), service->name, service->span);
  for (size_t i = 0; i < service->n_service_members; i++)
    claim(claims, text_format("%s_SERVICE_%s", name, service->service_members[i]->name),
          text_format("%s.%s", service->name, service->service_members[i]->name), service->span);
}

static void claim_decl(model_t* model, claims_t* claims, const decl_t* decl) {
  if (decl->type) claim_vectors(model, claims, decl->type);
  switch (decl->kind) {
    case FIDL__IR__DECL__KIND__BITS:
    case FIDL__IR__DECL__KIND__ENUM:
      claim_values(claims, decl);
      break;
    case FIDL__IR__DECL__KIND__STRUCT:
    case FIDL__IR__DECL__KIND__TABLE:
    case FIDL__IR__DECL__KIND__UNION:
    case FIDL__IR__DECL__KIND__OVERLAY:
      claim_layout(model, claims, decl);
      break;
    case FIDL__IR__DECL__KIND__PROTOCOL:
      claim_protocol(model, claims, decl);
      break;
    case FIDL__IR__DECL__KIND__SERVICE:
      claim_service(claims, decl);
      break;
    case FIDL__IR__DECL__KIND__CONST:
    case FIDL__IR__DECL__KIND__NEWTYPE:
    case FIDL__IR__DECL__KIND__ALIAS:
      if (decl->type) claim(claims, c_name(decl->name), decl->name, decl->span);
      break;
    default:
      break;
  }
}

static int compare_claims(const void* a, const void* b) {
  const claim_t *x = a, *y = b;
  int order = strcmp(x->c, y->c);
  return order ? order : strcmp(x->fidl, y->fidl);
}

claims_t claims_collect(model_t* model) {
  claims_t claims = {0};
  for (size_t i = 0; i < model->num_decls; i++)
    claim_decl(model, &claims, model->decls[i]);
  if (claims.count) qsort(claims.items, claims.count, sizeof(*claims.items), compare_claims);
  return claims;
}

static const char* described(const claim_t* claim) {
  if (!claim->span) return claim->fidl;
  return text_format("%s (%s:%u:%u)", claim->fidl, claim->span->file, claim->span->line, claim->span->column);
}

static bool is_same_pair(const claim_t* a, const claim_t* b) {
  return strcmp(a[0].fidl, b[0].fidl) == 0 && strcmp(a[1].fidl, b[1].fidl) == 0;
}

size_t claims_collisions(const claims_t* claims, char** out, size_t max) {
  const claim_t* last = NULL;  // two declarations that collide often do so in many names
  size_t count = 0;
  for (size_t i = 0; i + 1 < claims->count; i++) {
    const claim_t* pair = &claims->items[i];
    if (strcmp(pair[0].c, pair[1].c) != 0 || strcmp(pair[0].fidl, pair[1].fidl) == 0) continue;
    if (last && is_same_pair(last, pair)) continue;
    last = pair;
    if (count < max)
      out[count] = text_format("in C, %s and %s would both be named %s: rename one of them",
                               described(&pair[0]), described(&pair[1]), pair[0].c);
    count++;
  }
  return count;
}
