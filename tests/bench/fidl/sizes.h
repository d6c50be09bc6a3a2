// How large the messages of the benchmark are, for the files in C and in C++.
#ifndef TESTS_BENCH_FIDL_SIZES_H_
#define TESTS_BENCH_FIDL_SIZES_H_

#define NUM_MESSAGES 5
#define PAYLOAD_BYTES 1400
#define NUM_ENTRIES 1000
#define TREE_DEPTH 6

#endif  // TESTS_BENCH_FIDL_SIZES_H_
