// What the processes of a tree have recorded at their trace points, put together.
#ifndef COMPONENT_MANAGER_CLI_RECORDING_H_
#define COMPONENT_MANAGER_CLI_RECORDING_H_

#include <lib/trace/trace.h>

#include "manager.h"

typedef struct recorded_event {
  trace_event_t event;
  const realm_instance_t* instance;
  size_t order;  // among the events of its instance
} recorded_event_t;

typedef struct recording {
  recorded_event_t* events;  // in the order of time
  size_t count;
  uint64_t overwritten;  // events that were there and gave way to newer ones
} recording_t;

// Reads everything, into the realm's arena. What a process wrote into its memory may be anything: names end,
// and nothing else is promised of it.
void recording_read(recording_t* recording, const realm_t* realm, const manager_t* manager);

#endif  // COMPONENT_MANAGER_CLI_RECORDING_H_
