// The order in which children are stopped: whoever needs another goes before it.
#include <string.h>

#include "dependencies.h"
#include "jx_test.h"

static cml_arena_t* arena;

static void make_arena(void) {
  arena = cml_arena_create();
}

static void drop_arena(void) {
  cml_arena_destroy(arena);
}

static const char* order_of(const char* text) {
  cml_source_t source = {"t.cml", text, strlen(text)};
  cml_document_t document;
  cml_dependencies_t graph;
  cml_error_t error;
  size_t order[8];
  ck_assert_msg(cml_read(arena, &source, &document, &error), "%s", error.message);
  cml_dependencies_init(&graph, arena, &document);
  cml_stop_order(&graph, arena, &document, order);
  const char* out = "";
  for (size_t i = 0; i < document.child_count; i++) {
    out = cml_arena_printf(arena, "%s%s ", out, document.children[order[i]].name.text);
  }
  return out;
}

#define ABC "children: [{ name: 'a', url: '#m' }, { name: 'b', url: '#m' }, { name: 'c', url: '#m' }]"

START_TEST(consumers_stop_before_their_providers) {
  ck_assert_str_eq(
      order_of(
          "{ " ABC
          ", offer: [{ protocol: 'p', from: '#a', to: '#b' }, { protocol: 'q', from: '#b', to: '#c' }] }"),
      "c b a ");
  ck_assert_str_eq(
      order_of(
          "{ " ABC
          ", offer: [{ protocol: 'p', from: '#c', to: '#b' }, { protocol: 'q', from: '#b', to: '#a' }] }"),
      "a b c ");
}
END_TEST

START_TEST(an_environment_carries_the_dependency_on_a_runner) {
  ck_assert_str_eq(
      order_of("{ children: [{ name: 'a', url: '#m' }, { name: 'b', url: '#m', environment: '#e' }],\n"
               " environments: [{ name: 'e', extends: 'realm', runners: [{ runner: 'r', from: '#a' }] }] }"),
      "b a ");
}
END_TEST

START_TEST(weak_offers_do_not_order) {
  ck_assert_str_eq(order_of("{ " ABC ", offer: [{ protocol: 'p', from: '#a', to: '#c', dependency: 'weak' }, "
                                     "{ protocol: 'q', from: '#c', to: '#a' }] }"),
                   "a b c ");
}
END_TEST

START_TEST(storage_counts_as_where_it_comes_from) {
  ck_assert_str_eq(order_of("{ " ABC ", capabilities: [{ storage: 's', from: '#a', backing_dir: 'd', "
                                     "storage_id: 'static_instance_id' }],\n"
                            " offer: [{ storage: 's', from: 'self', to: '#b' }] }"),
                   "b a c ");
}
END_TEST

int main(void) {
  Suite* suite = suite_create("dependencies");
  TCase* tc = jx_test_case(suite, "dependencies");
  tcase_add_checked_fixture(tc, make_arena, drop_arena);
  tcase_add_test(tc, consumers_stop_before_their_providers);
  tcase_add_test(tc, an_environment_carries_the_dependency_on_a_runner);
  tcase_add_test(tc, weak_offers_do_not_order);
  tcase_add_test(tc, storage_counts_as_where_it_comes_from);
  return jx_test_run(suite);
}
