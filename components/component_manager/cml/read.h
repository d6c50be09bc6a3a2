// The parts of reading a manifest that lie in different files.
#ifndef COMPONENT_MANAGER_CML_READ_H_
#define COMPONENT_MANAGER_CML_READ_H_

#include "words.h"

// Reads one section of clauses (an array of objects) and appends them to `out`.
bool cml_read_clauses(cml_reader_t* reader, const json5_value_t* value, cml_section_t section,
                      cml_clauses_t* out);

// Reads `environments`.
bool cml_read_environments(cml_reader_t* reader, const json5_value_t* value, cml_document_t* out);

// Adds everything `from` says to `into` (include).
bool cml_merge(cml_reader_t* reader, cml_document_t* into, const cml_document_t* from);

#endif  // COMPONENT_MANAGER_CML_READ_H_
