// Finding libraries that are used but not given.
#ifndef CODEGEN_FIDLC_SEARCH_H_
#define CODEGEN_FIDLC_SEARCH_H_

#include "options.h"

// Completes `options->files`: for each library that one of them uses and that no --files group holds, the
// files DIR/LIBRARY/*.fidl of the first --libraries folder that has some, and those it uses likewise, each
// library once and before the first that uses it. What is not found is left to the compiler to report.
void search_libraries(options_t* options);

#endif  // CODEGEN_FIDLC_SEARCH_H_
