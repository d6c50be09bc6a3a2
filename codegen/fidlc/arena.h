// Memory of one compilation: everything the compiler builds lives in one arena and dies with it, so nothing
// in the compiler frees anything. Out of memory ends the process: there is no half-compiled result to save.
#ifndef CODEGEN_FIDLC_ARENA_H_
#define CODEGEN_FIDLC_ARENA_H_

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

typedef struct arena_block arena_block_t;

typedef struct arena {
  arena_block_t* blocks;  // newest first
  char* next;
  char* end;
  size_t allocated;  // bytes asked for so far
} arena_t;

// A list of pointers that grows in an arena; zero-initialised is empty.
typedef struct ptr_list {
  void** items;
  uint32_t count;
  uint32_t capacity;
} ptr_list_t;

void arena_init(arena_t* arena);
// Frees all memory at once. Accepts an arena that was already deinitialised.
void arena_deinit(arena_t* arena);

// Returns `size` zeroed bytes, aligned for any type; never NULL.
void* arena_alloc(arena_t* arena, size_t size);
// Returns a NUL-terminated copy of `length` bytes.
char* arena_copy(arena_t* arena, const char* data, size_t length);
// Returns a NUL-terminated string formatted as printf does.
char* arena_printf(arena_t* arena, const char* format, ...) __attribute__((format(printf, 2, 3)));
char* arena_vprintf(arena_t* arena, const char* format, va_list args) __attribute__((format(printf, 2, 0)));

// Appends `item`. Earlier `items` pointers stop being current.
void ptr_list_add(arena_t* arena, ptr_list_t* list, const void* item);

#endif  // CODEGEN_FIDLC_ARENA_H_
