// Trace points: named moments of a process, recorded into memory that another process reads.
//
// A process that nobody traces pays one load and one branch for each point. Once trace_attach() has given the
// process a buffer, every point appends a record {time, name, thread, argument} to it without locks or system
// calls other than gettid(); the newest records overwrite the oldest. The component manager makes a buffer
// for each component it traces and reads all of them, so the records of several processes, which share one
// monotonic clock, can be put in order.
//
// This layer stands on nothing but the C library; whoever attaches brings the memory.
#ifndef LIB_TRACE_TRACE_H_
#define LIB_TRACE_TRACE_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Longest name of a trace point, NUL included; longer ones are cut.
#define TRACE_NAME_MAX 64
// Distinct names one buffer holds; points with others are not recorded.
#define TRACE_NAMES_MAX 512
// The least memory trace_attach() takes: the names and some hundred records.
#define TRACE_BUFFER_MIN_BYTES (64u * 1024u)
// What a buffer should have: room for about 30,000 records.
#define TRACE_BUFFER_BYTES (1024u * 1024u)

typedef struct trace_buffer trace_buffer_t;

// The buffer that this process records into, NULL when it is not traced. Read through trace_enabled().
extern trace_buffer_t* trace_process_buffer;

// Begins recording into `memory`, which is `size_bytes` long, 8-aligned, zeroed or attached before, and stays
// mapped for the life of the process (also through fork, where parent and child share it). Call it once,
// before there are other threads. Returns false, and records nothing, if the memory is too small.
bool trace_attach(void* memory, size_t size_bytes);

// Records the point `name` with `argument` (a length, an ordinal, whatever helps). `name` has static lifetime;
// the same text is the same point. Any thread, any time but a signal handler. Never waits for another process:
// if one was killed while it added a name, points with new names are lost.
void trace_record(const char* name, uint64_t argument);

static inline bool trace_enabled(void) {
  return __builtin_expect(trace_process_buffer != NULL, 0);
}

// The trace point: trace_point("udp.send", length).
static inline void trace_point(const char* name, uint64_t argument) {
  if (trace_enabled()) trace_record(name, argument);
}

// One record as a reader sees it.
typedef struct trace_event {
  uint64_t time_ns;  // CLOCK_MONOTONIC
  uint64_t argument;
  uint32_t thread;  // as the traced process sees its own thread number
  char name[TRACE_NAME_MAX];
} trace_event_t;

// A reader's view of a buffer that its owner may be writing, or may have filled with anything at all.
typedef struct trace_reader {
  const trace_buffer_t* buffer;
  uint64_t capacity;  // records
  uint64_t next;      // the record to read next; in the end, how many there have been
} trace_reader_t;

// Begins reading `memory` (`size_bytes` long, as attached by its owner) at the oldest record it still holds.
// Returns false if nobody attached to it or it is no trace buffer.
bool trace_reader_init(trace_reader_t* reader, const void* memory, size_t size_bytes);

// Copies the next record to `out`, oldest first; records that were overwritten meanwhile are passed over.
// Returns false when there are no more.
bool trace_reader_next(trace_reader_t* reader, trace_event_t* out);

#ifdef __cplusplus
}
#endif

#endif  // LIB_TRACE_TRACE_H_
