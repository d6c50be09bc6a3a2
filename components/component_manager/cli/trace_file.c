// A recording becomes a trace in three passes: which points are begin and end of one thing, what led to what,
// and then writing. The format is documented in perfetto.proto.
//
// Trace points carry no number of the call they belong to, so whose request it is that a stub has decoded is
// found by time: it is the oldest one under way that no other stub has decoded. With several clients calling
// the same method at the same time an arrow may so begin at the neighbour's call.
#include "trace_file.h"

#include <errno.h>
#include <string.h>

#include "perfetto.pb-c.h"
#include "recording.h"

#define NONE SIZE_MAX
#define OPEN_MAX 64u      // slices within slices
#define WAITING_MAX 256u  // events of one name that something is expected to follow

typedef struct name {
  const char* text;
  bool begins;                  // other points are its end
  bool leads;                   // what led to some of the others
  size_t waiting[WAITING_MAX];  // events of this name that nothing has followed yet, oldest first
  size_t waiting_count;
} name_t;

typedef struct track {
  const realm_instance_t* instance;
  uint32_t thread;
  uint64_t uuid;
  size_t open[OPEN_MAX];
  size_t open_count;
} track_t;

typedef struct link {
  size_t name, track;
  size_t partner;  // the other end of its slice
  size_t cause;    // the event that led to it
  uint64_t flow;   // 0: none
} link_t;

typedef struct trace {
  cml_arena_t* arena;
  const recording_t* recording;
  link_t* links;  // as recording.events
  name_t* names;
  size_t name_count;
  track_t* tracks;
  size_t track_count;
  uint64_t flows;
} trace_t;

static const char* const endings[] = {".done", ".reply", ".would_block"};

// The length of what a point of this name ends; 0 if it ends nothing.
static size_t ended_length(const char* name) {
  size_t size = strlen(name);
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
    size_t ending = strlen(endings[i]);
    if (size > ending && strcmp(name + size - ending, endings[i]) == 0) return size - ending;
  }
  return 0;
}

static size_t find_name(const trace_t* trace, const char* text, size_t size) {
  for (size_t i = 0; i < trace->name_count; i++) {
    if (strncmp(trace->names[i].text, text, size) == 0 && trace->names[i].text[size] == '\0') return i;
  }
  return NONE;
}

static size_t add_name(trace_t* trace, const char* text, size_t size) {
  size_t found = find_name(trace, text, size);
  if (found != NONE) return found;
  name_t* name = cml_arena_push(trace->arena, &trace->names, &trace->name_count);
  *name = (name_t){.text = cml_arena_strndup(trace->arena, text, size)};
  name->leads = (strncmp(name->text, "proxy.", 6) == 0 && ended_length(name->text) == 0) ||
                strcmp(name->text, "link.tx") == 0 || strcmp(name->text, "driver.rx") == 0;
  return trace->name_count - 1;
}

static size_t add_track(trace_t* trace, const recorded_event_t* event) {
  for (size_t i = trace->track_count; i-- > 0;) {
    const track_t* track = &trace->tracks[i];
    if (track->instance == event->instance && track->thread == event->event.thread) return i;
  }
  track_t* track = cml_arena_push(trace->arena, &trace->tracks, &trace->track_count);
  *track = (track_t){.instance = event->instance, .thread = event->event.thread};
  return trace->track_count - 1;
}

// First pass

static void prepare(trace_t* trace) {
  const recording_t* recording = trace->recording;
  trace->links = cml_arena_alloc(trace->arena, recording->count * sizeof *trace->links);
  for (size_t i = 0; i < recording->count; i++) {
    const char* text = recording->events[i].event.name;
    size_t ended = ended_length(text);
    size_t begun = ended > 0 ? add_name(trace, text, ended) : NONE;
    if (begun != NONE) trace->names[begun].begins = true;
    trace->links[i] = (link_t){.name = add_name(trace, text, strlen(text)),
                               .track = add_track(trace, &recording->events[i]),
                               .partner = NONE,
                               .cause = NONE};
  }
}

// The slice of the thread that the event ends; those opened within it that have no end are none.
static void close_slice(trace_t* trace, size_t event) {
  link_t* link = &trace->links[event];
  track_t* track = &trace->tracks[link->track];
  const char* text = trace->names[link->name].text;
  size_t begun = find_name(trace, text, ended_length(text));
  for (size_t i = track->open_count; i-- > 0;) {
    if (trace->links[track->open[i]].name != begun) continue;
    link->partner = track->open[i];
    trace->links[link->partner].partner = event;
    track->open_count = i;
    return;
  }
}

static void open_slice(trace_t* trace, size_t event) {
  track_t* track = &trace->tracks[trace->links[event].track];
  if (track->open_count == OPEN_MAX) {  // the oldest is never ended, or what is recorded is nonsense
    memmove(track->open, track->open + 1, (OPEN_MAX - 1) * sizeof *track->open);
    track->open_count--;
  }
  track->open[track->open_count++] = event;
}

static void pair(trace_t* trace) {
  for (size_t i = 0; i < trace->recording->count; i++) {
    const name_t* name = &trace->names[trace->links[i].name];
    if (ended_length(name->text) > 0) close_slice(trace, i);
    if (name->begins) open_slice(trace, i);
  }
}

// Second pass

static uint64_t time_of(const trace_t* trace, size_t event) {
  return trace->recording->events[event].event.time_ns;
}

static void add_flow(trace_t* trace, size_t from, size_t to) {
  if (trace->links[from].flow == 0) trace->links[from].flow = ++trace->flows;
  trace->links[to].flow = trace->links[from].flow;
  trace->links[to].cause = from;
}

static void wait_for_effect(name_t* name, size_t event) {
  if (name->waiting_count == WAITING_MAX) {
    memmove(name->waiting, name->waiting + 1, (WAITING_MAX - 1) * sizeof *name->waiting);
    name->waiting_count--;
  }
  name->waiting[name->waiting_count++] = event;
}

static void stop_waiting(name_t* name, size_t index) {
  name->waiting_count--;
  memmove(name->waiting + index, name->waiting + index + 1,
          (name->waiting_count - index) * sizeof *name->waiting);
}

static bool is_over(const trace_t* trace, size_t event, uint64_t now) {
  size_t end = trace->links[event].partner;
  return end != NONE && time_of(trace, end) < now;
}

// A request that a stub has decoded is the oldest under way.
static void follow_request(trace_t* trace, size_t event, const char* method) {
  const char* proxy = cml_arena_printf(trace->arena, "proxy.%s", method);
  size_t found = find_name(trace, proxy, strlen(proxy));
  if (found == NONE) return;
  name_t* name = &trace->names[found];
  while (name->waiting_count > 0 && is_over(trace, name->waiting[0], time_of(trace, event)))
    stop_waiting(name, 0);
  if (name->waiting_count == 0) return;
  add_flow(trace, name->waiting[0], event);
  stop_waiting(name, 0);
}

// A reply goes back to the call that its request came from.
static void follow_reply(trace_t* trace, size_t event) {
  size_t stub = trace->links[event].partner;
  size_t proxy = stub == NONE ? NONE : trace->links[stub].cause;
  size_t done = proxy == NONE ? NONE : trace->links[proxy].partner;
  if (done != NONE && time_of(trace, done) >= time_of(trace, event)) add_flow(trace, event, done);
}

// What goes through a FIFO keeps its order and its length.
static void follow_frame(trace_t* trace, size_t event, const char* from) {
  size_t found = find_name(trace, from, strlen(from));
  if (found == NONE) return;
  name_t* name = &trace->names[found];
  const recorded_event_t* events = trace->recording->events;
  for (size_t i = 0; i < name->waiting_count; i++) {
    if (events[name->waiting[i]].event.argument != events[event].event.argument) continue;
    add_flow(trace, name->waiting[i], event);
    stop_waiting(name, i);
    return;
  }
}

static void follow(trace_t* trace) {
  for (size_t i = 0; i < trace->recording->count; i++) {
    name_t* name = &trace->names[trace->links[i].name];
    bool is_stubs = strncmp(name->text, "stub.", 5) == 0;
    if (is_stubs && ended_length(name->text) > 0) {
      follow_reply(trace, i);
    } else if (is_stubs) {
      follow_request(trace, i, name->text + 5);
    } else if (strcmp(name->text, "driver.tx") == 0) {
      follow_frame(trace, i, "link.tx");
    } else if (strcmp(name->text, "link.rx") == 0) {
      follow_frame(trace, i, "driver.rx");
    }
    if (name->leads) wait_for_effect(name, i);
  }
}

// Third pass

// Several traces one after the other are one trace: so each packet is written as one, and none is kept.
static bool write_packet(FILE* file, Perfetto__TracePacket* packet) {
  Perfetto__Trace trace = PERFETTO__TRACE__INIT;
  trace.packet = &packet;
  trace.n_packet = 1;
  uint8_t bytes[1024];
  size_t size = perfetto__trace__get_packed_size(&trace);
  if (size > sizeof bytes) {  // names are short: nothing is
    errno = EMSGSIZE;
    return false;
  }
  perfetto__trace__pack(&trace, bytes);
  return fwrite(bytes, 1, size, file) == size;
}

static bool write_process(FILE* file, const realm_instance_t* instance, int process, uint64_t uuid) {
  Perfetto__TracePacket packet = PERFETTO__TRACE_PACKET__INIT;
  Perfetto__TrackDescriptor descriptor = PERFETTO__TRACK_DESCRIPTOR__INIT;
  Perfetto__ProcessDescriptor description = PERFETTO__PROCESS_DESCRIPTOR__INIT;
  packet.track_descriptor = &descriptor;
  descriptor.has_uuid = true;
  descriptor.uuid = uuid;
  descriptor.process = &description;
  description.has_pid = true;
  description.pid = process;
  description.process_name = (char*)(uintptr_t)instance->name;
  return write_packet(file, &packet);
}

static bool write_thread(FILE* file, const track_t* track, uint64_t process) {
  Perfetto__TracePacket packet = PERFETTO__TRACE_PACKET__INIT;
  Perfetto__TrackDescriptor descriptor = PERFETTO__TRACK_DESCRIPTOR__INIT;
  char name[32];
  snprintf(name, sizeof name, "thread %u", track->thread);
  packet.track_descriptor = &descriptor;
  descriptor.has_uuid = descriptor.has_parent_uuid = true;
  descriptor.uuid = track->uuid;
  descriptor.parent_uuid = process;
  descriptor.name = name;
  return write_packet(file, &packet);
}

static bool write_tracks(trace_t* trace, const manager_t* manager, FILE* file) {
  bool ok = true;
  for (size_t i = 0; ok && i < trace->track_count; i++) {
    track_t* track = &trace->tracks[i];
    uint64_t process = track->instance->index + 1;  // which no thread has
    size_t first = 0;
    while (trace->tracks[first].instance != track->instance)
      first++;
    if (first == i)
      ok = write_process(file, track->instance, manager_process(manager, track->instance), process);
    track->uuid = (UINT64_C(1) << 32) + i;
    ok = ok && write_thread(file, track, process);
  }
  return ok;
}

static Perfetto__TrackEvent__Type type_of(const trace_t* trace, size_t event) {
  size_t partner = trace->links[event].partner;
  return partner == NONE   ? PERFETTO__TRACK_EVENT__TYPE__TYPE_INSTANT
         : partner > event ? PERFETTO__TRACK_EVENT__TYPE__TYPE_SLICE_BEGIN
                           : PERFETTO__TRACK_EVENT__TYPE__TYPE_SLICE_END;
}

static bool write_event(const trace_t* trace, size_t i, FILE* file) {
  const trace_event_t* recorded = &trace->recording->events[i].event;
  Perfetto__TracePacket packet = PERFETTO__TRACE_PACKET__INIT;
  Perfetto__TrackEvent event = PERFETTO__TRACK_EVENT__INIT;
  Perfetto__DebugAnnotation argument = PERFETTO__DEBUG_ANNOTATION__INIT, *arguments = &argument;
  uint64_t flow = trace->links[i].flow;
  argument.name = (char*)(uintptr_t) "argument";
  argument.has_uint_value = true;
  argument.uint_value = recorded->argument;
  packet.has_timestamp = packet.has_trusted_packet_sequence_id = true;
  packet.timestamp = recorded->time_ns;
  packet.trusted_packet_sequence_id = 1;
  packet.track_event = &event;
  event.has_type = event.has_track_uuid = true;
  event.type = type_of(trace, i);
  event.track_uuid = trace->tracks[trace->links[i].track].uuid;
  event.n_debug_annotations = 1;
  event.debug_annotations = &arguments;
  if (event.type != PERFETTO__TRACK_EVENT__TYPE__TYPE_SLICE_END)
    event.name = (char*)(uintptr_t)trace->names[trace->links[i].name].text;
  if (flow != 0) {
    event.n_flow_ids = 1;
    event.flow_ids = &flow;
  }
  return write_packet(file, &packet);
}

bool trace_file_write(FILE* file, const char* name, const realm_t* realm, const manager_t* manager) {
  recording_t recording;
  recording_read(&recording, realm, manager);
  trace_t trace = {.arena = realm->arena, .recording = &recording};
  prepare(&trace);
  pair(&trace);
  follow(&trace);
  bool ok = write_tracks(&trace, manager, file);
  for (size_t i = 0; ok && i < recording.count; i++)
    ok = write_event(&trace, i, file);
  ok = fflush(file) == 0 && ok;
  if (!ok) {
    fprintf(stderr, "jacinth: cannot write the trace to %s: %s\n", name, strerror(errno));
    return false;
  }
  fprintf(stderr, "jacinth: %zu events in %s, which https://ui.perfetto.dev shows", recording.count, name);
  if (recording.overwritten > 0)
    fprintf(stderr, "; %llu older ones found no room", (unsigned long long)recording.overwritten);
  fputc('\n', stderr);
  return true;
}
