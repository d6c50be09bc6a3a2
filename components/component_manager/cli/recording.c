#include "recording.h"

#include <stdlib.h>

static int compare(const void* a, const void* b) {
  const recorded_event_t *left = a, *right = b;
  if (left->event.time_ns != right->event.time_ns) return left->event.time_ns < right->event.time_ns ? -1 : 1;
  return left->order < right->order ? -1 : left->order > right->order;
}

// Names come from a component, and go to somebody's terminal.
static void make_harmless(char* name) {
  for (; *name; name++) {
    if (*name < ' ' || *name > '~') *name = '?';
  }
}

static void read_instance(recording_t* recording, const realm_t* realm, const manager_t* manager,
                          const realm_instance_t* instance) {
  trace_reader_t reader;
  recorded_event_t event = {.instance = instance};
  size_t size;
  const void* memory = manager_trace(manager, instance, &size);
  if (!memory || !trace_reader_init(&reader, memory, size)) return;
  for (; trace_reader_next(&reader, &event.event); event.order++) {
    make_harmless(event.event.name);
    *cml_arena_push(realm->arena, &recording->events, &recording->count) = event;
  }
  recording->overwritten += reader.next - event.order;
}

void recording_read(recording_t* recording, const realm_t* realm, const manager_t* manager) {
  *recording = (recording_t){NULL, 0, 0};
  for (size_t i = 0; i < realm->instance_count; i++)
    read_instance(recording, realm, manager, realm->instances[i]);
  if (recording->count > 0) qsort(recording->events, recording->count, sizeof *recording->events, compare);
}
