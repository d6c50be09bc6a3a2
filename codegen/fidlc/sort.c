// Dependency order by a depth-first walk without recursion, and the cycles it meets.
#include <stdio.h>

#include "compiler.h"

typedef struct frame {
  decl_t* decl;
  uint32_t next_edge;
} frame_t;

typedef struct walk {
  compiler_t* c;
  library_t* library;
  frame_t* stack;
  uint32_t depth;
  uint32_t capacity;
} walk_t;

static void push(walk_t* walk, decl_t* decl) {
  if (walk->depth == walk->capacity) {
    uint32_t capacity = walk->capacity ? 2 * walk->capacity : 64;
    frame_t* stack = arena_alloc(walk->c->arena, capacity * sizeof(*stack));
    for (uint32_t i = 0; i < walk->depth; i++)
      stack[i] = walk->stack[i];
    walk->stack = stack;
    walk->capacity = capacity;
  }
  walk->stack[walk->depth++] = (frame_t){decl, 0};
  decl->on_stack = true;
}

// Everything on the stack from `decl` up is one cycle; it is reported once, at the declaration it begins
// with.
static void report_cycle(walk_t* walk, decl_t* decl) {
  compiler_t* c = walk->c;
  uint32_t start = walk->depth - 1;
  while (walk->stack[start].decl != decl)
    start--;
  bool known = true;
  for (uint32_t i = start; i < walk->depth; i++)
    known = known && walk->stack[i].decl->cyclic;
  if (known) return;
  diagnostic_t* error =
      report_error(&c->diagnostics, decl->span, 57, "`%s` depends on itself", decl->name->data);
  bool has_layout = false;
  for (uint32_t i = start; i < walk->depth; i++) {
    decl_t* from = walk->stack[i].decl;
    decl_t* to = i + 1 < walk->depth ? walk->stack[i + 1].decl : decl;
    from->cyclic = true;
    from->failed = true;
    has_layout = has_layout || from->layout;
    if (i - start < 8) {
      add_note(&c->diagnostics, error, from->span, "`%s` depends on `%s`", from->name->data, to->name->data);
    }
  }
  if (!has_layout) return;
  add_hint(&c->diagnostics, error, "box<>, or `:optional` on a union or vector, breaks a cycle of types");
}

static void visit(walk_t* walk, decl_t* root) {
  push(walk, root);
  while (walk->depth) {
    frame_t* top = &walk->stack[walk->depth - 1];
    decl_t* decl = top->decl;
    if (top->next_edge == decl->edges.count) {
      decl->on_stack = false;
      decl->sorted = true;
      ptr_list_add(walk->c->arena, &walk->library->sorted, decl);
      walk->depth--;
      continue;
    }
    decl_t* to = decl->edges.items[top->next_edge++];
    if (to->on_stack) {
      report_cycle(walk, to);
    } else if (!to->sorted && to->library == walk->library) {
      push(walk, to);
    }
  }
}

void sort_library(compiler_t* c, library_t* library) {
  walk_t walk = {.c = c, .library = library};
  for (uint32_t i = 0; i < library->decls.count; i++) {
    decl_t* decl = library->decls.items[i];
    if (!decl->sorted) visit(&walk, decl);
  }
}
