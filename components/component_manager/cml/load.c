// Files: reading one, and following its includes. An include that was merged already is passed over (diamonds
// are fine); one that is still being read is a cycle.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "read.h"

typedef struct loader {
  cml_reader_t reader;
  const char* root;
  const char** open;  // paths being read, outermost first
  size_t open_count;
  const char** done;
  size_t done_count;
} loader_t;

static bool load(loader_t* loader, const char* path, cml_location_t from, cml_document_t* out);

static bool read_file(loader_t* loader, const char* path, cml_location_t from, cml_source_t* out) {
  FILE* file = fopen(path, "rbe");
  char chunk[4096];
  char* text = NULL;
  size_t size = 0, room = 0, got = 0;
  if (!file)
    return cml_fail(loader->reader.error, from, "FileError", "cannot read %.900s: %s", path, strerror(errno));
  while (size <= JSON5_MAX_BYTES && (got = fread(chunk, 1, sizeof chunk, file)) > 0) {
    if (size + got + 1 > room) {
      room = 2 * (size + got + 1);
      text = cml_arena_grow(loader->reader.arena, text, size, room, 1);
    }
    memcpy(text + size, chunk, got);
    size += got;
  }
  bool failed = ferror(file);
  int error = errno;
  fclose(file);
  if (failed)
    return cml_fail(loader->reader.error, from, "FileError", "cannot read %.900s: %s", path, strerror(error));
  *out = (cml_source_t){path, size ? text : "", size};
  return true;
}

static const char* include_path(loader_t* loader, const char* includer, const char* include) {
  cml_arena_t* arena = loader->reader.arena;
  const char* slash = strrchr(includer, '/');
  if (strncmp(include, "//", 2) == 0) return cml_arena_printf(arena, "%s/%s", loader->root, include + 2);
  if (*include == '/' || !slash) return include;
  return cml_arena_printf(arena, "%.*s/%s", (int)(slash - includer), includer, include);
}

// One spelling for each file, so that a cycle is seen however its paths are written.
static const char* canonical(loader_t* loader, const char* path) {
  char* real = realpath(path, NULL);
  const char* out = real ? cml_arena_printf(loader->reader.arena, "%s", real) : path;
  free(real);
  return out;
}

static bool is_among(const char* path, const char* const* paths, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(paths[i], path) == 0) return true;
  }
  return false;
}

static bool load_include(loader_t* loader, const char* includer, const cml_string_t* include,
                         cml_document_t* out) {
  const char* path = include_path(loader, includer, include->text);
  const char* file = canonical(loader, path);
  cml_document_t included;
  if (is_among(file, loader->open, loader->open_count)) {
    return cml_fail(loader->reader.error, include->location, "IncludeCycle",
                    "%.500s includes itself through this line", path);
  }
  if (is_among(file, loader->done, loader->done_count)) return true;
  return load(loader, path, include->location, &included) && cml_merge(&loader->reader, out, &included);
}

static bool load(loader_t* loader, const char* path, cml_location_t from, cml_document_t* out) {
  cml_arena_t* arena = loader->reader.arena;
  cml_source_t* source = cml_arena_alloc(arena, sizeof *source);
  const char* file = canonical(loader, path);
  if (!read_file(loader, path, from, source)) return false;
  if (!cml_read(arena, source, out, loader->reader.error)) return false;
  *cml_arena_push(arena, &loader->open, &loader->open_count) = file;
  size_t depth = loader->open_count;
  for (size_t i = 0; i < out->include.count; i++) {
    if (!load_include(loader, path, &out->include.items[i], out)) return false;
  }
  // The array may only grow by cml_arena_push, which looks at the count: what was pushed is blanked, not
  // taken back.
  loader->open[depth - 1] = "";
  *cml_arena_push(arena, &loader->done, &loader->done_count) = file;
  return true;
}

bool cml_load(cml_arena_t* arena, const char* path, const char* root, cml_document_t* out,
              cml_error_t* error) {
  loader_t loader = {.reader = {arena, error}, .root = root};
  memset(error, 0, sizeof *error);
  return load(&loader, cml_arena_printf(arena, "%s", path), (cml_location_t){0}, out);
}
