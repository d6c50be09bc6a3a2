// The messages of the benchmark in Cap'n Proto, by their place in the list of messages.h. Its bytes are its
// values, so to encode is to build a message from the values, and to decode is to read each field, which is
// when the bytes are checked.
#ifndef TESTS_BENCH_FIDL_MESSAGES_CAPNP_H_
#define TESTS_BENCH_FIDL_MESSAGES_CAPNP_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Builds a message in `scratch` (zeroed, and zeroed again before it returns) up to where its pieces could be
// written to a socket. Returns its bytes.
size_t messages_capnp_build(int message, uint64_t* scratch, size_t words);

// Builds a message and writes it to `out` in one piece. Returns its words.
size_t messages_capnp_flatten(int message, uint64_t* out, size_t words);

// Reads every field of a flat message. Returns a sum of them.
uint64_t messages_capnp_read(int message, const uint64_t* flat, size_t words);

#ifdef __cplusplus
}
#endif

#endif  // TESTS_BENCH_FIDL_MESSAGES_CAPNP_H_
