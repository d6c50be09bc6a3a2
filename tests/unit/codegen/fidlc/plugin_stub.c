#include "plugin_stub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ir.pb-c.h"

static Fidl__Ir__GenerateRequest* read_request(void) {
  char* bytes = NULL;
  size_t length = 0;
  FILE* out = open_memstream(&bytes, &length);
  for (int c; (c = getchar()) != EOF;)
    fputc(c, out);
  fclose(out);
  Fidl__Ir__GenerateRequest* request = fidl__ir__generate_request__unpack(NULL, length, (uint8_t*)bytes);
  free(bytes);
  return request;
}

static void answer(Fidl__Ir__GenerateResponse* response) {
  size_t length = fidl__ir__generate_response__get_packed_size(response);
  uint8_t* bytes = malloc(length ? length : 1);
  fidl__ir__generate_response__pack(response, bytes);
  fwrite(bytes, 1, length, stdout);
  fflush(stdout);
  free(bytes);
}

int plugin_stub(const char* behaviour) {
  Fidl__Ir__GenerateRequest* request = read_request();
  if (!request) return 3;
  if (strcmp(behaviour, "crashes") == 0) return 7;
  if (strcmp(behaviour, "babbles") == 0) {
    fputs("\x0a\xff\xff not a message", stdout);
    return 0;
  }
  char path[256];
  snprintf(path, sizeof(path), "%s%s.txt", strcmp(behaviour, "escapes") == 0 ? "../" : "sub/",
           request->library->name);
  Fidl__Ir__GenerateResponse response = FIDL__IR__GENERATE_RESPONSE__INIT;
  Fidl__Ir__GenerateResponse__File file = FIDL__IR__GENERATE_RESPONSE__FILE__INIT;
  Fidl__Ir__GenerateResponse__File* files[] = {&file};
  char error[] = "I will not";
  char* errors[] = {error};
  file.path = path;
  file.content.data = (uint8_t*)(request->n_parameters ? request->parameters[0] : path);
  file.content.len = strlen((char*)file.content.data);
  response.n_files = 1;
  response.files = files;
  if (strcmp(behaviour, "refuses") == 0) {
    response.n_errors = 1;
    response.errors = errors;
  }
  answer(&response);
  fidl__ir__generate_request__free_unpacked(request, NULL);
  return 0;
}
