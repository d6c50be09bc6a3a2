// The inside of a loop, shared by its files.
#ifndef RUNTIME_ASYNC_LOOP_IMPL_H_
#define RUNTIME_ASYNC_LOOP_IMPL_H_

#include <ev.h>
#include <pthread.h>
#include <stdatomic.h>

#include <lib/async-loop/loop.h>
#include <lib/async/fd.h>
#include <lib/async/task.h>
#include <lib/async/wait.h>

// A place in the table of waits. The packet's key is its index with the generation above it, so that a packet
// that outlives its wait finds nothing.
typedef struct wait_slot {
  async_wait_t* wait;  // NULL: free
  uint32_t generation;
  uint32_t next_free;
} wait_slot_t;

typedef struct wait_table {
  wait_slot_t* slots;
  uint32_t num_slots;
  uint32_t free;  // first free slot, num_slots if none
} wait_table_t;

typedef struct task_entry {
  zx_time_t deadline;
  uint64_t sequence;
  async_task_t* task;
} task_entry_t;

// A binary heap of tasks by deadline, then by order of posting. Guarded by its lock: tasks come from any
// thread. A deadline that was past already when tasks were last run counts as the time of posting, so that
// what is always to run as soon as possible lets the others have their turn.
typedef struct task_heap {
  pthread_mutex_t lock;
  task_entry_t* entries;
  size_t count;
  size_t capacity;
  uint64_t next_sequence;
  zx_time_t last_run;
  bool closed;
} task_heap_t;

enum loop_sleep { LOOP_AWAKE, LOOP_IN_LIBEV, LOOP_IN_PORT };

// The key of the loop's own wait for wake_fd; those of others are never 0.
#define WAKE_KEY UINT64_C(0)

struct async_dispatcher {
  async_loop_t* loop;
};

struct async_loop {
  async_dispatcher_t dispatcher;
  void* data;
  struct ev_loop* ev;
  zx_handle_t port;
  int timer_fd;
  zx_time_t timer_set_for;  // when timer_fd expires, ZX_TIME_INFINITE if it is not set
  ev_io port_ready;
  ev_io timer_ready;
  ev_async wake;            // ends a sleep in libev
  int wake_fd;              // an eventfd, ends a sleep in the port
  zx_handle_t wake_handle;  // the same, watched by the port
  bool ask_port;            // the kernel knows of something that the port has not made packets of yet
  wait_table_t waits;
  task_heap_t tasks;
  async_node_t fds;  // all that are being watched
  struct fd_watcher* free_watchers;
  uint32_t handled;   // handlers called in this round
  atomic_int asleep;  // whether another thread must wake the loop, and where: enum loop_sleep
  atomic_bool quit;
  bool shut_down;
  bool is_parents;  // this process has come by fork from the one that made the loop
  pid_t maker;      // the process that made the loop, and that alone has its thread
  bool has_thread;  // async_loop_start_thread's
  pthread_t thread;
};

static inline void node_init(async_node_t* node) {
  node->prev = node->next = node;
}

static inline void node_insert(async_node_t* list, async_node_t* node) {
  node->prev = list->prev;
  node->next = list;
  list->prev->next = node;
  list->prev = node;
}

static inline void node_remove(async_node_t* node) {
  node->prev->next = node->next;
  node->next->prev = node->prev;
  node->prev = node->next = NULL;
}

void waits_init(wait_table_t* waits);
// Calls every pending wait with ZX_ERR_CANCELED and frees the table.
void waits_shutdown(async_loop_t* loop);
// Dispatches at most `limit` packets of the port without waiting; returns how many handlers it called.
// Without `ask_kernel` it takes what the port already holds, and makes no system call.
uint32_t waits_dispatch(async_loop_t* loop, uint32_t limit, bool ask_kernel);
// Calls the handler that a packet is for; returns how many that is.
uint32_t waits_deliver(async_loop_t* loop, const zx_port_packet_t* packet);

void tasks_init(task_heap_t* tasks);
void tasks_shutdown(async_loop_t* loop);
// Runs the tasks that are due and were posted before the call, at most `limit`; returns how many.
uint32_t tasks_dispatch(async_loop_t* loop, uint32_t limit);
// The earliest deadline, ZX_TIME_INFINITE if there is none.
zx_time_t tasks_deadline(task_heap_t* tasks);

void fds_shutdown(async_loop_t* loop);

// Ends the loop's sleep, if it sleeps. Any thread.
void loop_wake(async_loop_t* loop);
// After wake_fd has ended a sleep: makes it ready for the next.
void loop_woken(async_loop_t* loop);

#endif  // RUNTIME_ASYNC_LOOP_IMPL_H_
