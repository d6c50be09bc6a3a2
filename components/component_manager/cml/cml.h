// A component manifest in memory: what a .cml file says, every word of it with its place in the text.
//
// cml_load() reads a file and what it includes; cml_validate() then applies every rule that can be checked
// without looking at other components. Sections 1 to 6 of the CML facts, by number, are what this implements;
// dictionaries are not supported and refused with a message of their own.
#ifndef COMPONENT_MANAGER_CML_CML_H_
#define COMPONENT_MANAGER_CML_CML_H_

#include "arena.h"
#include "diagnostic.h"
#include "json5.h"

typedef enum cml_type {
  CML_PROTOCOL,
  CML_SERVICE,
  CML_DIRECTORY,
  CML_STORAGE,
  CML_RUNNER,
  CML_RESOLVER,
  CML_EVENT_STREAM,
  CML_TYPE_COUNT,
} cml_type_t;

typedef enum cml_section {
  CML_CAPABILITIES = 1,
  CML_USE = 2,
  CML_EXPOSE = 4,
  CML_OFFER = 8,
} cml_section_t;

typedef enum cml_ref_kind {
  CML_REF_PARENT,
  CML_REF_SELF,
  CML_REF_FRAMEWORK,
  CML_REF_DEBUG,
  CML_REF_VOID,
  CML_REF_ALL,
  CML_REF_NAMED,  // "#name"
} cml_ref_kind_t;

typedef enum cml_availability {
  CML_REQUIRED,
  CML_OPTIONAL,
  CML_TRANSITIONAL,
  CML_SAME_AS_TARGET,
} cml_availability_t;

// Rights of a directory capability, after expansion of the aliases ("r*" ...).
enum {
  CML_RIGHT_CONNECT = 1,
  CML_RIGHT_ENUMERATE = 2,
  CML_RIGHT_EXECUTE = 4,
  CML_RIGHT_GET_ATTRIBUTES = 8,
  CML_RIGHT_MODIFY_DIRECTORY = 16,
  CML_RIGHT_READ_BYTES = 32,
  CML_RIGHT_TRAVERSE = 64,
  CML_RIGHT_UPDATE_ATTRIBUTES = 128,
  CML_RIGHT_WRITE_BYTES = 256,
};

// `text` is NULL where the manifest says nothing.
typedef struct cml_string {
  const char* text;
  cml_location_t location;
} cml_string_t;

typedef struct cml_strings {
  cml_string_t* items;
  size_t count;
} cml_strings_t;

typedef struct cml_ref {
  cml_ref_kind_t kind;
  const char* name;  // of CML_REF_NAMED, without "#"
  cml_location_t location;
} cml_ref_t;

typedef struct cml_refs {
  cml_ref_t* items;
  size_t count;
} cml_refs_t;

// One entry of `capabilities`, `use`, `expose` or `offer`. A location with a NULL source: the key is absent.
typedef struct cml_clause {
  cml_location_t location;
  cml_section_t section;
  cml_type_t type;
  bool has_type;
  cml_strings_t names;  // the value of the type key
  cml_refs_t from;      // use: parent unless given
  cml_refs_t to;        // expose: parent unless given
  cml_refs_t scope;
  cml_string_t as;
  cml_string_t path;
  cml_string_t subdir;
  cml_string_t backing_dir;
  cml_string_t storage_id;
  uint32_t rights;
  cml_location_t rights_location;
  bool weak;
  cml_location_t dependency_location;
  cml_availability_t availability;
  cml_location_t availability_location;
  bool source_unknown;  // source_availability: "unknown"
  const json5_value_t* filter;
} cml_clause_t;

typedef struct cml_clauses {
  cml_clause_t* items;
  size_t count;
} cml_clauses_t;

typedef struct cml_child {
  cml_location_t location;
  cml_string_t name;
  cml_string_t url;
  cml_string_t environment;  // without "#"
  bool eager;
  bool reboot_on_terminate;
} cml_child_t;

typedef struct cml_collection {
  cml_location_t location;
  cml_string_t name;
  cml_string_t environment;
  bool has_durability;
  bool single_run;
  bool dynamic_offers;
  bool allow_long_names;
  bool persistent_storage;
} cml_collection_t;

// An entry of an environment's runners, resolvers or debug.
typedef struct cml_registration {
  cml_location_t location;
  cml_type_t type;  // CML_RUNNER, CML_RESOLVER, CML_PROTOCOL
  cml_string_t name;
  cml_ref_t from;
  cml_string_t as;
  cml_string_t scheme;
} cml_registration_t;

typedef struct cml_environment {
  cml_location_t location;
  cml_string_t name;
  bool extends_realm;
  cml_location_t extends_location;
  cml_registration_t* registrations;
  size_t registration_count;
  uint32_t stop_timeout_ms;
  cml_location_t stop_timeout_location;
} cml_environment_t;

typedef struct cml_config_field {
  cml_location_t location;
  cml_string_t key;
  const json5_value_t* definition;
} cml_config_field_t;

typedef struct cml_document {
  const cml_source_t* source;  // of the file itself, not of what it includes
  cml_location_t location;
  bool has_program;
  cml_string_t runner;  // of program
  json5_value_t program;
  cml_child_t* children;
  size_t child_count;
  cml_collection_t* collections;
  size_t collection_count;
  cml_environment_t* environments;
  size_t environment_count;
  cml_clauses_t capabilities, use, expose, offer;
  json5_value_t facets;  // JSON5_NULL if absent
  bool has_config;
  cml_location_t config_location;
  cml_config_field_t* config;
  size_t config_count;
  cml_strings_t include;
  cml_strings_t disable_must_offer, disable_must_use;
} cml_document_t;

// Reads the manifest in the file `path`, with everything it includes merged in. `root` is the folder that
// "//" at the start of an include means; other includes are relative to the file they stand in. False with
// `error` filled.
bool cml_load(cml_arena_t* arena, const char* path, const char* root, cml_document_t* out,
              cml_error_t* error);

// Reads one manifest from memory without following its includes. `source` must outlive the document.
bool cml_read(cml_arena_t* arena, const cml_source_t* source, cml_document_t* out, cml_error_t* error);

// Applies all rules to a document. False with the first violation in `error`.
bool cml_validate(cml_arena_t* arena, const cml_document_t* document, cml_error_t* error);

// The name the target of a clause's entry goes by: `as` if given.
const char* cml_target_name(const cml_clause_t* clause, size_t name_index);

// Where a capability is seen in the namespace of its user, or served in the outgoing directory of its
// provider: `path`, or /svc/<name>. NULL for the types that have no path.
const char* cml_target_path(cml_arena_t* arena, const cml_clause_t* clause, size_t name_index);

const cml_child_t* cml_find_child(const cml_document_t* document, const char* name);
const cml_collection_t* cml_find_collection(const cml_document_t* document, const char* name);
const cml_environment_t* cml_find_environment(const cml_document_t* document, const char* name);

// The clause of `capabilities` that declares `name`, NULL if there is none.
const cml_clause_t* cml_find_capability(const cml_document_t* document, cml_type_t type, const char* name);

// "protocol", "event_stream" ...
const char* cml_type_name(cml_type_t type);

// "parent", "#name" ...; `buffer` has room for any name.
#define CML_REF_TEXT_MAX 1040
const char* cml_ref_text(const cml_ref_t* ref, char buffer[CML_REF_TEXT_MAX]);

#endif  // COMPONENT_MANAGER_CML_CML_H_
