// Tasks of a loop: a heap that any thread adds to.
#include <stdlib.h>

#include <zircon/syscalls.h>

#include "loop_impl.h"

enum { PHASE_IDLE = 0, PHASE_PENDING = 1 };

void tasks_init(task_heap_t* tasks) {
  *tasks = (task_heap_t){0};
  pthread_mutex_init(&tasks->lock, NULL);
}

static bool before(const task_entry_t* a, const task_entry_t* b) {
  return a->deadline != b->deadline ? a->deadline < b->deadline : a->sequence < b->sequence;
}

static void place(task_heap_t* tasks, size_t index, task_entry_t entry) {
  tasks->entries[index] = entry;
  entry.task->state.heap_index = index;
}

static void sift_up(task_heap_t* tasks, size_t index, task_entry_t entry) {
  while (index > 0 && before(&entry, &tasks->entries[(index - 1) / 2])) {
    place(tasks, index, tasks->entries[(index - 1) / 2]);
    index = (index - 1) / 2;
  }
  place(tasks, index, entry);
}

static void sift_down(task_heap_t* tasks, size_t index, task_entry_t entry) {
  for (size_t child; (child = 2 * index + 1) < tasks->count; index = child) {
    if (child + 1 < tasks->count && before(&tasks->entries[child + 1], &tasks->entries[child])) child++;
    if (!before(&tasks->entries[child], &entry)) break;
    place(tasks, index, tasks->entries[child]);
  }
  place(tasks, index, entry);
}

static void remove_at(task_heap_t* tasks, size_t index) {
  tasks->entries[index].task->state.phase = PHASE_IDLE;
  task_entry_t last = tasks->entries[--tasks->count];
  if (index == tasks->count) return;
  if (index > 0 && before(&last, &tasks->entries[(index - 1) / 2])) {
    sift_up(tasks, index, last);
  } else {
    sift_down(tasks, index, last);
  }
}

static zx_status_t insert(task_heap_t* tasks, async_task_t* task) {
  if (tasks->closed) return ZX_ERR_BAD_STATE;
  if (task->state.phase == PHASE_PENDING) return ZX_ERR_ALREADY_EXISTS;
  if (tasks->count == tasks->capacity) {
    size_t capacity = tasks->capacity ? tasks->capacity * 2 : 16;
    task_entry_t* entries = realloc(tasks->entries, capacity * sizeof(*entries));
    if (!entries) return ZX_ERR_NO_MEMORY;
    tasks->entries = entries;
    tasks->capacity = capacity;
  }
  task_entry_t entry = {.deadline = task->deadline, .sequence = tasks->next_sequence++, .task = task};
  if (entry.deadline <= tasks->last_run) entry.deadline = zx_clock_get_monotonic();
  task->state.phase = PHASE_PENDING;
  sift_up(tasks, tasks->count++, entry);
  return ZX_OK;
}

zx_status_t async_post_task(async_dispatcher_t* dispatcher, async_task_t* task) {
  task_heap_t* tasks = &dispatcher->loop->tasks;
  pthread_mutex_lock(&tasks->lock);
  zx_status_t status = insert(tasks, task);
  pthread_mutex_unlock(&tasks->lock);
  if (status == ZX_OK) loop_wake(dispatcher->loop);
  return status;
}

zx_status_t async_cancel_task(async_dispatcher_t* dispatcher, async_task_t* task) {
  task_heap_t* tasks = &dispatcher->loop->tasks;
  zx_status_t status = ZX_ERR_NOT_FOUND;
  pthread_mutex_lock(&tasks->lock);
  if (task->state.phase == PHASE_PENDING) {
    remove_at(tasks, task->state.heap_index);
    status = ZX_OK;
  }
  pthread_mutex_unlock(&tasks->lock);
  return status;
}

zx_time_t tasks_deadline(task_heap_t* tasks) {
  pthread_mutex_lock(&tasks->lock);
  zx_time_t deadline = tasks->count ? tasks->entries[0].deadline : ZX_TIME_INFINITE;
  pthread_mutex_unlock(&tasks->lock);
  return deadline;
}

// Takes the first task if it is due and was posted before `limit`.
static async_task_t* take_due(task_heap_t* tasks, zx_time_t now, uint64_t limit) {
  async_task_t* task = NULL;
  pthread_mutex_lock(&tasks->lock);
  if (tasks->count && tasks->entries[0].deadline <= now && tasks->entries[0].sequence < limit) {
    task = tasks->entries[0].task;
    remove_at(tasks, 0);
  }
  pthread_mutex_unlock(&tasks->lock);
  return task;
}

uint32_t tasks_dispatch(async_loop_t* loop, uint32_t limit) {
  task_heap_t* tasks = &loop->tasks;
  if (tasks_deadline(tasks) == ZX_TIME_INFINITE) return 0;
  pthread_mutex_lock(&tasks->lock);
  uint64_t posted = tasks->next_sequence;
  zx_time_t now = tasks->last_run = zx_clock_get_monotonic();
  pthread_mutex_unlock(&tasks->lock);
  uint32_t handled = 0;
  for (async_task_t* task; handled < limit && (task = take_due(tasks, now, posted)) != NULL;) {
    handled++;
    task->handler(&loop->dispatcher, task, ZX_OK);
    if (atomic_load_explicit(&loop->quit, memory_order_relaxed)) break;
  }
  return handled;
}

void tasks_shutdown(async_loop_t* loop) {
  task_heap_t* tasks = &loop->tasks;
  pthread_mutex_lock(&tasks->lock);
  tasks->closed = true;
  while (tasks->count) {
    async_task_t* task = tasks->entries[0].task;
    remove_at(tasks, 0);
    pthread_mutex_unlock(&tasks->lock);
    task->handler(&loop->dispatcher, task, ZX_ERR_CANCELED);
    pthread_mutex_lock(&tasks->lock);
  }
  free(tasks->entries);
  tasks->entries = NULL;
  tasks->capacity = 0;
  pthread_mutex_unlock(&tasks->lock);
}
