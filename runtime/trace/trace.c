// The trace buffer: a header with the names, then a ring of records.
//
// A writer claims a record by adding to `next`, clears the record's sequence, fills it, and releases the
// sequence; a reader takes a record only if the sequence is the one it expects before and after its copy. Names
// are interned once each: their index is all that a record carries. The reader trusts nothing it reads: indexes
// are checked against its own idea of the sizes, names are copied with an end of their own.
#include <lib/trace/trace.h>

#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TRACE_MAGIC UINT64_C(0x3165636172746a6a)
#define NAME_NONE UINT32_MAX
// How often others may run before a lock is taken for one whose holder was killed.
#define LOCK_PATIENCE 100

typedef struct trace_record {
  _Atomic uint64_t sequence;  // number of the record + 1, 0 while it is being written
  uint64_t time_ns;
  uint64_t argument;
  uint32_t name;
  uint32_t thread;
} trace_record_t;

struct trace_buffer {
  _Atomic uint64_t magic;
  _Atomic uint64_t next;      // records claimed so far
  _Atomic uint32_t names;     // names in use
  _Atomic uint32_t lock;      // held while a name is added
  _Atomic uint64_t capacity;  // records
  char name[TRACE_NAMES_MAX][TRACE_NAME_MAX];
  trace_record_t records[];
};

trace_buffer_t* trace_process_buffer;

static uint64_t capacity_of(size_t size_bytes) {
  return (size_bytes - sizeof(trace_buffer_t)) / sizeof(trace_record_t);
}

bool trace_attach(void* memory, size_t size_bytes) {
  if (!memory || size_bytes < TRACE_BUFFER_MIN_BYTES) return false;
  trace_buffer_t* buffer = memory;
  atomic_store_explicit(&buffer->capacity, capacity_of(size_bytes), memory_order_relaxed);
  atomic_store_explicit(&buffer->magic, TRACE_MAGIC, memory_order_release);
  trace_process_buffer = buffer;
  return true;
}

static uint32_t find_name(const trace_buffer_t* buffer, uint32_t from, uint32_t to, const char* name) {
  for (uint32_t i = from; i < to; i++) {
    if (strncmp(buffer->name[i], name, TRACE_NAME_MAX - 1) == 0) return i;
  }
  return NAME_NONE;
}

// The lock is held for one copy of at most TRACE_NAME_MAX bytes, once per distinct name and process.
static uint32_t add_name(trace_buffer_t* buffer, uint32_t known, const char* name) {
  for (int tries = 0; atomic_exchange_explicit(&buffer->lock, 1, memory_order_acquire); tries++) {
    if (tries == LOCK_PATIENCE) return NAME_NONE;
    sched_yield();
  }
  uint32_t names = atomic_load_explicit(&buffer->names, memory_order_relaxed);
  if (names > TRACE_NAMES_MAX) names = TRACE_NAMES_MAX;
  uint32_t index = find_name(buffer, known, names, name);
  if (index == NAME_NONE && names < TRACE_NAMES_MAX) {
    index = names;
    strncpy(buffer->name[index], name, TRACE_NAME_MAX - 1);
    atomic_store_explicit(&buffer->names, names + 1, memory_order_release);
  }
  atomic_store_explicit(&buffer->lock, 0, memory_order_release);
  return index;
}

static uint32_t intern(trace_buffer_t* buffer, const char* name) {
  uint32_t names = atomic_load_explicit(&buffer->names, memory_order_acquire);
  if (names > TRACE_NAMES_MAX) names = TRACE_NAMES_MAX;
  uint32_t index = find_name(buffer, 0, names, name);
  return index == NAME_NONE ? add_name(buffer, names, name) : index;
}

void trace_record(const char* name, uint64_t argument) {
  trace_buffer_t* buffer = trace_process_buffer;
  struct timespec now;
  if (!buffer) return;
  clock_gettime(CLOCK_MONOTONIC, &now);
  uint32_t index = intern(buffer, name);
  if (index == NAME_NONE) return;
  uint64_t number = atomic_fetch_add_explicit(&buffer->next, 1, memory_order_relaxed);
  trace_record_t* record = &buffer->records[number % buffer->capacity];
  atomic_store_explicit(&record->sequence, 0, memory_order_relaxed);
  atomic_thread_fence(memory_order_release);
  record->time_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
  record->argument = argument;
  record->name = index;
  record->thread = (uint32_t)gettid();
  atomic_store_explicit(&record->sequence, number + 1, memory_order_release);
}

bool trace_reader_init(trace_reader_t* reader, const void* memory, size_t size_bytes) {
  const trace_buffer_t* buffer = memory;
  if (!memory || size_bytes < TRACE_BUFFER_MIN_BYTES) return false;
  if (atomic_load_explicit(&buffer->magic, memory_order_acquire) != TRACE_MAGIC) return false;
  *reader = (trace_reader_t){.buffer = buffer, .capacity = capacity_of(size_bytes)};
  return atomic_load_explicit(&buffer->capacity, memory_order_relaxed) == reader->capacity;
}

static bool copy_record(const trace_reader_t* reader, uint64_t number, trace_event_t* out) {
  const trace_record_t* record = &reader->buffer->records[number % reader->capacity];
  if (atomic_load_explicit(&record->sequence, memory_order_acquire) != number + 1) return false;
  uint32_t name = *(const volatile uint32_t*)&record->name;
  *out = (trace_event_t){.time_ns = record->time_ns, .argument = record->argument, .thread = record->thread};
  atomic_thread_fence(memory_order_acquire);
  if (atomic_load_explicit(&record->sequence, memory_order_relaxed) != number + 1) return false;
  if (name >= TRACE_NAMES_MAX) return false;
  memcpy(out->name, reader->buffer->name[name], TRACE_NAME_MAX - 1);
  return true;
}

bool trace_reader_next(trace_reader_t* reader, trace_event_t* out) {
  uint64_t end = atomic_load_explicit(&reader->buffer->next, memory_order_acquire);
  if (end > reader->capacity && reader->next < end - reader->capacity) reader->next = end - reader->capacity;
  // A hostile `next` cannot make this loop longer than one turn of the ring.
  while (reader->next < end) {
    if (copy_record(reader, reader->next++, out)) return true;
  }
  return false;
}
