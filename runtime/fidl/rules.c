// What is wrong with an object whose words broke a rule of its type: the slow look after the fast one.
#include <lib/fidl/type.h>

__attribute__((cold)) fidl_error_t fidl_broken_rule(const void* object, const fidl_rule_t* rules,
                                                    size_t num_rules, bool values_only) {
  for (size_t i = 0; i < num_rules; i++) {
    fidl_error_t error = (fidl_error_t)rules[i].error;
    bool is_padding = error == FIDL_ERROR_INVALID_PADDING_BYTE || error == FIDL_ERROR_INVALID_EMPTY_STRUCT;
    if (is_padding && values_only) continue;
    if (fidl_word(object, rules[i].offset, rules[i].size) & rules[i].mask) return error;
  }
  return FIDL_ERROR_NONE;
}

__attribute__((cold)) fidl_error_t fidl_broken_rule_of_elements(const void* elements, uint64_t count,
                                                                uint64_t stride, const fidl_rule_t* rules,
                                                                size_t num_rules, bool values_only) {
  fidl_error_t error = FIDL_ERROR_NONE;
  for (uint64_t i = 0; i < count && error == FIDL_ERROR_NONE; i++)
    error = fidl_broken_rule((const uint8_t*)elements + i * stride, rules, num_rules, values_only);
  return error;
}
