// See bench.h. Rows are built with jansson, which knows how strings are escaped.
#include "bench.h"

#include <jansson.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t bench_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void bench_pin(unsigned index) {
  cpu_set_t allowed, chosen;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
  index %= (unsigned)CPU_COUNT(&allowed);
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &allowed) || index-- > 0) continue;
    CPU_ZERO(&chosen);
    CPU_SET(cpu, &chosen);
    sched_setaffinity(0, sizeof(chosen), &chosen);
    return;
  }
}

static int compare(const void* left, const void* right) {
  double a = *(const double*)left, b = *(const double*)right;
  return (a > b) - (a < b);
}

double bench_median(double* values, size_t count) {
  if (count == 0) return 0;
  qsort(values, count, sizeof(*values), compare);
  return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void print_line(json_t* object) {
  json_dumpf(object, stdout, JSON_COMPACT);
  putchar('\n');
  fflush(stdout);
  json_decref(object);
}

void bench_report(const bench_row_t* row) {
  json_t* object = json_pack("{s:s, s:s, s:f, s:s, s:s?}", "case", row->name, "subject", row->subject,
                             "value", row->value, "unit", row->unit, "reference", row->reference);
  json_object_set_new(object, "reference_value",
                      row->reference ? json_real(row->reference_value) : json_null());
  print_line(object);
}

bool bench_wanted(const char* name) {
  const char* rows = getenv("JACINTH_BENCH_ROWS");
  if (!rows || !rows[0]) return true;
  for (const char* row = rows; *row;) {
    size_t length = strcspn(row, "\n");
    size_t common = strlen(name) < length ? strlen(name) : length;
    if (length && strncmp(row, name, common) == 0) return true;
    row += length + (row[length] == '\n');
  }
  return false;
}

void bench_skip(const char* reason) {
  print_line(json_pack("{s:s}", "skip", reason));
}
