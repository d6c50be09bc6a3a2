// What must be 0 in values of fixed bytes.
#include "rules.h"

#include <inttypes.h>
#include <stdlib.h>

#include "names.h"

// More rules in an array than this are left to a loop.
#define MAX_RULES_OF_ARRAY 16

static void add(rules_t* rules, rule_t rule) {
  if (rules->count == rules->capacity) {
    rules->capacity = rules->capacity ? rules->capacity * 2 : 16;
    rules->items = realloc(rules->items, rules->capacity * sizeof(*rules->items));
    if (!rules->items) abort();
  }
  rules->items[rules->count++] = rule;
}

void rules_free(rules_t* rules) {
  free(rules->items);
  *rules = (rules_t){0};
}

static uint64_t mask_of(uint32_t size) {
  return UINT64_MAX >> (64 - 8 * size);
}

static void add_padding(rules_t* rules, uint32_t offset, uint32_t size) {
  if (size) add(rules, (rule_t){offset, size, mask_of(size), "FIDL_ERROR_INVALID_PADDING_BYTE", true});
}

static bool collect(model_t* model, const type_t* type, uint32_t offset, rules_t* rules);

static bool collect_struct(model_t* model, const decl_t* decl, uint32_t offset, rules_t* rules) {
  bool suffice = true;
  if (decl->n_members == 0) add(rules, (rule_t){offset, 1, 0xff, "FIDL_ERROR_INVALID_EMPTY_STRUCT", true});
  for (size_t i = 0; i < decl->n_members; i++) {
    const member_t* member = decl->members[i];
    uint32_t at = offset + member->offset;
    suffice &= collect(model, member->type, at, rules);
    add_padding(rules, at + member->type->shape->inline_size, member->padding);
  }
  return suffice;
}

static bool collect_decl(model_t* model, const decl_t* decl, uint32_t offset, rules_t* rules) {
  if (model_plain_decl(model, decl)) return true;
  uint32_t size;
  switch (decl->kind) {
    case FIDL__IR__DECL__KIND__ENUM:
      return !decl->strict;
    case FIDL__IR__DECL__KIND__BITS:
      size = decl->type->shape->inline_size;
      add(rules,
          (rule_t){offset, size, mask_of(size) & ~decl->mask, "FIDL_ERROR_STRICT_BITS_UNKNOWN_BIT", false});
      return true;
    case FIDL__IR__DECL__KIND__STRUCT:
      return collect_struct(model, decl, offset, rules);
    default:
      return false;
  }
}

static bool collect_array(model_t* model, const type_t* type, uint32_t offset, rules_t* rules) {
  size_t before = rules->count;
  for (uint32_t i = 0; i < type->count; i++) {
    if (!collect(model, type->element, offset + i * type->element->shape->inline_size, rules)) return false;
    if (rules->count - before > MAX_RULES_OF_ARRAY) return false;
  }
  return true;
}

// Adds the rules of a value at `offset`. If they don't suffice for it, none is added and false returned.
static bool collect(model_t* model, const type_t* type, uint32_t offset, rules_t* rules) {
  size_t before = rules->count;
  bool suffice = false;
  if (model_plain(model, type)) return true;
  type = model_resolve(model, type);
  if (type->kind == FIDL__IR__TYPE__KIND__PRIMITIVE) {
    add(rules, (rule_t){offset, 1, 0xfe, "FIDL_ERROR_INVALID_BOOLEAN", false});
    suffice = true;
  } else if (type->kind == FIDL__IR__TYPE__KIND__ARRAY) {
    suffice = collect_array(model, type, offset, rules);
  } else if (type->kind == FIDL__IR__TYPE__KIND__IDENTIFIER) {
    const decl_t* decl = model_find(model, type->identifier);
    suffice = decl && collect_decl(model, decl, offset, rules);
  }
  if (!suffice) rules->count = before;
  return suffice;
}

bool rules_suffice(model_t* model, const type_t* type) {
  rules_t rules = {0};
  bool suffice = !model_plain(model, type) && collect(model, type, 0, &rules);
  rules_free(&rules);
  return suffice;
}

bool rules_suffice_for_decl(model_t* model, const decl_t* decl) {
  rules_t rules = {0};
  bool suffice = !model_plain_decl(model, decl) && collect_decl(model, decl, 0, &rules);
  rules_free(&rules);
  return suffice;
}

rules_t rules_of_struct(model_t* model, const decl_t* decl) {
  rules_t rules = {.object_size = decl->shape->inline_size};
  collect_struct(model, decl, 0, &rules);
  return rules;
}

static bool is_of_kind(const rule_t* rule, rules_kind_t kind) {
  return kind == RULES_ALL || rule->padding == (kind == RULES_PADDING);
}

bool rules_have(const rules_t* rules, rules_kind_t kind) {
  for (size_t i = 0; i < rules->count; i++)
    if (is_of_kind(&rules->items[i], kind)) return true;
  return false;
}

// The naturally aligned word of the object in which the byte at `offset` stands.
static rule_t word_at(const rules_t* rules, uint32_t offset) {
  uint32_t size = 8;
  while ((offset & ~(size - 1)) + size > rules->object_size)
    size /= 2;
  return (rule_t){.offset = offset & ~(size - 1), .size = size};
}

// The words with rules of the kind, in order; what each may not have is in its mask.
static rules_t words_of(const rules_t* rules, rules_kind_t kind) {
  rules_t words = {0};
  for (size_t i = 0; i < rules->count; i++) {
    const rule_t* rule = &rules->items[i];
    if (!is_of_kind(rule, kind)) continue;
    rule_t word = word_at(rules, rule->offset);
    size_t place = 0;
    while (place < words.count && words.items[place].offset != word.offset)
      place++;
    if (place == words.count) add(&words, word);
    words.items[place].mask |= rule->mask << (8 * (rule->offset - word.offset));
  }
  return words;
}

static const char* mask_literal(uint64_t mask) {
  return text_format(mask > UINT32_MAX ? "UINT64_C(0x%" PRIx64 ")" : "0x%" PRIx64 "u", mask);
}

// The words that `begin` ("fidl_word(x") tells of, masked and joined.
static const char* joined(const rules_t* rules, rules_kind_t kind, const char* begin) {
  rules_t words = words_of(rules, kind);
  text_t text = {0};
  for (size_t i = 0; i < words.count; i++)
    text_add(&text, "%s(%s, %u, %u) & %s)", i ? " | " : "", begin, words.items[i].offset, words.items[i].size,
             mask_literal(words.items[i].mask));
  const char* result = text_format(words.count > 1 ? "(%s)" : "%s", text_string(&text));
  text_free(&text);
  rules_free(&words);
  return result;
}

const char* rules_expression(const rules_t* rules, rules_kind_t kind, const char* address) {
  return joined(rules, kind, text_format("fidl_word(%s", address));
}

const char* rules_expression_for_all(const rules_t* rules, rules_kind_t kind, const char* data,
                                     const char* count) {
  return joined(rules, kind, text_format("fidl_any_word(%s, %s, sizeof(*%s)", data, count, data));
}

void rules_clear(const rules_t* rules, text_t* out, const char* indent, const char* address) {
  rules_t words = words_of(rules, RULES_PADDING);
  for (size_t i = 0; i < words.count; i++)
    text_add(out, "%sfidl_clear(%s, %u, %u, %s);\n", indent, address, words.items[i].offset,
             words.items[i].size, mask_literal(words.items[i].mask));
  rules_free(&words);
}

void rules_emit_declaration(model_t* model, text_t* out, const decl_t* decl) {
  if (decl->kind != FIDL__IR__DECL__KIND__STRUCT) return;
  rules_t rules = rules_of_struct(model, decl);
  if (rules.count)
    text_add(out, "extern const fidl_rule_t %s_rules_[%zu];\n", c_name(decl->name), rules.count);
  rules_free(&rules);
}

void rules_emit_table(model_t* model, text_t* out, const decl_t* decl) {
  if (decl->kind != FIDL__IR__DECL__KIND__STRUCT) return;
  rules_t rules = rules_of_struct(model, decl);
  if (rules.count) text_add(out, "const fidl_rule_t %s_rules_[%zu] = {\n", c_name(decl->name), rules.count);
  for (size_t i = 0; i < rules.count; i++)
    text_add(out, "    {%u, %u, %s, %s},\n", rules.items[i].offset, rules.items[i].size, rules.items[i].error,
             mask_literal(rules.items[i].mask));
  if (rules.count) text_add(out, "};\n\n");
  rules_free(&rules);
}
