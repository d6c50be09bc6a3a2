// A list of blocks; small allocations share one, large ones get their own.
#include "arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 16384u

typedef struct block {
  struct block* next;
  size_t used, size;
  _Alignas(max_align_t) char bytes[];
} block_t;

struct cml_arena {
  block_t* blocks;
};

static void out_of_memory(void) {
  fputs("jacinth: out of memory while reading a manifest\n", stderr);
  abort();
}

cml_arena_t* cml_arena_create(void) {
  return calloc(1, sizeof(cml_arena_t));
}

void cml_arena_destroy(cml_arena_t* arena) {
  if (!arena) return;
  for (block_t *block = arena->blocks, *next; block; block = next) {
    next = block->next;
    free(block);
  }
  free(arena);
}

static block_t* add_block(cml_arena_t* arena, size_t size) {
  block_t* block = calloc(1, sizeof(block_t) + size);
  if (!block) out_of_memory();
  block->size = size;
  block->next = arena->blocks;
  arena->blocks = block;
  return block;
}

void* cml_arena_alloc(cml_arena_t* arena, size_t size) {
  const size_t alignment = _Alignof(max_align_t);
  if (size > SIZE_MAX / 2) out_of_memory();
  size = (size + alignment - 1) & ~(alignment - 1);
  block_t* block = arena->blocks;
  if (!block || block->size - block->used < size) {
    block =
        add_block(arena, size > BLOCK_BYTES / 4 && block ? size : (size > BLOCK_BYTES ? size : BLOCK_BYTES));
  }
  void* out = block->bytes + block->used;
  block->used += size;
  return out;
}

char* cml_arena_strndup(cml_arena_t* arena, const char* text, size_t size) {
  char* out = cml_arena_alloc(arena, size + 1);
  if (size > 0) memcpy(out, text, size);
  return out;
}

char* cml_arena_printf(cml_arena_t* arena, const char* format, ...) {
  va_list args;
  va_start(args, format);
  int size = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (size < 0) out_of_memory();
  char* out = cml_arena_alloc(arena, (size_t)size + 1);
  va_start(args, format);
  vsnprintf(out, (size_t)size + 1, format, args);
  va_end(args);
  return out;
}

void* cml_arena_grow(cml_arena_t* arena, const void* old, size_t count, size_t new_count,
                     size_t element_size) {
  if (new_count > SIZE_MAX / 2 / element_size) out_of_memory();
  char* out = cml_arena_alloc(arena, new_count * element_size);
  if (count > 0) memcpy(out, old, count * element_size);
  return out;
}
