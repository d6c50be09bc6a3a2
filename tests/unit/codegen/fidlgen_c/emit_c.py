"""The C program of one round: functions that build the values, the bytes they must have, and the checks."""
import model

PRELUDE = '''\
#include <fidl/test.random.h>
#include <lib/fidl/encoder.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_handles.h"

#define METADATA 0x20100

static uint32_t state = SEED;
static uint32_t next_random(void) {
  state = state * 1664525u + 1013904223u;
  return state >> 8;
}

static _Noreturn void fail(int number, const char* what) {
  fprintf(stderr, "value %d: %s\\n", number, what);
  exit(1);
}

static void* copy_of(const uint8_t* bytes, size_t size) {
  void* copy = malloc(size ? size : 1);
  if (!copy) abort();
  memcpy(copy, bytes, size);
  return copy;
}

static void expect(int number, const char* what, const fidl_type_t* type, void* value, const uint8_t* want, size_t size,
                   uint32_t num_handles) {
  static uint64_t room[8192];
  zx_handle_disposition_t sent[64];
  uint64_t metadata = 0, got = 0;
  uint32_t got_handles = 0;
  fidl_error_t error = fidl_standalone_encode(type, value, room, sizeof(room), sent, &metadata, &got, &got_handles);
  if (error != FIDL_ERROR_NONE) fail(number, fidl_error_name(error));
  for (uint32_t i = 0; i < got_handles; i++) zx_handle_close(sent[i].handle);
  if (got != size || got_handles != num_handles) fail(number, what);
  if (memcmp(room, want, size) != 0) fail(number, what);
  if (fake_handles_live() != 0) fail(number, "handles are left");
}

// The same into exactly as much room as it takes, into less, and with large data gathered.
static void expect_in_any_room(int number, const fidl_type_t* type, void* value, const uint8_t* want, size_t size) {
  static uint64_t room[8192], flat[8192];
  fidl_encoder_t encoder;
  uint8_t* exact = copy_of(want, size);
  memset(exact, 0x5a, size);
  fidl_encoder_init(&encoder, exact, size, UINT32_MAX, false);
  if (!fidl_encoder_add(&encoder, type, value)) fail(number, "does not encode into as much room as it takes");
  if (memcmp(exact, want, size) != 0) fail(number, "encodes to other bytes where room is tight");
  free(exact);
  for (size_t less = 0; less < size; less += 8 + next_random() % 64 / 8 * 8) {
    uint8_t* small = copy_of(want, less);
    fidl_encoder_init(&encoder, small, less, UINT32_MAX, false);
    if (fidl_encoder_add(&encoder, type, value)) fail(number, "encodes into too little room");
    if (encoder.error != FIDL_ERROR_MESSAGE_TOO_LARGE) fail(number, fidl_error_name(encoder.error));
    free(small);
  }
  fidl_encoder_init(&encoder, room, sizeof(room), sizeof(room), true);
  if (!fidl_encoder_add(&encoder, type, value)) fail(number, fidl_error_name(encoder.error));
  uint8_t* to = (uint8_t*)flat;
  for (uint32_t i = 0; i < encoder.num_iovecs; i++) {
    memcpy(to, encoder.iovecs[i].buffer, encoder.iovecs[i].capacity);
    to += encoder.iovecs[i].capacity;
  }
  const uint8_t* rest = fidl_encode_segment(&encoder);
  memcpy(to, rest, (size_t)(encoder.next - rest));
  to += encoder.next - rest;
  if ((size_t)(to - (uint8_t*)flat) != size || memcmp(flat, want, size) != 0)
    fail(number, "encodes to other bytes when gathered");
}

static fidl_error_t decode(const fidl_type_t* type, void* bytes, size_t size, uint32_t num_handles, void** out) {
  zx_handle_info_t handles[64];
  for (uint32_t i = 0; i < num_handles; i++)
    handles[i] = (zx_handle_info_t){.handle = fake_handle(0, 0x7fffffff), .rights = 0x7fffffff};
  return fidl_standalone_decode(type, METADATA, bytes, size, handles, num_handles, out);
}

// Whatever the bytes are, nothing breaks and no handle is left.
static void damaged(int number, const fidl_type_t* type, const uint8_t* bytes, size_t size, uint32_t num_handles) {
  void* copy = copy_of(bytes, size);
  void* value;
  if (decode(type, copy, size, num_handles, &value) == FIDL_ERROR_NONE && type->close_handles)
    type->close_handles(value);
  if (fake_handles_live() != 0) fail(number, "handles are left by damaged bytes");
  free(copy);
}

static void damage(int number, const fidl_type_t* type, const uint8_t* bytes, size_t size, uint32_t num_handles) {
  uint8_t* copy = copy_of(bytes, size);
  for (int i = 0; i < 200 && size; i++) {
    size_t at = next_random() % size;
    uint8_t before = copy[at];
    copy[at] = (uint8_t)(next_random() % 3 ? before ^ (1u << next_random() % 8) : next_random());
    damaged(number, type, copy, size, num_handles);
    copy[at] = before;
    fake_handles_reset();
  }
  for (int i = 0; i < 30; i++) {
    damaged(number, type, bytes, next_random() % (size + 1), num_handles);
    damaged(number, type, bytes, size, next_random() % 65);
    fake_handles_reset();
  }
  free(copy);
}

static void check(int number, const fidl_type_t* type, void* value, void (*build)(void*), const uint8_t* bytes,
                  size_t size, uint32_t num_handles) {
  void* decoded;
  uint8_t* copy = copy_of(bytes, size);
  build(value);
  expect(number, "encodes to other bytes", type, value, bytes, size, num_handles);
  if (num_handles == 0) expect_in_any_room(number, type, value, bytes, size);
  fidl_error_t error = decode(type, copy, size, num_handles, &decoded);
  if (error != FIDL_ERROR_NONE) fail(number, fidl_error_name(error));
  expect(number, "encodes to other bytes after decoding", type, decoded, bytes, size, num_handles);
  build(value);
  decoded = fidl_duplicate(type, value);
  if (!decoded) fail(number, "cannot be copied");
  expect(number, "encodes to other bytes after copying", type, decoded, bytes, size, num_handles);
  free(decoded);
  free(copy);
  damage(number, type, bytes, size, num_handles);
  fake_handles_reset();
}
'''

C_NAMES = {'float32': 'float', 'float64': 'double'}


def mangle(t):
    if t.kind == 'prim':
        return t.name
    if t.kind in ('bool', 'string', 'handle'):
        return t.kind
    if t.kind == 'vector':
        return 'vector_' + mangle(t.element)
    if t.kind == 'array':
        return f'array{t.count}_' + mangle(t.element)
    return ('box_' if t.kind == 'box' else '') + 'test_random_' + t.decl.name


def c_type(t):
    """(base, dimensions)"""
    if t.kind == 'prim':
        return C_NAMES.get(t.name, t.name + '_t'), ''
    if t.kind == 'array':
        base, dims = c_type(t.element)
        return base, f'[{t.count}]{dims}'
    if t.kind == 'vector':
        return f'fidl_vector_{mangle(t.element)}_t', ''
    if t.kind == 'ref':
        return 'test_random_' + t.decl.name, ''
    if t.kind == 'box':
        return f'test_random_{t.decl.name}*', ''
    return {'bool': 'bool', 'string': 'fidl_string_t', 'handle': 'zx_handle_t'}[t.kind], ''


def literal(data):
    return '"' + ''.join(f'\\{b:03o}' for b in data) + '"'


class Builder:
    """Statements that fill a value."""

    def __init__(self):
        self.lines = []
        self.count = 0

    def variable(self, t, length=None):
        self.count += 1
        name = f'v{self.count}'
        base, dims = c_type(t)
        length = '' if length is None else f'[{max(1, length)}]'
        self.lines.append(f'  static {base} {name}{length}{dims};')
        self.lines.append(f'  memset(&{name}, 0, sizeof({name}));')
        return name

    def assign(self, to, t, value):
        if value is None or value is False:
            return
        if t.kind in ('prim', 'bool', 'handle'):
            self.scalar(to, t, value)
        elif t.kind == 'string':
            self.lines.append(f'  {to} = (fidl_string_t){{{len(value)}, (char*)(uintptr_t){literal(value)}}};')
        elif t.kind == 'vector':
            name = self.variable(t.element, len(value))
            for i, v in enumerate(value):
                self.assign(f'{name}[{i}]', t.element, v)
            self.lines.append(f'  {to}.count = {len(value)};')
            self.lines.append(f'  {to}.data = {name};')
        elif t.kind == 'array':
            for i, v in enumerate(value):
                self.assign(f'{to}[{i}]', t.element, v)
        elif t.kind == 'box':
            name = self.variable(model.Type('ref', decl=t.decl))
            self.assign(name, model.Type('ref', decl=t.decl), value)
            self.lines.append(f'  {to} = &{name};')
        else:
            getattr(self, t.decl.kind)(to, t.decl, value)

    def scalar(self, to, t, value):
        if t.kind == 'bool':
            text = 'true'
        elif t.kind == 'handle':
            text = 'fake_handle(0, 0x7fffffff)'
        elif t.name.startswith('float'):
            text = f'({c_type(t)[0]}){value}'
        else:
            text = self.integer(c_type(t)[0], value)
        self.lines.append(f'  {to} = {text};')

    @staticmethod
    def integer(base, value):
        if value < 0:
            return f'({base})(-INT64_C({-value - 1}) - 1)'
        return f'({base})UINT64_C({value})'

    def enum(self, to, decl, value):
        self.lines.append(f'  {to} = {self.integer("test_random_" + decl.name, value)};')

    bits = enum

    def struct(self, to, decl, value):
        if not decl.members:
            self.lines.append(f'  {to}._empty = 0x5a;')
        ends = decl.offsets()[0][1:] + [decl.size()]
        for i, ((_, name, t), v, offset, end) in enumerate(zip(decl.members, value, decl.offsets()[0], ends)):
            self.assign(f'{to}.{name}', t, v)
            if offset + t.size() < end:  # what is there in memory must not reach the wire
                self.lines.append(f'  memset({to}._padding{i}, 0x5a, sizeof({to}._padding{i}));')

    def table(self, to, decl, value):
        prefix = 'test_random_' + decl.name
        self.count += 1
        frame = f'f{self.count}'
        self.lines.append(f'  static {prefix}_frame_t {frame};')
        self.lines.append(f'  {prefix}_init(&{to}, &{frame});')
        for ordinal, name, t in decl.members:
            if ordinal not in value:
                continue
            variable = self.variable(t)
            self.assign(variable, t, value[ordinal])
            self.lines.append(f'  {prefix}_set_{name}(&{to}, {variable if t.size() <= 4 else "&" + variable});')
            self.lines.append(f'  if (!{prefix}_has_{name}(&{to})) abort();')

    def union(self, to, decl, value):
        prefix = 'test_random_' + decl.name
        _, name, t = next(m for m in decl.members if m[0] == value[0])
        variable = self.variable(t)
        self.assign(variable, t, value[1])
        self.lines.append(f'  {to} = {prefix}_with_{name}({variable if t.size() <= 4 else "&" + variable});')


def program(library, seed):
    out = [PRELUDE.replace('SEED', str(seed))]
    calls = []
    for number, (decl, value, data, handles) in enumerate(library.cases):
        builder = Builder()
        builder.assign('(*to)', model.Type('ref', decl=decl), value)
        c_name = 'test_random_' + decl.name
        used = any('(*to)' in line for line in builder.lines)
        body = '\n'.join(builder.lines)
        out.append(f'static void build{number}(void* object) {{\n  {c_name}* to = object;\n  memset(to, 0, sizeof(*to));\n'
                   f'{body}\n{"" if used else "  (void)to;"}\n}}\n')
        out.append(f'static const uint8_t bytes{number}[] = {{' + ','.join(str(b) for b in data) + '};\n')
        calls.append(f'  static {c_name} value{number};\n  check({number}, &{c_name}_type_, &value{number}, build{number}, '
                     f'bytes{number}, sizeof(bytes{number}), {handles});')
    out.append('int main(void) {\n' + '\n'.join(calls) + '\n  return 0;\n}\n')
    return '\n'.join(out)
