// Every rule of the validator, by its number in the CML facts: a manifest that breaks it, the class of the
// error, a part of the message and the line; and manifests that break none.
#include <string.h>

#include "cml.h"
#include "jx_test.h"

static cml_arena_t* arena;
static cml_error_t error;

static void make_arena(void) {
  arena = cml_arena_create();
}

static void drop_arena(void) {
  cml_arena_destroy(arena);
}

static bool accepts(const char* text) {
  cml_source_t* source = cml_arena_alloc(arena, sizeof *source);
  cml_document_t document;
  *source = (cml_source_t){"t.cml", text, strlen(text)};
  return cml_read(arena, source, &document, &error) && cml_validate(arena, &document, &error);
}

static const char* const fine[] = {
    "{}",
    "{ program: { runner: 'elf', binary: 'bin/x' } }",
    "{ use: [{ runner: 'elf' }], program: { binary: 'x' } }",
    "{ use: [{ protocol: ['a', 'b'] }, { directory: 'd', path: '/data', rights: ['r*'] }, { storage: 's', "
    "path: '/cache' }] }",
    "{ use: [{ protocol: 'a', from: 'debug' }, { protocol: 'b', from: 'framework' },\n"
    "        { event_stream: ['started', 'stopped'], scope: '#c' }],\n children: [{ name: 'c', url: "
    "'#meta/c.cml' }] }",
    "{ capabilities: [{ protocol: 'p' }, { directory: 'd', path: '/d', rights: ['rw*'] },\n"
    " { storage: 's', from: 'self', backing_dir: 'd', storage_id: 'static_instance_id', subdir: 'x' },\n"
    " { runner: 'r', path: '/svc/R' }, { resolver: 'v', path: '/svc/V' }],\n expose: [{ protocol: 'p', from: "
    "'self' },\n"
    " { protocol: 'p', from: 'self', to: 'framework' }, { directory: 'd', from: 'self', as: 'e', rights: "
    "['r*'] }] }",
    "{ children: [{ name: 'a', url: '#meta/a.cml', startup: 'eager', environment: '#e' }, { name: 'b', url: "
    "'x://h/b' }],\n"
    " collections: [{ name: 'c', durability: 'transient' }],\n"
    " environments: [{ name: 'e', extends: 'realm', runners: [{ runner: 'r', from: 'parent' }] }],\n"
    " offer: [{ protocol: 'p', from: '#b', to: ['#a', '#c'] }, { protocol: 'q', from: 'parent', to: 'all' "
    "},\n"
    " { protocol: 'q', from: 'parent', to: '#a' }, { protocol: 'v', from: 'void', to: '#a', availability: "
    "'optional' },\n"
    " { service: 's', from: ['#b', '#c'], to: '#a' }, { protocol: 'w', from: '#a', to: '#b', dependency: "
    "'weak' },\n"
    " { protocol: 'u', from: '#gone', to: '#a', source_availability: 'unknown' }] }",
    "{ config: { key_1: { type: 'vector', max_count: 3, element: { type: 'string', max_size: 5 } }, on: { "
    "type: 'bool' } } }",
    "{ facets: { anything: [1, { goes: null }] }, disable: { must_use_protocol: ['a'] } }",
};

START_TEST(a_manifest_that_breaks_no_rule_is_accepted) {
  ck_assert_msg(accepts(fine[_i]), "%s\n%s: %s", fine[_i], error.error_class, error.message);
}
END_TEST

#define C2 "children: [{ name: 'a', url: '#meta/a.cml' }, { name: 'b', url: '#meta/b.cml' }],\n"

typedef struct violation {
  unsigned rule;
  const char* text;
  const char* error_class;
  const char* message;
  uint32_t line;
} violation_t;

static const violation_t violations[] = {
    // 1: form
    {1, "{ us: [] }", "ParseError", "a manifest has no key \"us\"", 1},
    {1, "{ use: {} }", "ParseError", "use must be an array, not an object", 1},
    {1, "[]", "ParseError", "a manifest must be an object", 1},
    {1, "{\n use: [{ protocl: 'a' }] }", "ParseError", "a clause of use has no key \"protocl\"", 2},
    {1, "{ use: [{ protocol: 'a', as: 'b' }] }", "ParseError", "has no key \"as\"", 1},
    {1, "{ use: [{ protocol: [] }] }", "ParseError", "empty array", 1},
    {1, "{ use: [{ protocol: ['a', 'a'] }] }", "ParseError", "twice", 1},
    {1, "{ use: [{ protocol: '' }] }", "ParseError", "empty", 1},
    {1, "{ use: [{ protocol: '-a' }] }", "ParseError", "begin with", 1},
    {1, "{ use: [{ protocol: 'a b' }] }", "ParseError", "only letters", 1},
    {1, "{ use: [{ protocol: 'a\\0' }] }", "ParseError", "NUL", 1},
    {1, "{ use: [{ protocol: 'a', path: 'svc/a' }] }", "ParseError", "begin with \"/\"", 1},
    {1, "{ use: [{ protocol: 'a', path: '/svc//a' }] }", "ParseError", "empty segment", 1},
    {1, "{ use: [{ protocol: 'a', path: '/svc/' }] }", "ParseError", "empty segment", 1},
    {1, "{ use: [{ protocol: 'a', path: '/' }] }", "ParseError", "empty segment", 1},
    {1, "{ use: [{ protocol: 'a', path: '/svc/../a' }] }", "ParseError", "\"..\"", 1},
    {1, "{ use: [{ protocol: 'a', availability: 'maybe' }] }", "ParseError", "it is \"required\"", 1},
    {1, "{ use: [{ protocol: 'a', from: 'void' }] }", "ParseError", "from cannot be \"void\"", 1},
    {1, "{ use: [{ protocol: 'a', from: 'parent/d' }] }", "ParseError", "from cannot be", 1},
    {1, "{ use: [{ directory: 'd', path: '/d', rights: ['read'] }] }", "ParseError", "a right cannot be", 1},
    {1, "{ use: [{ dictionary: 'd' }] }", "ParseError", "dictionaries are not supported", 1},
    {1, "{ offer: [{ protocol: 'p', from: 'parent', to: 'a' }] }", "ParseError", "to cannot be \"a\"", 1},
    {1, "{ children: [{ name: 'a', url: 'a.cml' }] }", "ParseError", "needs a fragment", 1},
    {1, "{ children: [{ name: 'a', url: 'x://' }] }", "ParseError", "needs a host", 1},
    {1, "{ children: [{ name: 'a', url: '#a b' }] }", "ParseError", "no URL may have", 1},
    {1, "{ children: [{ name: 'a', url: '#m', startup: 'late' }] }", "ParseError",
     "it is \"lazy\" or \"eager\"", 1},
    {1, "{ environments: [{ name: 'e', __stop_timeout_ms: 1.5 }] }", "ParseError", "whole number", 1},
    {1, "{ program: 'elf' }", "ParseError", "program must be an object", 1},
    {1, "{ children: [{ url: '#m' }] }", "MissingField", "needs \"name\"", 1},
    {1, "{ children: [{ name: 'a' }] }", "MissingField", "#a needs \"url\"", 1},
    {1, "{ collections: [{ name: 'a' }] }", "MissingField", "needs \"durability\"", 1},
    // 2: names
    {2, "{ children: [{ name: 'a', url: '#m' },\n { name: 'a', url: '#n' }] }", "DuplicateField",
     "name of a child already", 2},
    {2, "{ children: [{ name: 'a', url: '#m' }], collections: [{ name: 'a', durability: 'transient' }] }",
     "DuplicateField", "a child already", 1},
    {2, "{ children: [{ name: 'r', url: '#m' }], capabilities: [{ runner: 'r', path: '/r' }] }",
     "DuplicateField", "a child already", 1},
    {2, "{ children: [{ name: 'e', url: '#m' }], environments: [{ name: 'e', extends: 'realm' }] }",
     "DuplicateField", "a child already", 1},
    // 3: environments
    {3, "{ children: [{ name: 'a', url: '#m', environment: '#e' }] }", "InvalidEnvironment",
     "no environment named \"e\"", 1},
    {3, "{ collections: [{ name: 'a', durability: 'single_run', environment: '#e' }] }", "InvalidEnvironment",
     "collection #a", 1},
    // 4: the capability keyword
    {4, "{ use: [{ path: '/svc/a' }] }", "MissingField", "names no capability", 1},
    {4, "{ use: [{ protocol: 'a', service: 'b' }] }", "ExtraneousField", "of type protocol already", 1},
    // 5: declarations
    {5, "{ capabilities: [{ directory: 'd', rights: ['r*'] }] }", "MissingField", "needs \"path\"", 1},
    {5, "{ capabilities: [{ directory: 'd', path: '/d' }] }", "MissingField", "needs \"rights\"", 1},
    {5, "{ capabilities: [{ storage: 's', backing_dir: 'd', storage_id: 'static_instance_id' }] }",
     "MissingField", "needs \"from\"", 1},
    {5, "{ capabilities: [{ storage: 's', from: 'parent', storage_id: 'static_instance_id' }] }",
     "MissingField", "needs \"backing_dir\"", 1},
    {5, "{ capabilities: [{ storage: 's', from: 'parent', backing_dir: 'd' }] }", "MissingField",
     "needs \"storage_id\"", 1},
    {5,
     "{ capabilities: [{ storage: 's', from: 'parent', backing_dir: 'd', storage_id: 'static_instance_id', "
     "path: '/s' }] }",
     "ExtraneousField", "no \"path\"", 1},
    {5, "{ capabilities: [{ runner: 'r' }] }", "MissingField", "needs \"path\"", 1},
    {5, "{ capabilities: [{ resolver: 'r', path: '/r', from: 'self' }] }", "ExtraneousField", "no \"from\"",
     1},
    {5, "{ capabilities: [{ protocol: 'p', rights: ['r*'] }] }", "ExtraneousField", "no \"rights\"", 1},
    // 6
    {6, "{ capabilities: [{ protocol: 'p' },\n { protocol: ['q', 'p'] }] }", "DuplicateField",
     "\"p\" is declared already", 2},
    // 7
    {7, "{ use: [{ protocol: ['a', 'b'], path: '/svc/x' }] }", "ExtraneousField", "several names", 1},
    {7, "{ offer: [{ protocol: ['a', 'b'], from: 'parent', to: '#a', as: 'x' }], " C2 "}", "ExtraneousField",
     "several names", 1},
    // 8: use
    {8, "{ use: [{ directory: 'd', rights: ['r*'] }] }", "MissingField", "needs \"path\"", 1},
    {8, "{ use: [{ storage: 's' }] }", "MissingField", "needs \"path\"", 1},
    {8, "{ use: [{ directory: 'd', path: '/d' }] }", "MissingField", "needs \"rights\"", 1},
    {8, "{ use: [{ storage: 's', path: '/s', from: 'parent' }] }", "InvalidField", "leave \"from\" out", 1},
    {8, "{ use: [{ service: 's', from: 'debug' }] }", "InvalidField",
     "only a protocol can come from \"debug\"", 1},
    {8, "{ use: [{ protocol: 'p', filter: {} }] }", "InvalidField", "has a filter", 1},
    {8, "{ use: [{ protocol: 'p', availability: 'same_as_target' }] }", "InvalidField", "offer and expose",
     1},
    {8, "{ use: [{ event_stream: 'started', from: 'self' }] }", "InvalidField", "\"self\"", 1},
    {8, "{ use: [{ event_stream: 'started', availability: 'optional' }] }", "InvalidField", "always required",
     1},
    {8, "{ use: [{ runner: 'a' }, { runner: 'b' }] }", "InvalidField", "one runner", 1},
    {8, "{ use: [{ runner: 'a' }], program: { runner: 'elf' } }", "InvalidField", "so does \"use\"", 1},
    {8, "{ use: [{ protocol: 'p', rights: ['r*'] }] }", "InvalidField", "only a directory has rights", 1},
    {8, "{ use: [{ resolver: 'p' }] }", "InvalidField", "registered in an environment", 1},
    // 9
    {9, "{ use: [{ protocol: 'a' },\n { protocol: 'b', path: '/svc/a' }] }", "DuplicateField",
     "at /svc/a already", 2},
    // 10
    {10, "{ use: [{ directory: 'd', path: '/pkg/d', rights: ['r*'] }] }", "PkgPathOverlap", "/pkg", 1},
    {10, "{ use: [{ protocol: 'p', path: '/pkg/p' }] }", "PkgPathOverlap", "/pkg", 1},
    // 11
    {11, "{ use: [{ protocol: 'a' }, { directory: 'd', path: '/svc', rights: ['r*'] }] }",
     "InvalidPathOverlap", "/svc overlaps", 1},
    {11, "{ use: [{ storage: 's', path: '/a' }, { directory: 'd', path: '/a/b', rights: ['r*'] }] }",
     "InvalidPathOverlap", "overlaps", 1},
    {11, "{ use: [{ protocol: 'a' }, { protocol: 'b', path: '/svc/x/b' }] }", "InvalidPathOverlap",
     "overlaps", 1},
    // 12
    {12, "{ use: [{ protocol: 'a', dependency: 'weak' }] }", "InvalidField", "weak dependency", 1},
    // 13
    {13, "{ use: [{ protocol: 'p', from: '#c' }], " C2 "}", "InvalidChild", "no child named \"c\"", 1},
    {13, "{ expose: [{ protocol: 'p', from: '#aa' }], " C2 "}", "InvalidChild", "no child named \"aa\"", 1},
    {13, "{ offer: [{ protocol: 'p', from: '#x', to: '#a' }], " C2 "}", "InvalidChild", "offer: protocol p",
     1},
    {13,
     "{ capabilities: [{ storage: 's', from: '#x', backing_dir: 'd', storage_id: 'static_instance_id' }] }",
     "InvalidChild", "no child", 1},
    {13, "{ environments: [{ name: 'e', extends: 'realm', runners: [{ runner: 'r', from: '#x' }] }] }",
     "InvalidChild", "environment #e", 1},
    {13, "{ offer: [{ event_stream: 's', from: 'parent', to: '#a', scope: '#x' }], " C2 "}", "InvalidChild",
     "no child or collection", 1},
    // 14
    {14, "{ expose: [{ protocol: 'p', from: 'self' }] }", "InvalidCapability",
     "declares no protocol named \"p\"", 1},
    {14, "{ capabilities: [{ service: 'p' }], expose: [{ protocol: 'p', from: 'self' }] }",
     "InvalidCapability", "no protocol", 1},
    {14, "{ offer: [{ protocol: 'p', from: 'self', to: '#a' }], " C2 "}", "InvalidCapability",
     "offer: protocol p", 1},
    {14, "{ use: [{ protocol: 'p', from: 'self' }] }", "InvalidCapability", "use: protocol p", 1},
    {14,
     "{ capabilities: [{ storage: 's', from: 'self', backing_dir: 'd', storage_id: 'static_instance_id' }] }",
     "InvalidCapability", "no directory", 1},
    // 15
    {15, "{ offer: [{ protocol: 'p', from: 'parent', to: '#c' }],\n" C2 "}", "InvalidChild",
     "no child or collection named \"c\"", 1},
    // 16
    {16,
     "{ offer: [{ protocol: 'p', from: 'parent', to: '#a' },\n { protocol: 'q', from: '#b', to: '#a', as: "
     "'p' }], " C2 "}",
     "DuplicateField", "#a is given a \"p\" already", 2},
    {16, "{ expose: [{ protocol: 'p', from: '#a' }, { protocol: 'p', from: '#b' }], " C2 "}",
     "DuplicateField", "parent is given", 1},
    {16,
     "{ offer: [{ protocol: 'p', from: 'parent', to: 'all' }, { protocol: 'p', from: 'parent', to: 'all' "
     "}], " C2 "}",
     "DuplicateField", "all is given", 1},
    {16,
     "{ offer: [{ protocol: 'p', from: 'parent', to: 'all' }, { protocol: 'p', from: '#b', to: '#a' }], " C2
     "}",
     "DuplicateField", "#a is given", 1},
    // 17
    {17, "{ offer: [{ protocol: 'p', from: '#a', to: ['#b', '#a'] }], " C2 "}", "OfferTargetEqualsSource",
     "#a itself", 1},
    // 18
    {18, "{ offer: [{ storage: 's', from: '#a', to: '#b' }], " C2 "}", "InvalidField",
     "not offered from a child", 1},
    {18, "{ expose: [{ storage: 's', from: 'self' }] }", "InvalidField", "storage is not exposed", 1},
    // 19
    {19, "{ offer: [{ service: 's', from: 'parent', to: '#b', dependency: 'weak' }], " C2 "}",
     "ExtraneousField", "has a dependency", 1},
    // 20
    {20, "{ offer: [{ protocol: 'p', from: ['parent', '#a'], to: '#b' }], " C2 "}", "InvalidAggregateOffer",
     "only a service", 1},
    {20,
     "{ offer: [{ service: 'p', from: '#a', to: '#b' }, { service: 'p', from: 'parent', to: '#b', "
     "availability: 'optional' }], " C2 "}",
     "DifferentAvailabilityInAggregation", "different availability", 1},
    {20, "{ offer: [{ service: 'p', from: ['#a', '#a'], to: '#b' }], " C2 "}", "ParseError", "twice", 1},
    // 21
    {21, "{ offer: [{ protocol: 'p', from: 'void', to: '#b' }], " C2 "}", "AvailabilityMustBeOptional",
     "\"void\"", 1},
    {21,
     "{ offer: [{ protocol: 'p', from: '#x', to: '#b', source_availability: 'unknown', availability: "
     "'required' }], " C2 "}",
     "AvailabilityMustBeOptional", "unknown source", 1},
    // 22
    {22, "{ expose: [{ protocol: 'p', from: '#a', to: 'framework' }], " C2 "}", "InvalidField",
     "from \"self\"", 1},
    {22,
     "{ capabilities: [{ directory: 'd', path: '/d', rights: ['r*'] }], expose: [{ directory: 'd', from: "
     "'self', to: 'framework', subdir: 'x' }] }",
     "InvalidField", "no subdir", 1},
    // 23
    {23, "{ use: [{ directory: 'd', path: '/d', rights: ['r*', 'connect'] }] }", "DuplicateField",
     "repeats rights", 1},
    {23, "{ use: [{ directory: 'd', path: '/d', rights: ['r*', 'w*'] }] }", "DuplicateField",
     "repeats rights", 1},
    // 24
    {24, "{ program: { binary: 'bin/x' } }", "MissingField", "no \"runner\"", 1},
    // 25
    {25,
     "{ environments: [{ name: 'e', extends: 'realm', runners: [{ runner: 'r', from: 'parent' }, { runner: "
     "'q', as: 'r', from: 'parent' }] }] }",
     "DuplicateField", "runner for \"r\"", 1},
    {25,
     "{ environments: [{ name: 'e', extends: 'realm', resolvers: [{ resolver: 'r', from: 'parent', scheme: "
     "'x' }, { resolver: 'q', from: 'parent', scheme: 'x' }] }] }",
     "DuplicateField", "resolver for \"x\"", 1},
    {25, "{ environments: [{ name: 'e', extends: 'realm', runners: [{ runner: 'r', from: 'self' }] }] }",
     "InvalidRunner", "declares no such runner", 1},
    {25, "{ environments: [{ name: 'e', extends: 'none' }] }", "MissingField", "__stop_timeout_ms", 1},
    {25, "{ environments: [{ name: 'e' }] }", "MissingField", "__stop_timeout_ms", 1},
    {25,
     "{ environments: [{ name: 'e', extends: 'realm', resolvers: [{ resolver: 'r', from: 'parent' }] }] }",
     "MissingField", "needs \"scheme\"", 1},
    // 26
    {26,
     "{ " C2 " offer: [{ protocol: 'p', from: '#a', to: '#b' }, { protocol: 'q', from: '#b', to: '#a' }] }",
     "DependencyCycle", "#a -> #b -> #a", 1},
    {26,
     "{ " C2 " capabilities: [{ protocol: 'p' }], offer: [{ protocol: 'p', from: 'self', to: '#b' }], use: "
             "[{ protocol: 'q', from: '#b' }] }",
     "DependencyCycle", "self -> #b -> self", 1},
    {26,
     "{ children: [{ name: 'a', url: '#m', environment: '#e' }], environments: [{ name: 'e', extends: "
     "'realm', runners: [{ runner: 'r', from: '#a' }] }] }",
     "DependencyCycle", "#a -> #e -> #a", 1},
    // 27
    {27, "{ config: {} }", "InvalidField", "must not be empty", 1},
    {27, "{ config: { Key: { type: 'bool' } } }", "InvalidField", "no valid key", 1},
    {27, "{ config: { key_: { type: 'bool' } } }", "InvalidField", "no valid key", 1},
    {27,
     "{ config: { k: { type: 'vector', max_count: 1, element: { type: 'vector', max_count: 1, element: { "
     "type: 'bool' } } } } }",
     "NestedVector", "holds no vectors", 1},
    {27, "{ config: { k: { type: 'string' } } }", "MissingField", "max_size", 1},
    {27, "{ config: { k: { type: 'string', max_size: 0 } } }", "InvalidField", "above 0", 1},
    {27, "{ config: { k: { type: 'float' } } }", "ParseError", "type cannot be", 1},
};

START_TEST(a_manifest_that_breaks_a_rule_is_refused_with_its_class) {
  const violation_t* violation = &violations[_i];
  uint32_t line, column;
  ck_assert_msg(!accepts(violation->text), "rule %u: accepted %s", violation->rule, violation->text);
  ck_assert_msg(strcmp(error.error_class, violation->error_class) == 0, "rule %u: %s\n%s: %s",
                violation->rule, violation->text, error.error_class, error.message);
  ck_assert_msg(strstr(error.message, violation->message), "rule %u: %s", violation->rule, error.message);
  ck_assert_ptr_nonnull(error.location.source);
  cml_location_position(error.location, &line, &column);
  ck_assert_uint_eq(line, violation->line);
}
END_TEST

START_TEST(a_mistyped_key_or_name_is_suggested) {
  ck_assert(!accepts("{ childern: [] }"));
  ck_assert_str_eq(error.advice, "did you mean \"children\"?");
  ck_assert(!accepts(
      "{ children: [{ name: 'netstack', url: '#m' }], expose: [{ protocol: 'p', from: '#netstak' }] }"));
  ck_assert_str_eq(error.advice, "did you mean \"#netstack\"?");
}
END_TEST

START_TEST(weak_offers_close_no_cycle) {
  ck_assert(accepts("{ " C2 " offer: [{ protocol: 'p', from: '#a', to: '#b' }, { protocol: 'q', from: '#b', "
                            "to: '#a', dependency: 'weak' }] }"));
}
END_TEST

START_TEST(every_cycle_is_told) {
  ck_assert(
      !accepts("{ children: [{ name: 'a', url: '#m' }, { name: 'b', url: '#m' }, { name: 'c', url: '#m' }, { "
               "name: 'd', url: '#m' }],\n"
               " offer: [{ protocol: 'p', from: '#a', to: '#b' }, { protocol: 'p', from: '#b', to: '#a' },\n"
               " { protocol: 'p', from: '#c', to: '#d' }, { protocol: 'p', from: '#d', to: '#c' }] }"));
  ck_assert_ptr_nonnull(strstr(error.message, "#a -> #b -> #a; #c -> #d -> #c"));
}
END_TEST

int main(void) {
  Suite* suite = suite_create("validate");
  TCase* tc = jx_test_case(suite, "validate");
  tcase_add_checked_fixture(tc, make_arena, drop_arena);
  tcase_add_loop_test(tc, a_manifest_that_breaks_no_rule_is_accepted, 0, sizeof fine / sizeof *fine);
  tcase_add_loop_test(tc, a_manifest_that_breaks_a_rule_is_refused_with_its_class, 0,
                      sizeof violations / sizeof *violations);
  tcase_add_test(tc, a_mistyped_key_or_name_is_suggested);
  tcase_add_test(tc, weak_offers_close_no_cycle);
  tcase_add_test(tc, every_cycle_is_told);
  return jx_test_run(suite);
}
