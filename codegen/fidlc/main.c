// fidlc: reads the command line and the files, compiles, writes what was asked for.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dump.h"
#include "fidlc.h"
#include "numbers.h"
#include "options.h"
#include "output.h"
#include "plugin.h"
#include "search.h"

enum { EXIT_OK = 0, EXIT_ERRORS = 1, EXIT_USAGE = 2 };

static bool read_sources(const options_t* options, fidlc_t* fidlc) {
  size_t groups = 0;
  for (size_t i = 0; i < options->file_count; i++) {
    const file_option_t* file = &options->files[i];
    for (; groups <= file->group; groups++)
      fidlc_add_library(fidlc);
    size_t length = 0;
    char* bytes = read_whole_file(file->path, &length);
    if (!bytes) {
      fprintf(stderr, "fidlc: cannot read %s: %s\n", file->path, strerror(errno));
      return false;
    }
    fidlc_add_file(fidlc, file->path, bytes, length);
    free(bytes);
  }
  return true;
}

static bool add_ir(const char* path, const Fidl__Ir__Library* library, output_t* output) {
  size_t length = fidl__ir__library__get_packed_size(library);
  char* bytes = malloc(length ? length : 1);
  if (!bytes) abort();
  fidl__ir__library__pack(library, (uint8_t*)bytes);
  return output_add(output, path, bytes, length);
}

static bool add_json(const char* path, fidlc_t* fidlc, output_t* output) {
  char* text = NULL;
  size_t length = 0;
  FILE* out = open_memstream(&text, &length);
  if (!out) abort();
  fidlc_write_json_ir(fidlc, out);
  if (fclose(out) != 0) abort();
  return output_add(output, path, text, length);
}

static void print_escaped(FILE* out, const char* path) {
  for (; *path; path++) {
    if (*path == ' ' || *path == '#' || *path == '\\') fputc('\\', out);
    if (*path == '$') fputc('$', out);
    fputc(*path, out);
  }
}

static void print_rule(FILE* out, const options_t* options, const char* path) {
  print_escaped(out, path);
  fputs(" :", out);
  for (size_t i = 0; i < options->file_count; i++) {
    fputc(' ', out);
    print_escaped(out, options->files[i].path);
  }
  fputc('\n', out);
}

// "output : every input", for each output in the order they were asked for.
static bool add_depfile(const options_t* options, output_t* output) {
  char* text = NULL;
  size_t length = 0;
  FILE* out = open_memstream(&text, &length);
  if (!out) abort();
  for (const output_file_t* file = output->files; file; file = file->next)
    print_rule(out, options, file->path);
  fclose(out);
  return output_add(output, options->depfile, text, length);
}

static bool write_outputs(const options_t* options, fidlc_t* fidlc, const Fidl__Ir__Library* library) {
  output_t output = {0};
  bool ok = true;
  if (!options->check) {
    if (options->ir_path) ok = add_ir(options->ir_path, library, &output);
    if (ok && options->json_path) ok = add_json(options->json_path, fidlc, &output);
    for (size_t i = 0; ok && i < options->plugin_count; i++) {
      ok = plugin_run(options, &options->plugins[i], library, &output);
    }
    if (ok && options->depfile) ok = add_depfile(options, &output);
    for (size_t i = 0; i < options->file_count; i++)
      output_keep(&output, options->files[i].path);
    if (ok) ok = output_commit(&output);
    if (ok && options->dump) dump_message(&library->base, stdout);
  }
  output_discard(&output);
  return ok;
}

static void print_diagnostics(const options_t* options, fidlc_t* fidlc) {
  if (options->json) {
    fidlc_print_json(fidlc, stderr);
    return;
  }
  bool colour = options->colour == 1;
  if (options->colour < 0) colour = isatty(STDERR_FILENO) && !getenv("NO_COLOR");
  fidlc_print(fidlc, stderr, colour);
}

static int compile(const options_t* options) {
  int status = EXIT_ERRORS;
  fidlc_t* fidlc = fidlc_create(&options->compile);
  if (read_sources(options, fidlc)) {
    const Fidl__Ir__Library* library = fidlc_compile(fidlc);
    print_diagnostics(options, fidlc);
    if (library && write_outputs(options, fidlc, library)) status = EXIT_OK;
  } else {
    status = EXIT_USAGE;
  }
  fidlc_destroy(fidlc);
  return status;
}

static void explain(int number) {
  const diagnostic_number_t* entry = diagnostic_number(number);
  const char* const kStates[] = {"error", "warning", "retired", "never reported"};
  const char* text = entry->text ? entry->text : "older compilers reported it; nothing does any more";
  printf("FI-%04d (%s): %s\n", number, kStates[entry->state], text);
}

// Installed beside the program, or where it was built from.
static bool print_schema(const options_t* options) {
  char* installed = NULL;
  size_t length = 0;
  if (asprintf(&installed, "%s/../share/fidlc/ir.schema.json", options->self_dir ? options->self_dir : ".") <
      0)
    abort();
  char* text = read_whole_file(installed, &length);
  if (!text) text = read_whole_file(FIDLC_SCHEMA, &length);
  if (text) {
    fwrite(text, 1, length, stdout);
  } else {
    fprintf(stderr, "fidlc: the schema is neither %s nor %s\n", installed, FIDLC_SCHEMA);
  }
  bool found = text != NULL;
  free(installed);
  free(text);
  return found;
}

int main(int argc, char** argv) {
  options_t options;
  int status = EXIT_USAGE;
  if (options_parse(argc, argv, &options)) {
    if (options.help) {
      options_print_help(stdout);
      status = EXIT_OK;
    } else if (options.version) {
      puts("fidlc (Jacinth) " FIDLC_VERSION);
      status = EXIT_OK;
    } else if (options.explain) {
      explain(options.explain);
      status = EXIT_OK;
    } else if (options.json_schema) {
      status = print_schema(&options) ? EXIT_OK : EXIT_ERRORS;
    } else {
      search_libraries(&options);
      status = compile(&options);
    }
  }
  options_free(&options);
  if (!output_finish_printing() && status == EXIT_OK) status = EXIT_ERRORS;
  return status;
}
