// Any bytes as FIDL source: no crash, no hang, no memory error, whatever they hold. A line "//// " begins
// another library, "//// + " another file of the same one, so that imports are reached too.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fidlc.h"

static void add_part(fidlc_t* fidlc, const char* name, const char* data, size_t length, bool same_library) {
  if (!same_library) fidlc_add_library(fidlc);
  fidlc_add_file(fidlc, name, data, length);
}

static void add_parts(fidlc_t* fidlc, const char* data, size_t length) {
  static const char kMark[] = "\n//// ";
  bool same_library = false;
  int count = 0;
  while (length) {
    const char* next = memmem(data, length, kMark, sizeof(kMark) - 1);
    size_t part = next ? (size_t)(next - data) + 1 : length;
    add_part(fidlc, count ? "more.fidl" : "first.fidl", data, part, same_library);
    data += part;
    length -= part;
    same_library = length > 6 && memcmp(data, "//// +", 6) == 0;
    if (++count == 8) return;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const char* const kAvailable[] = {"test:HEAD", "p:2,HEAD"};
  fidlc_options_t options = {.available = kAvailable, .available_count = 2};
  options.allow_new_types = options.zx_c_types = size % 2;
  options.allow_arbitrary_error_types = options.no_resource_attribute = size % 3 == 0;
  fidlc_t* fidlc = fidlc_create(&options);
  add_parts(fidlc, (const char*)data, size);
  const Fidl__Ir__Library* library = fidlc_compile(fidlc);
  if ((library != NULL) != (fidlc_error_count(fidlc) == 0)) abort();
  if (library) {
    size_t length = fidl__ir__library__get_packed_size(library);
    uint8_t* packed = malloc(length ? length : 1);
    if (!packed || fidl__ir__library__pack(library, packed) != length) abort();
    Fidl__Ir__Library* again = fidl__ir__library__unpack(NULL, length, packed);
    if (!again) abort();
    fidl__ir__library__free_unpacked(again, NULL);
    free(packed);
  }
  char* text = NULL;
  size_t text_size = 0;
  FILE* out = open_memstream(&text, &text_size);
  fidlc_print(fidlc, out, size % 5 == 0);
  fidlc_print_json(fidlc, out);
  if (library) fidlc_write_json_ir(fidlc, out);
  fclose(out);
  free(text);
  fidlc_destroy(fidlc);
  return 0;
}
