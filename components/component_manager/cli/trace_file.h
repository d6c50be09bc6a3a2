// A recording as a file that Perfetto shows.
#ifndef COMPONENT_MANAGER_CLI_TRACE_FILE_H_
#define COMPONENT_MANAGER_CLI_TRACE_FILE_H_

#include "manager.h"

// Writes what the processes of a tree recorded to `file`, and says how much it was: each component is a
// process, each of its threads a track. Two trace points of which one is the other's end ("x" and "x.done",
// "x.reply" or "x.would_block") are a slice if they nest with the others of their thread; all other points
// are instants. Flows lead from a request to where it is served, from the reply to where it is received, and
// after the frames through the FIFOs. False, having said why, if that could not be written.
bool trace_file_write(FILE* file, const char* name, const realm_t* realm, const manager_t* manager);

#endif  // COMPONENT_MANAGER_CLI_TRACE_FILE_H_
