// Memory that is freed all at once: a parsed manifest and everything made from it live in one arena.
#ifndef COMPONENT_MANAGER_CML_ARENA_H_
#define COMPONENT_MANAGER_CML_ARENA_H_

#include <stddef.h>

typedef struct cml_arena cml_arena_t;

// Returns an empty arena, NULL if there is no memory.
cml_arena_t* cml_arena_create(void);

// Frees the arena and everything allocated from it. Accepts NULL.
void cml_arena_destroy(cml_arena_t* arena);

// Returns `size` zeroed bytes, aligned for any type, that live as long as the arena. Manifests are small and
// read once, before anything is started: where there is no memory for one the process ends with a message.
void* cml_arena_alloc(cml_arena_t* arena, size_t size);

// Returns a NUL-terminated copy of `size` bytes.
char* cml_arena_strndup(cml_arena_t* arena, const char* text, size_t size);

// Returns a formatted, NUL-terminated string.
char* cml_arena_printf(cml_arena_t* arena, const char* format, ...) __attribute__((format(printf, 2, 3)));

// Returns memory of `new_count` elements that begins with the `count` elements at `old` (which is not freed
// and must not be written any more). For arrays that grow; see cml_arena_push.
void* cml_arena_grow(cml_arena_t* arena, const void* old, size_t count, size_t new_count,
                     size_t element_size);

// Appends room for one element to an array of `*count` elements at `*array` and returns the new, zeroed
// element. An array must only ever grow through this function, from {NULL, 0}.
#define cml_arena_push(arena, array, count)                                                          \
  ((((*(count)) & (*(count)-1)) == 0                                                                 \
        ? (void)(*(array) = cml_arena_grow((arena), *(array), *(count), *(count) ? 2 * *(count) : 1, \
                                           sizeof **(array)))                                        \
        : (void)0),                                                                                  \
   &(*(array))[(*(count))++])

#endif  // COMPONENT_MANAGER_CML_ARENA_H_
