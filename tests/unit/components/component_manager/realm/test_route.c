// Routes through trees of manifests: where they end, and what is said where they break.
#include "route.h"

#include <string.h>
#include <sys/stat.h>

#include "jx_test.h"
#include "package_fixture.h"
#include "realm_check.h"
#include "show.h"

#define CHILDREN "children: [{ name: 'a', url: '#meta/a.cml' }, { name: 'b', url: '#meta/b.cml' }],\n"
#define PROGRAM "program: { runner: 'elf', binary: 'bin/x' },\n"

static realm_t realm;
static cml_error_t error;

static void write_binary(void) {
  package_write("bin/x", "");
  chmod(package_path("bin/x"), 0755);
}

// Writes a tree of a root and its children a and b and routes a's first use.
static bool route(const char* root, const char* a, const char* b, realm_route_t* out) {
  package_write("meta/root.cml", root);
  package_write("meta/a.cml", a);
  package_write("meta/b.cml", b);
  ck_assert_msg(package_load(&realm, &error), "%s: %s", error.error_class, error.message);
  realm_instance_t* user = realm_child(realm.root, "a");
  return realm_route_use(&realm, user, &user->document.use.items[0], 0, out, &error);
}

START_TEST(an_offer_from_a_sibling_leads_to_its_declaration) {
  realm_route_t out;
  ck_assert(route("{ " CHILDREN " offer: [{ protocol: 'q', from: '#b', to: '#a', as: 'p' }] }",
                  "{ use: [{ protocol: 'p' }] }",
                  "{ capabilities: [{ protocol: 'r', path: '/svc/special' }], expose: [{ protocol: 'r', "
                  "from: 'self', as: 'q' }] }",
                  &out));
  ck_assert_int_eq(out.source, REALM_SOURCE_COMPONENT);
  ck_assert_str_eq(out.provider->moniker, "b");
  ck_assert_str_eq(out.name, "r");
  ck_assert_str_eq(out.path, "/svc/special");
  ck_assert_uint_eq(out.step_count, 4);
}
END_TEST

START_TEST(the_parent_itself_can_provide) {
  realm_route_t out;
  ck_assert(route("{ " CHILDREN
                  " capabilities: [{ protocol: 'p' }], offer: [{ protocol: 'p', from: 'self', to: 'all' }] }",
                  "{ use: [{ protocol: 'p' }] }", "{}", &out));
  ck_assert_ptr_eq(out.provider, realm.root);
}
END_TEST

START_TEST(what_the_component_manager_has_comes_from_above_the_root) {
  realm_route_t out;
  ck_assert(route("{ " CHILDREN
                  " offer: [{ protocol: 'jacinth.host.Network', from: 'parent', to: '#a', as: 'net' }] }",
                  "{ use: [{ protocol: 'net' }] }", "{}", &out));
  ck_assert_int_eq(out.source, REALM_SOURCE_BUILTIN);
  ck_assert_str_eq(out.name, "jacinth.host.Network");
  ck_assert(realm_uses_builtin(&realm, realm_child(realm.root, "a"), REALM_BUILTIN_NETWORK));
  ck_assert(!realm_uses_builtin(&realm, realm_child(realm.root, "b"), REALM_BUILTIN_NETWORK));
}
END_TEST

START_TEST(a_grandchild_is_reached_through_two_exposes) {
  realm_route_t out;
  package_write("meta/c.cml",
                "{ capabilities: [{ protocol: 'p' }], expose: [{ protocol: 'p', from: 'self' }] }");
  ck_assert(route(
      "{ " CHILDREN " offer: [{ protocol: 'p', from: '#b', to: '#a' }] }", "{ use: [{ protocol: 'p' }] }",
      "{ children: [{ name: 'c', url: '#meta/c.cm' }], expose: [{ protocol: 'p', from: '#c' }] }", &out));
  ck_assert_str_eq(out.provider->moniker, "b/c");
}
END_TEST

START_TEST(what_is_exposed_to_the_framework_too_reaches_the_parent) {
  realm_route_t out;
  ck_assert(route("{ " CHILDREN " offer: [{ protocol: 'p', from: '#b', to: '#a' }] }",
                  "{ use: [{ protocol: 'p' }] }",
                  "{ capabilities: [{ protocol: 'p' }],\n"
                  " expose: [{ protocol: 'p', from: 'self', to: ['framework', 'parent'] }] }",
                  &out));
  ck_assert_str_eq(out.provider->moniker, "b");
}
END_TEST

START_TEST(rights_and_subdirs_are_joined_along_the_way) {
  realm_route_t out;
  ck_assert(route("{ " CHILDREN " offer: [{ directory: 'd', from: '#b', to: '#a', subdir: 'y' }] }",
                  "{ use: [{ directory: 'd', path: '/d', rights: ['r*'], subdir: 'z' }] }",
                  "{ capabilities: [{ directory: 'd', path: '/out', rights: ['rw*'] }],\n"
                  " expose: [{ directory: 'd', from: 'self', subdir: 'x', rights: ['r*'] }] }",
                  &out));
  ck_assert_str_eq(out.path, "/out");
  ck_assert_str_eq(out.subdir, "x/y/z");
}
END_TEST

static const struct {
  const char* root;
  const char* a;
  const char* b;
  const char* error_class;
  const char* message;
} broken[] = {
    {"{ " CHILDREN " }", "{ use: [{ protocol: 'p' }] }", "{}", "UseFromParentNotFound", "not offered to #a"},
    {"{ " CHILDREN " offer: [{ protocol: 'p', from: 'parent', to: '#a' }] }", "{ use: [{ protocol: 'p' }] }",
     "{}", "OfferFromComponentManagerNotFound", "component manager has no such protocol"},
    {"{ " CHILDREN " offer: [{ protocol: 'p', from: '#b', to: '#a' }] }", "{ use: [{ protocol: 'p' }] }",
     "{}", "OfferFromChildExposeNotFound", "#b does not expose it"},
    {"{ " CHILDREN " offer: [{ protocol: 'p', from: '#b', to: '#a' }] }", "{ use: [{ protocol: 'p' }] }",
     "{ expose: [{ protocol: 'p', from: 'framework' }] }", "CapabilityFromFrameworkNotFound", "framework"},
    {"{ " CHILDREN " offer: [{ protocol: 'p', from: 'void', to: '#a', availability: 'optional' }] }",
     "{ use: [{ protocol: 'p' }] }", "{}", "AvailabilityError", "required"},
    {"{ " CHILDREN " offer: [{ protocol: 'p', from: '#b', to: '#a', availability: 'optional' }] }",
     "{ use: [{ protocol: 'p' }] }",
     "{ capabilities: [{ protocol: 'p' }], expose: [{ protocol: 'p', from: 'self' }] }", "AvailabilityError",
     "does not promise"},
    {"{ " CHILDREN " offer: [{ directory: 'd', from: '#b', to: '#a', rights: ['r*'] }] }",
     "{ use: [{ directory: 'd', path: '/d', rights: ['rw*'] }] }",
     "{ capabilities: [{ directory: 'd', path: '/d', rights: ['rw*'] }], expose: [{ directory: 'd', from: "
     "'self' }] }",
     "RightsError", "more rights"},
    {"{ " CHILDREN " }", "{ use: [{ protocol: 'p', from: 'debug' }] }", "{}", "UseFromEnvironmentNotFound",
     "debug"},
};

START_TEST(a_broken_route_says_where_it_breaks) {
  realm_route_t out;
  ck_assert(!route(broken[_i].root, broken[_i].a, broken[_i].b, &out));
  ck_assert_str_eq(error.error_class, broken[_i].error_class);
  ck_assert_msg(strstr(error.message, broken[_i].message), "%s", error.message);
  ck_assert_ptr_nonnull(error.location.source);
}
END_TEST

START_TEST(an_optional_use_of_void_is_no_error) {
  realm_route_t out;
  ck_assert(route("{ " CHILDREN
                  " offer: [{ protocol: 'p', from: 'void', to: '#a', availability: 'optional' }] }",
                  "{ use: [{ protocol: 'p', availability: 'optional' }] }", "{}", &out));
  ck_assert_int_eq(out.source, REALM_SOURCE_VOID);
}
END_TEST

START_TEST(a_debug_protocol_comes_from_the_environment) {
  realm_route_t out;
  ck_assert(
      route("{ children: [{ name: 'a', url: '#meta/a.cml', environment: '#e' }, { name: 'b', url: "
            "'#meta/b.cml' }],\n"
            " environments: [{ name: 'e', extends: 'realm', debug: [{ protocol: 'p', from: '#b' }] }] }",
            "{ use: [{ protocol: 'p', from: 'debug' }] }",
            "{ capabilities: [{ protocol: 'p' }], expose: [{ protocol: 'p', from: 'self' }] }", &out));
  ck_assert_str_eq(out.provider->moniker, "b");
}
END_TEST

static void count_warning(void* context, const cml_error_t* warning) {
  ++*(int*)context;
}

START_TEST(checking_a_tree_finds_the_one_bad_route_in_it) {
  write_binary();
  package_write("meta/root.cml", "{ " CHILDREN " offer: [{ protocol: 'p', from: '#b', to: '#a' }] }");
  package_write("meta/b.cml",
                "{ " PROGRAM
                " capabilities: [{ protocol: 'p' }], expose: [{ protocol: 'p', from: 'self' }] }");
  package_write("meta/a.cml",
                "{ " PROGRAM " use: [{ protocol: 'p' }, { protocol: 'maybe', availability: 'optional' }] }");
  int warnings = 0;
  ck_assert(package_load(&realm, &error));
  ck_assert_msg(realm_check(&realm, count_warning, &warnings, &error), "%s", error.message);
  ck_assert_int_eq(warnings, 1);
  package_write("meta/a.cml", "{ " PROGRAM " use: [{ protocol: ['p', 'gone'] }] }");
  ck_assert(package_load(&realm, &error));
  ck_assert(!realm_check(&realm, count_warning, &warnings, &error));
  ck_assert_ptr_nonnull(strstr(error.message, "gone, used by a"));
}
END_TEST

START_TEST(a_program_that_cannot_serve_is_no_provider) {
  write_binary();
  package_write("meta/root.cml", "{ " CHILDREN " offer: [{ protocol: 'p', from: '#b', to: '#a' }] }");
  package_write("meta/b.cml",
                "{ program: { runner: 'posix', binary: 'bin/x' },\n"
                " capabilities: [{ protocol: 'p' }], expose: [{ protocol: 'p', from: 'self' }] }");
  package_write("meta/a.cml", "{ " PROGRAM " use: [{ protocol: 'p' }] }");
  ck_assert(package_load(&realm, &error));
  ck_assert(!realm_check(&realm, NULL, NULL, &error));
  ck_assert_str_eq(error.error_class, "InvalidCapability");
  ck_assert_ptr_nonnull(strstr(error.message, "serves nothing"));
}
END_TEST

START_TEST(a_variable_is_the_socket_of_some_program) {
  write_binary();
  package_write("meta/root.cml", "{ " CHILDREN " }");
  package_write("meta/a.cml",
                "{ program: { runner: 'posix', binary: 'bin/x', args: ['${s}', '${t:-1}', '$HOME'] } }");
  package_write(
      "meta/b.cml",
      "{ program: { runner: 'posix', binary: 'bin/x', sockets: [{ name: 's', datagram: '127.0.0.1:0' }] } }");
  ck_assert(package_load(&realm, &error));
  ck_assert_msg(realm_check(&realm, NULL, NULL, &error), "%s", error.message);
  package_write("meta/a.cml", "{ program: { runner: 'posix', binary: 'bin/x', environ: ['A=${t}'] } }");
  ck_assert(package_load(&realm, &error) && !realm_check(&realm, NULL, NULL, &error));
  ck_assert_ptr_nonnull(strstr(error.message, "no component has a socket named \"t\""));
}
END_TEST

static const struct {
  const char* url;
  const char* message;  // NULL: it is found
} urls[] = {
    {"#meta/a%20b.cml", NULL},
    {"#meta%2fa%20b.cm", NULL},
    {"#meta/a%2zb.cml", "hexadecimal"},
    {"#meta/a%", "hexadecimal"},
    {"#meta/a%00.cml", "hexadecimal"},
    {"#../a.cml", "does not lie"},
    {"#meta/%2e./meta/a%20b.cml", "does not lie"},
    {"file:///gone%20b.cml", "there is no manifest"},
    {"sample://a", "nothing here"},
};

START_TEST(urls_are_decoded_and_stay_within_the_package) {
  package_write("meta/a b.cml", "{}");
  package_write("meta/root.cml",
                cml_arena_printf(package_arena, "{ children: [{ name: 'a', url: '%s' }] }", urls[_i].url));
  ck_assert_int_eq(package_load(&realm, &error), urls[_i].message == NULL);
  if (!urls[_i].message) return;
  ck_assert_str_eq(error.error_class, "InstanceCannotResolve");
  ck_assert_msg(strstr(error.message, urls[_i].message), "%s", error.message);
}
END_TEST

START_TEST(a_file_url_with_blanks_is_found) {
  package_write("meta/a b.cml", "{}");
  package_write("meta/root.cml",
                cml_arena_printf(package_arena, "{ children: [{ name: 'a', url: 'file://%s' }] }",
                                 package_path("meta/a%20b.cml")));
  ck_assert_msg(package_load(&realm, &error), "%s", error.message);
  ck_assert_str_eq(realm.root->children[0]->path, package_path("meta/a b.cml"));
}
END_TEST

START_TEST(a_child_without_a_manifest_is_told) {
  package_write("meta/root.cml", "{ " CHILDREN " }");
  ck_assert(!package_load(&realm, &error));
  ck_assert_str_eq(error.error_class, "InstanceCannotResolve");
  ck_assert_ptr_nonnull(strstr(error.message, "#meta/a.cml"));
}
END_TEST

START_TEST(a_tree_without_end_is_refused) {
  package_write("meta/root.cml", "{ children: [{ name: 'a', url: '#meta/a.cml' }] }");
  package_write("meta/a.cml", "{ children: [{ name: 'again', url: '#meta/root.cml' }] }");
  ck_assert(!package_load(&realm, &error));
  ck_assert_ptr_nonnull(strstr(error.message, "no end"));
}
END_TEST

START_TEST(the_main_instance_is_the_facet_or_the_root_with_a_program) {
  realm_instance_t* main_instance;
  package_write("meta/a.cml", "{}");
  package_write("meta/b.cml", "{}");
  package_write("meta/root.cml", "{ " CHILDREN " facets: { main: '#b' } }");
  ck_assert(package_load(&realm, &error) && realm_main_instance(&realm, &main_instance, &error));
  ck_assert_str_eq(main_instance->name, "b");
  package_write("meta/root.cml", "{ " CHILDREN " }");
  ck_assert(package_load(&realm, &error) && realm_main_instance(&realm, &main_instance, &error));
  ck_assert_ptr_null(main_instance);
  package_write("meta/root.cml", "{ " PROGRAM " }");
  ck_assert(package_load(&realm, &error) && realm_main_instance(&realm, &main_instance, &error));
  ck_assert_ptr_eq(main_instance, realm.root);
  package_write("meta/root.cml", "{ facets: { main: '#b' } }");
  ck_assert(package_load(&realm, &error) && !realm_main_instance(&realm, &main_instance, &error));
}
END_TEST

START_TEST(the_publisher_is_the_facet_or_nobody) {
  realm_instance_t* publisher;
  package_write("meta/a.cml", "{}");
  package_write("meta/b.cml", "{}");
  package_write("meta/root.cml", "{ " CHILDREN " facets: { publisher: '#b' } }");
  ck_assert(package_load(&realm, &error) && realm_publisher_instance(&realm, &publisher, &error));
  ck_assert_str_eq(publisher->name, "b");
  package_write("meta/root.cml", "{ " PROGRAM " }");
  ck_assert(package_load(&realm, &error) && realm_publisher_instance(&realm, &publisher, &error));
  ck_assert_ptr_null(publisher);
  package_write("meta/root.cml", "{ facets: { publisher: 'b' } }");
  ck_assert(package_load(&realm, &error) && !realm_publisher_instance(&realm, &publisher, &error));
}
END_TEST

START_TEST(stop_timeouts_come_from_the_nearest_environment) {
  package_write("meta/root.cml",
                "{ children: [{ name: 'a', url: '#meta/a.cml', environment: '#e' }],\n"
                " environments: [{ name: 'e', extends: 'none', __stop_timeout_ms: 70 }] }");
  package_write("meta/a.cml", "{ children: [{ name: 'b', url: '#meta/b.cml' }] }");
  package_write("meta/b.cml", "{}");
  ck_assert(package_load(&realm, &error));
  ck_assert_uint_eq(realm_stop_timeout_ms(realm.root->children[0]->children[0]), 70);
  ck_assert_uint_eq(realm_stop_timeout_ms(realm.root), REALM_DEFAULT_STOP_TIMEOUT_MS);
}
END_TEST

START_TEST(the_tree_and_its_routes_are_drawn) {
  char text[1024] = {0};
  FILE* out = fmemopen(text, sizeof text, "w");
  package_write("meta/root.cml", "{ " CHILDREN " offer: [{ protocol: 'p', from: '#b', to: '#a' }] }");
  package_write("meta/a.cml", "{ use: [{ protocol: 'p' }] }");
  package_write("meta/b.cml",
                "{ capabilities: [{ protocol: 'p' }], expose: [{ protocol: 'p', from: 'self' }] }");
  ck_assert(package_load(&realm, &error));
  realm_show_tree(&realm, out, NULL, NULL);
  realm_show_routes(&realm, out);
  fclose(out);
  ck_assert_str_eq(text, "root\n├─ a\n└─ b\na uses protocol p from b (through root's offer, b's expose)\n");
}
END_TEST

int main(void) {
  Suite* suite = suite_create("route");
  TCase* tc = jx_test_case(suite, "route");
  tcase_add_checked_fixture(tc, package_set_up, package_tear_down);
  tcase_add_test(tc, an_offer_from_a_sibling_leads_to_its_declaration);
  tcase_add_test(tc, the_parent_itself_can_provide);
  tcase_add_test(tc, what_the_component_manager_has_comes_from_above_the_root);
  tcase_add_test(tc, a_grandchild_is_reached_through_two_exposes);
  tcase_add_test(tc, what_is_exposed_to_the_framework_too_reaches_the_parent);
  tcase_add_test(tc, rights_and_subdirs_are_joined_along_the_way);
  tcase_add_loop_test(tc, a_broken_route_says_where_it_breaks, 0, sizeof broken / sizeof *broken);
  tcase_add_test(tc, an_optional_use_of_void_is_no_error);
  tcase_add_test(tc, a_debug_protocol_comes_from_the_environment);
  tcase_add_test(tc, checking_a_tree_finds_the_one_bad_route_in_it);
  tcase_add_test(tc, a_program_that_cannot_serve_is_no_provider);
  tcase_add_test(tc, a_variable_is_the_socket_of_some_program);
  tcase_add_loop_test(tc, urls_are_decoded_and_stay_within_the_package, 0, sizeof urls / sizeof *urls);
  tcase_add_test(tc, a_file_url_with_blanks_is_found);
  tcase_add_test(tc, a_child_without_a_manifest_is_told);
  tcase_add_test(tc, a_tree_without_end_is_refused);
  tcase_add_test(tc, the_main_instance_is_the_facet_or_the_root_with_a_program);
  tcase_add_test(tc, the_publisher_is_the_facet_or_nobody);
  tcase_add_test(tc, stop_timeouts_come_from_the_nearest_environment);
  tcase_add_test(tc, the_tree_and_its_routes_are_drawn);
  return jx_test_run(suite);
}
