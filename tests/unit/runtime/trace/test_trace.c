#include <jx_test.h>
#include <lib/trace/trace.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void* shared_memory(size_t size) {
  void* memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ck_assert_ptr_ne(memory, MAP_FAILED);
  return memory;
}

START_TEST(points_cost_nothing_and_record_nothing_until_attached) {
  ck_assert(!trace_enabled());
  trace_point("nobody.listens", 1);
  trace_record("nobody.listens", 1);
  ck_assert(!trace_enabled());
}
END_TEST

START_TEST(records_come_back_in_order_with_names_and_arguments) {
  void* memory = shared_memory(TRACE_BUFFER_MIN_BYTES);
  trace_reader_t reader;
  trace_event_t event;
  ck_assert(!trace_reader_init(&reader, memory, TRACE_BUFFER_MIN_BYTES));
  ck_assert(trace_attach(memory, TRACE_BUFFER_MIN_BYTES));
  trace_point("a.first", 1);
  trace_point("b.second", 2);
  trace_point("a.first", 3);
  ck_assert(trace_reader_init(&reader, memory, TRACE_BUFFER_MIN_BYTES));
  static const char* const names[] = {"a.first", "b.second", "a.first"};
  uint64_t last = 0;
  for (uint64_t i = 0; i < 3; i++) {
    ck_assert(trace_reader_next(&reader, &event));
    ck_assert_str_eq(event.name, names[i]);
    ck_assert_uint_eq(event.argument, i + 1);
    ck_assert_uint_eq(event.thread, (uint32_t)gettid());
    ck_assert_uint_ge(event.time_ns, last);
    last = event.time_ns;
  }
  ck_assert(!trace_reader_next(&reader, &event));
}
END_TEST

START_TEST(the_newest_records_overwrite_the_oldest) {
  void* memory = shared_memory(TRACE_BUFFER_MIN_BYTES);
  trace_reader_t reader;
  trace_event_t event;
  ck_assert(trace_attach(memory, TRACE_BUFFER_MIN_BYTES));
  for (uint64_t i = 0; i < 100000; i++) trace_point("tick", i);
  ck_assert(trace_reader_init(&reader, memory, TRACE_BUFFER_MIN_BYTES));
  uint64_t count = 0, expected = 100000 - reader.capacity;
  while (trace_reader_next(&reader, &event)) {
    ck_assert_uint_eq(event.argument, expected++);
    count++;
  }
  ck_assert_uint_eq(count, reader.capacity);
  ck_assert_uint_eq(reader.next, 100000);
}
END_TEST

START_TEST(too_many_and_too_long_names_are_cut_off) {
  void* memory = shared_memory(TRACE_BUFFER_BYTES);
  static char names[TRACE_NAMES_MAX + 10][TRACE_NAME_MAX + 20];
  trace_reader_t reader;
  trace_event_t event;
  ck_assert(trace_attach(memory, TRACE_BUFFER_BYTES));
  for (int i = 0; i < TRACE_NAMES_MAX + 10; i++) {
    snprintf(names[i], sizeof(names[i]), "%03d.%070d", i, 0);
    trace_point(names[i], (uint64_t)i);
  }
  ck_assert(trace_reader_init(&reader, memory, TRACE_BUFFER_BYTES));
  int count = 0;
  for (; trace_reader_next(&reader, &event); count++) {
    ck_assert_uint_eq(strlen(event.name), TRACE_NAME_MAX - 1);
    ck_assert_int_eq(atoi(event.name), count);
  }
  ck_assert_int_eq(count, TRACE_NAMES_MAX);
}
END_TEST

static char writer_names[3][16] = {"thread.0", "thread.1", "child"};

static void* record_many(void* context) {
  for (uint64_t i = 0; i < 2000; i++) trace_point(context, i);
  return NULL;
}

START_TEST(threads_and_forked_children_record_into_one_buffer) {
  void* memory = shared_memory(TRACE_BUFFER_BYTES);
  ck_assert(trace_attach(memory, TRACE_BUFFER_BYTES));
  pthread_t threads[2];
  ck_assert_int_eq(pthread_create(&threads[0], NULL, record_many, writer_names[0]), 0);
  ck_assert_int_eq(pthread_create(&threads[1], NULL, record_many, writer_names[1]), 0);
  pid_t child = fork();
  if (child == 0) {
    record_many(writer_names[2]);
    _exit(0);
  }
  ck_assert_int_eq(pthread_join(threads[0], NULL), 0);
  ck_assert_int_eq(pthread_join(threads[1], NULL), 0);
  ck_assert_int_eq(waitpid(child, NULL, 0), child);
  trace_reader_t reader;
  trace_event_t event;
  uint64_t next[3] = {0};
  ck_assert(trace_reader_init(&reader, memory, TRACE_BUFFER_BYTES));
  while (trace_reader_next(&reader, &event)) {
    int who = 0;
    while (strcmp(event.name, writer_names[who]) != 0) who++;
    ck_assert_uint_eq(event.argument, next[who]++);
  }
  for (int i = 0; i < 3; i++) ck_assert_uint_eq(next[i], 2000);
}
END_TEST

// One that was killed while it added a name.
START_TEST(nobody_waits_for_a_process_that_is_gone) {
  unsigned char* memory = shared_memory(TRACE_BUFFER_MIN_BYTES);
  const uint32_t held = 1;
  trace_reader_t reader;
  trace_event_t event;
  ck_assert(trace_attach(memory, TRACE_BUFFER_MIN_BYTES));
  trace_point("known", 1);
  memcpy(memory + 20, &held, sizeof(held));  // trace.c: the lock
  trace_point("new", 2);
  trace_point("known", 3);
  ck_assert(trace_reader_init(&reader, memory, TRACE_BUFFER_MIN_BYTES));
  for (uint64_t i = 1; i <= 3; i += 2) {
    ck_assert(trace_reader_next(&reader, &event));
    ck_assert_str_eq(event.name, "known");
    ck_assert_uint_eq(event.argument, i);
  }
  ck_assert(!trace_reader_next(&reader, &event));
}
END_TEST

START_TEST(a_reader_survives_whatever_the_memory_holds) {
  unsigned char* memory = shared_memory(TRACE_BUFFER_MIN_BYTES);
  trace_reader_t reader;
  trace_event_t event;
  ck_assert(!trace_attach(memory, TRACE_BUFFER_MIN_BYTES - 1));
  ck_assert(trace_attach(memory, TRACE_BUFFER_MIN_BYTES));
  trace_point("x", 1);
  unsigned char good[64];
  memcpy(good, memory, sizeof(good));
  srand(1);
  for (int round = 0; round < 200; round++) {
    for (size_t i = 8; i < TRACE_BUFFER_MIN_BYTES; i++) memory[i] = (unsigned char)rand();
    memcpy(memory, good, 8);
    if (round % 2) memcpy(memory + 24, good + 24, 8);
    if (!trace_reader_init(&reader, memory, TRACE_BUFFER_MIN_BYTES)) continue;
    while (trace_reader_next(&reader, &event)) ck_assert_uint_lt(strlen(event.name), TRACE_NAME_MAX);
  }
}
END_TEST

int main(void) {
  Suite* suite = suite_create("trace");
  TCase* tc = jx_test_case(suite, "trace");
  tcase_add_test(tc, points_cost_nothing_and_record_nothing_until_attached);
  tcase_add_test(tc, records_come_back_in_order_with_names_and_arguments);
  tcase_add_test(tc, the_newest_records_overwrite_the_oldest);
  tcase_add_test(tc, too_many_and_too_long_names_are_cut_off);
  tcase_add_test(tc, threads_and_forked_children_record_into_one_buffer);
  tcase_add_test(tc, nobody_waits_for_a_process_that_is_gone);
  tcase_add_test(tc, a_reader_survives_whatever_the_memory_holds);
  return jx_test_run(suite);
}
