// The small languages inside a manifest's strings: names, references, paths, URLs, rights. Each function
// reads a JSON5 value that must be a string of its form, and fails with a "ParseError" that shows it
// otherwise.
#ifndef COMPONENT_MANAGER_CML_WORDS_H_
#define COMPONENT_MANAGER_CML_WORDS_H_

#include "cml.h"

typedef struct cml_reader {
  cml_arena_t* arena;
  cml_error_t* error;
} cml_reader_t;

bool cml_read_string(cml_reader_t* reader, const json5_value_t* value, const char* what, cml_string_t* out);
bool cml_read_name(cml_reader_t* reader, const json5_value_t* value, const char* what, cml_string_t* out);
bool cml_read_path(cml_reader_t* reader, const json5_value_t* value, const char* what, cml_string_t* out);
bool cml_read_relative_path(cml_reader_t* reader, const json5_value_t* value, const char* what,
                            cml_string_t* out);
bool cml_read_url(cml_reader_t* reader, const json5_value_t* value, const char* what, cml_string_t* out);
bool cml_read_config_key(cml_reader_t* reader, const json5_member_t* member, cml_string_t* out);
bool cml_read_bool(cml_reader_t* reader, const json5_value_t* value, const char* what, bool* out);

// One word of a list; `*out` is its index. `words` ends with NULL.
bool cml_read_word(cml_reader_t* reader, const json5_value_t* value, const char* what,
                   const char* const* words, size_t* out);

// "#name", or one of the keywords whose bits (1 << CML_REF_...) are in `allowed`.
bool cml_read_ref(cml_reader_t* reader, const json5_value_t* value, const char* what, uint32_t allowed,
                  cml_ref_t* out);

// One, or a non-empty array without repetitions.
bool cml_read_names(cml_reader_t* reader, const json5_value_t* value, const char* what, cml_strings_t* out);
bool cml_read_refs(cml_reader_t* reader, const json5_value_t* value, const char* what, uint32_t allowed,
                   cml_refs_t* out);

bool cml_read_strings(cml_reader_t* reader, const json5_value_t* value, const char* what, cml_strings_t* out);
bool cml_read_rights(cml_reader_t* reader, const json5_value_t* value, uint32_t* out);

// Fails unless `value` is of the type.
bool cml_expect(cml_reader_t* reader, const json5_value_t* value, json5_type_t type, const char* what);

// Fails with what keys there are, and the nearest one to `member`'s. `keys` ends with NULL.
bool cml_unknown_key(cml_reader_t* reader, const json5_member_t* member, const char* where,
                     const char* const* keys);

// The member of `words` (ending with NULL) that `word` most likely means, NULL if none is near.
const char* cml_nearest(const char* word, const char* const* words);

#endif  // COMPONENT_MANAGER_CML_WORDS_H_
