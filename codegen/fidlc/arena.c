// A bump allocator over blocks that double up to a limit; large requests get a block of their own.
#include "arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
  arena_block_t* next;
  size_t size;
  _Alignas(16) char data[];
};

static const size_t kFirstBlock = 16 << 10;
static const size_t kLargestBlock = 1 << 20;

static arena_block_t* add_block(arena_t* arena, size_t size) {
  arena_block_t* block = calloc(1, sizeof(arena_block_t) + size);
  if (!block) {
    fputs("fidlc: out of memory\n", stderr);
    abort();
  }
  block->size = size;
  block->next = arena->blocks;
  arena->blocks = block;
  return block;
}

void arena_init(arena_t* arena) {
  *arena = (arena_t){0};
}

void arena_deinit(arena_t* arena) {
  for (arena_block_t* block = arena->blocks; block;) {
    arena_block_t* next = block->next;
    free(block);
    block = next;
  }
  *arena = (arena_t){0};
}

void* arena_alloc(arena_t* arena, size_t size) {
  size = (size + 15) & ~(size_t)15;
  arena->allocated += size;
  if (size > kLargestBlock / 4) {
    arena_block_t* large = add_block(arena, size);
    return large->data;
  }
  if ((size_t)(arena->end - arena->next) < size) {
    size_t wanted = arena->allocated < kFirstBlock ? kFirstBlock : arena->allocated;
    if (wanted > kLargestBlock) wanted = kLargestBlock;
    arena_block_t* block = add_block(arena, wanted);
    arena->next = block->data;
    arena->end = block->data + block->size;
  }
  void* result = arena->next;
  arena->next += size;
  return result;
}

char* arena_copy(arena_t* arena, const char* data, size_t length) {
  char* copy = arena_alloc(arena, length + 1);
  if (length) memcpy(copy, data, length);
  return copy;
}

char* arena_vprintf(arena_t* arena, const char* format, va_list args) {
  va_list again;
  va_copy(again, args);
  int length = vsnprintf(NULL, 0, format, args);
  char* text = arena_alloc(arena, length < 0 ? 1 : (size_t)length + 1);
  if (length > 0) vsnprintf(text, (size_t)length + 1, format, again);
  va_end(again);
  return text;
}

char* arena_printf(arena_t* arena, const char* format, ...) {
  va_list args;
  va_start(args, format);
  char* text = arena_vprintf(arena, format, args);
  va_end(args);
  return text;
}

void ptr_list_add(arena_t* arena, ptr_list_t* list, const void* item) {
  if (list->count == list->capacity) {
    uint32_t capacity = list->capacity ? 2 * list->capacity : 4;
    void** items = arena_alloc(arena, capacity * sizeof(void*));
    if (list->count) memcpy(items, list->items, list->count * sizeof(void*));
    list->items = items;
    list->capacity = capacity;
  }
  list->items[list->count++] = (void*)(uintptr_t)item;
}
