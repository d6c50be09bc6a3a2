// What benchmarks share: the clock, the processor they run on, the median, and the rows they report.
//
// A benchmark measures its subject and its reference in one run, in turns, and reports medians, because only
// ratios taken at the same moment mean anything on a shared machine. tests/bench/run_bench.py reads the rows.
#ifndef TESTS_BENCH_BENCH_H_
#define TESTS_BENCH_BENCH_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct bench_row {
  const char* name;     // the case: "round trip, 64 bytes"
  const char* subject;  // what was measured: "jacinth"
  double value;
  const char* unit;       // of both values: "us", "ns", "1/s", "Mbit/s"
  const char* reference;  // what it is compared with, or NULL
  double reference_value;
} bench_row_t;

// Nanoseconds of the monotonic clock.
uint64_t bench_now_ns(void);

// Keeps the calling thread on processor `index` modulo the number of processors it may use. Does nothing
// where that isn't allowed.
void bench_pin(unsigned index);

// The median of `count` values, which it sorts. 0 for none.
double bench_median(double* values, size_t count);

// Prints one row as a line of JSON on standard output.
void bench_report(const bench_row_t* row);

// Whether a case is wanted, whose rows have names that begin with `name`: all are, unless run_bench.py was
// asked for certain rows.
bool bench_wanted(const char* name);

// Says why this benchmark, or a part of it, can't run on this machine.
void bench_skip(const char* reason);

#endif  // TESTS_BENCH_BENCH_H_
