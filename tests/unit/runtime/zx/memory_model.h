// Runs code that shares memory under every order that the C memory model allows, without the code knowing.
//
// The code under test is compiled with <stdatomic.h>'s operations replaced by the functions below
// (memory_model_atomics.h). A test gives one function per thread; the explorer tries every interleaving of
// their operations, and for each load every store that it may see. Memory is a list of stores for each
// location; each thread knows how far it has seen each list, and a release store, or a fence before it,
// passes that knowledge on (the operational form of C11's relaxed, acquire, release and seq_cst-fence rules;
// what it leaves out is loads that see stores of the future). So stores linger unseen as in a store buffer,
// stores to different locations overtake each other, and loads may be stale.
//
// A thread's function is deterministic: it is run again from its last checkpoint for each step, with the
// results of its operations so far handed to it, until it asks for one more. What it keeps between
// checkpoints lies in the memory given to model_run.
#ifndef TESTS_UNIT_RUNTIME_ZX_MEMORY_MODEL_H_
#define TESTS_UNIT_RUNTIME_ZX_MEMORY_MODEL_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_THREADS 3
#define MODEL_LOCATIONS 13
#define MODEL_LOCAL_BYTES 48

struct model_thread {
  // One pass between two checkpoints; false: the thread has ended.
  bool (*pass)(void* local);
  void* local;  // at most MODEL_LOCAL_BYTES, saved at each checkpoint
  size_t local_size;
};

struct model {
  unsigned num_threads;
  struct model_thread threads[MODEL_THREADS];
  // The shared words, by address; each begins at 0.
  const void* locations[MODEL_LOCATIONS];
  unsigned num_locations;
  // Called at every end: no thread can go on. `ended`: which have ended; the others sleep. `locals` are the
  // threads'. False: this must not be.
  bool (*is_good_end)(const bool* ended, void* const* locals);
  // To see that the model would notice: fences do nothing, release stores are relaxed ones.
  bool without_fences;
  bool without_releases;
  // Bit i: the barriers of others do not reach thread i.
  unsigned unregistered;
};

struct model_result {
  size_t states;
  size_t ends;
  bool bad;      // an end was not good
  bool too_big;  // gave up
};

struct model_result model_run(const struct model* model);

// The operations. Location by address.
uint32_t model_load(const volatile void* at, int order);
void model_store(volatile void* at, uint32_t value, int order);
uint32_t model_exchange(volatile void* at, uint32_t value, int order);
uint32_t model_fetch_or(volatile void* at, uint32_t value, int order);
uint32_t model_fetch_and(volatile void* at, uint32_t value, int order);
void model_fence(void);

// The kernel's barrier: a fence of this thread, and of each other one somewhere between two of its
// operations.
void model_barrier(void);

// A bell, that is a socket: bytes in a queue that the kernel keeps. `bell` is one of the locations.
void model_ring(volatile void* bell);     // adds a byte; a full bell stays full
bool model_hears(volatile void* bell);    // whether there is one
void model_silence(volatile void* bell);  // takes all of them out
// Until there is a byte in one of two bells (null: only one).
void model_sleep(volatile void* bell, volatile void* other);

// A lock of one process's threads; also one of the locations.
void model_lock(volatile void* lock);
void model_unlock(volatile void* lock);

#endif  // TESTS_UNIT_RUNTIME_ZX_MEMORY_MODEL_H_
