// fidlgen_c: a back end of fidlc. Reads a GenerateRequest on standard input and answers on standard output
// with `fidl/LIBRARY.h` and `fidl/LIBRARY.c`. Exits 0 once it has answered (errors are part of the answer), 1
// if it could not read or answer, 2 for wrong usage.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claims.h"
#include "emit.h"
#include "protocol.h"

#define IR_VERSION 1
#define MAX_ERRORS 20

static const char usage[] =
    "usage: fidlgen_c [--help | --version] < REQUEST > RESPONSE\n"
    "The C back end of fidlc, which runs it: fidlc --c-out DIR --files a.fidl\n"
    "Reads a fidl.ir.GenerateRequest on standard input and writes a fidl.ir.GenerateResponse.\n";

static bool read_all(FILE* file, text_t* out) {
  char chunk[65536];
  size_t size;
  while ((size = fread(chunk, 1, sizeof(chunk), file)) > 0)
    text_add_bytes(out, chunk, size);
  return !ferror(file);
}

static Fidl__Ir__GenerateResponse__File* make_file(const char* path, const text_t* content) {
  Fidl__Ir__GenerateResponse__File* file = malloc(sizeof(*file));
  if (!file) abort();
  fidl__ir__generate_response__file__init(file);
  file->path = (char*)(uintptr_t)path;
  file->content.data = (uint8_t*)content->data;
  file->content.len = content->size;
  return file;
}

static bool answer(Fidl__Ir__GenerateResponse* response) {
  size_t size = fidl__ir__generate_response__get_packed_size(response);
  uint8_t* bytes = malloc(size ? size : 1);
  if (!bytes) return false;
  fidl__ir__generate_response__pack(response, bytes);
  bool ok = fwrite(bytes, 1, size, stdout) == size && fflush(stdout) == 0;
  free(bytes);
  return ok;
}

// Replaces a file's text by its final form.
static void finish(text_t* text) {
  text_t wrapped = {0};
  text_wrap(text, &wrapped);
  text_free(text);
  *text = wrapped;
}

// Methods over channels whose body holds the address of something: the other process could not look there.
static size_t find_addresses_sent(model_t* model, char** errors, size_t count) {
  for (size_t i = 0; i < model->library->n_decls; i++) {
    const decl_t* protocol = model->library->decls[i];
    if (protocol->kind != FIDL__IR__DECL__KIND__PROTOCOL || !protocol_on_channels(protocol)) continue;
    for (size_t j = 0; j < protocol->n_methods && count < MAX_ERRORS; j++) {
      const method_t* method = protocol->methods[j];
      bool sends = (method->request && model_holds_address(model, method->request)) ||
                   (method->response && model_holds_address(model, method->response));
      if (sends)
        errors[count++] = text_format(
            "%s.%s (%s:%u:%u) sends an experimental_pointer, which has no place in a message", protocol->name,
            method->name, method->span->file, method->span->line, method->span->column);
    }
  }
  return count;
}

// What keeps the library's C from being written, or from compiling. Returns the number of errors.
static size_t find_errors(model_t* model, char** errors) {
  if (model->library->version != IR_VERSION) {
    errors[0] = text_format("intermediate representation of version %u, expected %u", model->library->version,
                            IR_VERSION);
    return 1;
  }
  claims_t claims = claims_collect(model);
  size_t count = claims_collisions(&claims, errors, MAX_ERRORS);
  claims_free(&claims);
  return find_addresses_sent(model, errors, count < MAX_ERRORS ? count : MAX_ERRORS);
}

static bool generate(const library_t* library) {
  Fidl__Ir__GenerateResponse response = FIDL__IR__GENERATE_RESPONSE__INIT;
  Fidl__Ir__GenerateResponse__File* files[2];
  char* errors[MAX_ERRORS];
  text_t header = {0}, source = {0};
  model_t model;
  model_init(&model, library);
  response.errors = errors;
  response.n_errors = find_errors(&model, errors);
  if (response.n_errors == 0) emit_header(&model, &header);
  if (response.n_errors == 0 && !model.error) emit_source(&model, &source);
  if (response.n_errors == 0 && model.error) errors[response.n_errors++] = (char*)(uintptr_t)model.error;
  finish(&header);
  finish(&source);
  if (response.n_errors == 0) {
    files[0] = make_file(text_format("fidl/%s.h", library->name), &header);
    files[1] = make_file(text_format("fidl/%s.c", library->name), &source);
    response.files = files;
    response.n_files = 2;
  }
  bool ok = answer(&response);
  for (size_t i = 0; i < response.n_files; i++)
    free(files[i]);
  text_free(&header);
  text_free(&source);
  model_deinit(&model);
  return ok;
}

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "--help") == 0) {
    fputs(usage, stdout);
    return fflush(stdout) == 0 ? 0 : 1;
  }
  if (argc == 2 && strcmp(argv[1], "--version") == 0) {
    printf("fidlgen_c, intermediate representation %d\n", IR_VERSION);
    return fflush(stdout) == 0 ? 0 : 1;
  }
  if (argc > 1) {
    fputs(usage, stderr);
    return 2;
  }
  text_t input = {0};
  if (!read_all(stdin, &input)) {
    fprintf(stderr, "fidlgen_c: cannot read standard input: %s\n", strerror(errno));
    return 1;
  }
  Fidl__Ir__GenerateRequest* request =
      fidl__ir__generate_request__unpack(NULL, input.size, (const uint8_t*)text_string(&input));
  text_free(&input);
  if (!request) {
    fputs("fidlgen_c: standard input holds no GenerateRequest; fidlc runs this program\n", stderr);
    return 1;
  }
  bool ok = generate(request->library);
  fidl__ir__generate_request__free_unpacked(request, NULL);
  text_free_formatted();
  if (!ok) fputs("fidlgen_c: cannot write the answer\n", stderr);
  return ok ? 0 : 1;
}
