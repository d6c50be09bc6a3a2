// Back ends: programs that read a GenerateRequest on standard input and answer with a GenerateResponse.
#ifndef CODEGEN_FIDLC_PLUGIN_H_
#define CODEGEN_FIDLC_PLUGIN_H_

#include "options.h"
#include "output.h"

// Runs `plugin` and adds its files to `output`. A program without a slash in its name is looked for beside
// fidlc, in its build tree, then on the PATH. False (explained on stderr) on any failure.
bool plugin_run(const options_t* options, const plugin_option_t* plugin, const Fidl__Ir__Library* library,
                output_t* output);

#endif  // CODEGEN_FIDLC_PLUGIN_H_
