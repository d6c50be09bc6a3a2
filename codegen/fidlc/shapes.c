// Type shapes: inline sizes in dependency order, then depths and bounds over strongly connected components,
// since a recursive type has no bound.
#include <string.h>

#include "compiler.h"

typedef struct shape_frame {
  decl_t* decl;
  member_t* next_member;
} shape_frame_t;

typedef struct shape_walk {
  compiler_t* c;
  shape_frame_t* stack;
  uint32_t depth;
  uint32_t capacity;
  ptr_list_t component;  // Tarjan's stack
} shape_walk_t;

static uint32_t align_up(uint32_t value, uint32_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

static uint32_t add(uint32_t a, uint32_t b) {
  return a > SHAPE_UNBOUNDED - b ? SHAPE_UNBOUNDED : a + b;
}

static uint32_t multiply(uint64_t a, uint64_t b) {
  return a && b > SHAPE_UNBOUNDED / a ? SHAPE_UNBOUNDED : (uint32_t)(a * b);
}

static uint32_t align8(uint32_t value) {
  return value > SHAPE_UNBOUNDED - 7 ? SHAPE_UNBOUNDED : align_up(value, 8);
}

static uint32_t max(uint32_t a, uint32_t b) {
  return a > b ? a : b;
}

static shape_t fixed(uint32_t size, uint32_t alignment) {
  return (shape_t){.inline_size = size, .alignment = alignment};
}

// What a pointer to `count` values of `target` adds: one level, and the padded object.
static shape_t pointer_shape(uint32_t size, shape_t target, uint64_t count) {
  shape_t shape = fixed(size, 8);
  shape.depth = add(target.depth, 1);
  shape.max_handles = multiply(target.max_handles, count);
  uint32_t content = add(multiply(target.inline_size, count), multiply(target.max_out_of_line, count));
  shape.max_out_of_line = align8(content);
  // The reference's rule, which does not look at how many there are.
  shape.has_padding = target.has_padding || target.inline_size % 8 != 0;
  shape.has_flexible_envelope = target.has_flexible_envelope;
  return shape;
}

// experimental_pointer is an address and no part of a message: what it points at is nowhere in it.
static shape_t address_shape(shape_t target) {
  shape_t shape = fixed(8, 8);
  shape.depth = add(target.depth, 1);
  shape.max_handles = target.max_handles;
  shape.max_out_of_line = target.max_out_of_line;
  return shape;
}

static shape_t array_shape(const type_t* type) {
  shape_t element = type_shape(type->element);
  shape_t shape = element;
  shape.inline_size = multiply(element.inline_size, type->count);
  shape.max_handles = multiply(element.max_handles, type->count);
  shape.max_out_of_line = multiply(element.max_out_of_line, type->count);
  return shape;
}

static shape_t identifier_shape(const type_t* type) {
  const decl_t* decl = type->decl;
  if (decl->kind == DECL_BITS || decl->kind == DECL_ENUM) {
    uint32_t size = decl->type ? primitive_size(decl->type->primitive) : 4;
    return fixed(size, size);
  }
  if (decl->kind == DECL_NEWTYPE) return decl->type ? type_shape(decl->type) : fixed(1, 1);
  // Recursion may reach a union before its turn; its inline size does not depend on anything.
  if (!decl->has_shape)
    return decl->kind == DECL_UNION || decl->kind == DECL_TABLE ? fixed(16, 8) : fixed(0, 1);
  return decl->shape;
}

shape_t type_shape(const type_t* type) {
  shape_t shape;
  switch (type->kind) {
    case TYPE_PRIMITIVE:
      return fixed(primitive_size(type->primitive), primitive_size(type->primitive));
    case TYPE_STRING:
      return pointer_shape(16, fixed(1, 1), type->bounded ? type->count : SHAPE_UNBOUNDED);
    case TYPE_VECTOR:
      return pointer_shape(16, type_shape(type->element), type->bounded ? type->count : SHAPE_UNBOUNDED);
    case TYPE_BOX:
      return pointer_shape(8, type_shape(type->element), 1);
    case TYPE_POINTER:
      return address_shape(type_shape(type->element));
    case TYPE_ARRAY:
      return array_shape(type);
    case TYPE_STRING_ARRAY:
      return fixed((uint32_t)type->count, 1);
    case TYPE_HANDLE:
    case TYPE_CLIENT_END:
    case TYPE_SERVER_END:
      shape = fixed(4, 4);
      shape.max_handles = 1;
      return shape;
    case TYPE_FRAMEWORK_ERR:
      return fixed(4, 4);
    case TYPE_IDENTIFIER:
      return identifier_shape(type);
    case TYPE_UNTYPED_NUMERIC:
      break;
  }
  return fixed(0, 1);
}

// Offsets and the total size of a struct whose members' sizes are known.
static void place_members(compiler_t* c, decl_t* decl) {
  uint64_t offset = 0;
  uint32_t alignment = 1;
  member_t* previous = NULL;
  for (member_t* member = decl->members; member; member = member->next) {
    if (!member->type) continue;
    shape_t shape = type_shape(member->type);
    uint64_t start = (offset + shape.alignment - 1) & ~(uint64_t)(shape.alignment - 1);
    if (previous) previous->padding = (uint32_t)(start - offset);
    member->offset = (uint32_t)start;
    note_abi(c, member->syntax, (int64_t)start);
    offset = start + shape.inline_size;
    alignment = max(alignment, shape.alignment);
    previous = member;
    if (offset > SHAPE_UNBOUNDED) break;
  }
  uint64_t size = (offset + alignment - 1) & ~(uint64_t)(alignment - 1);
  if (previous && size <= SHAPE_UNBOUNDED) previous->padding = (uint32_t)(size - offset);
  if (!previous) size = 1;
  if (size > SHAPE_UNBOUNDED) {
    report_error(&c->diagnostics, decl->span, 207, "the size of `%s` does not fit in 32 bits",
                 decl->name->data);
    decl->failed = true;
    size = SHAPE_UNBOUNDED;
  }
  decl->shape.inline_size = (uint32_t)size;
  decl->shape.alignment = alignment;
}

static void place_overlay(decl_t* decl) {
  uint32_t largest = 0;
  for (member_t* member = decl->members; member; member = member->next) {
    if (member->type) largest = max(largest, type_shape(member->type).inline_size);
  }
  decl->shape.inline_size = add(8, align8(largest));
  decl->shape.alignment = 8;
}

static void inline_shape(compiler_t* c, decl_t* decl) {
  switch (decl->kind) {
    case DECL_STRUCT:
      place_members(c, decl);
      break;
    case DECL_OVERLAY:
      place_overlay(decl);
      break;
    case DECL_TABLE:
    case DECL_UNION:
      decl->shape = fixed(16, 8);
      break;
    default:
      return;
  }
  decl->has_shape = true;
}

// An array, wherever in the type of a member or of a new type, is within 32 bits, too.
static void check_arrays(compiler_t* c, decl_t* decl, const type_t* type) {
  for (; type; type = type->element) {
    if (type->kind != TYPE_ARRAY) continue;
    uint64_t element = type_shape(type->element).inline_size;
    if (element == 0 || type->count <= SHAPE_UNBOUNDED / element) continue;
    report_error(&c->diagnostics, type->span, 207, "the size of %s does not fit in 32 bits",
                 type_text(c, type));
    decl->failed = true;
    return;
  }
}

static void check_sizes(compiler_t* c, decl_t* decl) {
  if (decl->failed) return;
  if (decl->kind == DECL_NEWTYPE) check_arrays(c, decl, decl->type);
  if (!decl->has_shape) return;
  for (const member_t* member = decl->members; member; member = member->next)
    check_arrays(c, decl, member->type);
}

// The declaration whose layout lies inside a value of `type`, directly or behind pointers; NULL for none.
static decl_t* layout_of(const type_t* type) {
  while (type) {
    switch (type->kind) {
      case TYPE_VECTOR:
      case TYPE_ARRAY:
      case TYPE_BOX:
      case TYPE_POINTER:
        type = type->element;
        break;
      case TYPE_IDENTIFIER:
        if (type->decl->kind != DECL_NEWTYPE) return type->decl->has_shape ? type->decl : NULL;
        type = type->decl->type;
        break;
      default:
        return NULL;
    }
  }
  return NULL;
}

static void add_struct_member(shape_t* shape, const member_t* member) {
  shape_t inner = type_shape(member->type);
  shape->depth = max(shape->depth, inner.depth);
  shape->max_handles = add(shape->max_handles, inner.max_handles);
  shape->max_out_of_line = add(shape->max_out_of_line, inner.max_out_of_line);
  shape->has_padding = shape->has_padding || inner.has_padding || member->padding;
  shape->has_flexible_envelope = shape->has_flexible_envelope || inner.has_flexible_envelope;
}

// Content of an envelope: inline up to four bytes, else an object of its own.
static uint32_t envelope_content(shape_t inner) {
  if (inner.inline_size <= 4) return 0;
  return add(align8(inner.inline_size), inner.max_out_of_line);
}

static bool envelope_padding(shape_t inner) {
  return inner.has_padding || (inner.inline_size <= 4 ? inner.inline_size != 4 : inner.inline_size % 8 != 0);
}

static void table_shape(decl_t* decl) {
  shape_t shape = fixed(16, 8);
  uint32_t ordinals = 0;
  shape.depth = 1;
  for (const member_t* member = decl->members; member; member = member->next) {
    if (!member->type) continue;
    shape_t inner = type_shape(member->type);
    ordinals = max(ordinals, member->syntax->ordinal);
    shape.depth = max(shape.depth, add(inner.depth, 2));
    shape.max_handles = add(shape.max_handles, inner.max_handles);
    shape.max_out_of_line = add(shape.max_out_of_line, envelope_content(inner));
    shape.has_padding = shape.has_padding || envelope_padding(inner);
  }
  shape.max_out_of_line = add(shape.max_out_of_line, multiply(ordinals, 8));
  shape.has_flexible_envelope = true;
  decl->shape = shape;
}

static void union_shape(decl_t* decl) {
  shape_t shape = fixed(16, 8);
  shape.depth = 1;
  for (const member_t* member = decl->members; member; member = member->next) {
    if (!member->type) continue;
    shape_t inner = type_shape(member->type);
    shape.depth = max(shape.depth, add(inner.depth, 1));
    shape.max_handles = max(shape.max_handles, inner.max_handles);
    shape.max_out_of_line = max(shape.max_out_of_line, envelope_content(inner));
    shape.has_padding = shape.has_padding || envelope_padding(inner);
    shape.has_flexible_envelope = shape.has_flexible_envelope || inner.has_flexible_envelope;
  }
  shape.has_flexible_envelope = shape.has_flexible_envelope || !decl->strict;
  decl->shape = shape;
}

// Every member lies in the same place: padding is what the largest leaves behind a smaller one.
static void overlay_shape(decl_t* decl) {
  shape_t shape = fixed(decl->shape.inline_size, decl->shape.alignment);
  for (const member_t* member = decl->members; member; member = member->next) {
    if (!member->type) continue;
    shape_t inner = type_shape(member->type);
    shape.depth = max(shape.depth, inner.depth);
    shape.max_handles = max(shape.max_handles, inner.max_handles);
    shape.max_out_of_line = max(shape.max_out_of_line, inner.max_out_of_line);
    shape.has_padding = shape.has_padding || inner.has_padding || inner.inline_size + 8 != shape.inline_size;
    shape.has_flexible_envelope = shape.has_flexible_envelope || inner.has_flexible_envelope;
  }
  decl->shape = shape;
}

static void deep_shape(decl_t* decl) {
  if (decl->kind == DECL_TABLE) {
    table_shape(decl);
  } else if (decl->kind == DECL_UNION) {
    union_shape(decl);
  } else if (decl->kind == DECL_OVERLAY) {
    overlay_shape(decl);
  } else {
    shape_t shape = fixed(decl->shape.inline_size, decl->shape.alignment);
    for (const member_t* member = decl->members; member; member = member->next) {
      if (member->type) add_struct_member(&shape, member);
    }
    decl->shape = shape;
  }
}

// Members of a cycle share what they reach and have no bounds.
static void recursive_shapes(decl_t** decls, uint32_t count) {
  bool padding = false;
  bool flexible = false;
  bool handles = false;
  for (int round = 0; round < 2; round++) {
    for (uint32_t i = 0; i < count; i++) {
      decl_t* decl = decls[i];
      decl->recursive = true;
      deep_shape(decl);
      padding = padding || decl->shape.has_padding;
      flexible = flexible || decl->shape.has_flexible_envelope;
      handles = handles || decl->shape.max_handles;
    }
  }
  for (uint32_t i = 0; i < count; i++) {
    shape_t* shape = &decls[i]->shape;
    shape->depth = SHAPE_UNBOUNDED;
    shape->max_out_of_line = SHAPE_UNBOUNDED;
    shape->max_handles = handles ? SHAPE_UNBOUNDED : 0;
    shape->has_padding = padding;
    shape->has_flexible_envelope = flexible;
  }
}

static bool refers_to_itself(const decl_t* decl) {
  for (const member_t* member = decl->members; member; member = member->next) {
    if (member->type && layout_of(member->type) == decl) return true;
  }
  return false;
}

static void push(shape_walk_t* walk, decl_t* decl) {
  if (walk->depth == walk->capacity) {
    uint32_t capacity = walk->capacity ? 2 * walk->capacity : 64;
    shape_frame_t* stack = arena_alloc(walk->c->arena, capacity * sizeof(*stack));
    if (walk->depth) memcpy(stack, walk->stack, walk->depth * sizeof(*stack));
    walk->stack = stack;
    walk->capacity = capacity;
  }
  walk->stack[walk->depth++] = (shape_frame_t){decl, decl->members};
  decl->sort_index = decl->sort_low = ++walk->c->walk;
  decl->on_stack = true;
  ptr_list_add(walk->c->arena, &walk->component, decl);
}

static void finish(shape_walk_t* walk, decl_t* decl) {
  uint32_t start = walk->component.count;
  if (decl->sort_low != decl->sort_index) return;
  do {
    start--;
    ((decl_t*)walk->component.items[start])->on_stack = false;
  } while (walk->component.items[start] != decl);
  uint32_t count = walk->component.count - start;
  decl_t** decls = (decl_t**)&walk->component.items[start];
  if (count > 1 || refers_to_itself(decl)) {
    recursive_shapes(decls, count);
  } else {
    deep_shape(decl);
  }
  walk->component.count = start;
}

static void visit(shape_walk_t* walk, decl_t* root) {
  push(walk, root);
  while (walk->depth) {
    shape_frame_t* top = &walk->stack[walk->depth - 1];
    decl_t* decl = top->decl;
    member_t* member = top->next_member;
    if (!member) {
      finish(walk, decl);
      walk->depth--;
      if (walk->depth) {
        decl_t* parent = walk->stack[walk->depth - 1].decl;
        if (decl->sort_low < parent->sort_low) parent->sort_low = decl->sort_low;
      }
      continue;
    }
    top->next_member = member->next;
    decl_t* to = member->type ? layout_of(member->type) : NULL;
    if (!to || to->library != decl->library) continue;
    if (!to->sort_index) {
      push(walk, to);
    } else if (to->on_stack && to->sort_index < decl->sort_low) {
      decl->sort_low = to->sort_index;
    }
  }
}

void shape_library(compiler_t* c, library_t* library) {
  shape_walk_t walk = {.c = c};
  for (uint32_t i = 0; i < library->sorted.count; i++) {
    decl_t* decl = library->sorted.items[i];
    if (!decl->cyclic) inline_shape(c, decl);
  }
  for (uint32_t i = 0; i < library->sorted.count; i++)
    check_sizes(c, library->sorted.items[i]);
  for (uint32_t i = 0; i < library->sorted.count; i++) {
    decl_t* decl = library->sorted.items[i];
    if (decl->has_shape && !decl->sort_index) visit(&walk, decl);
  }
}
