"""Random FIDL types and values, and the wire format as its description has it."""
import struct

PRIMITIVES = {'int8': (1, 'b'), 'int16': (2, 'h'), 'int32': (4, 'i'), 'int64': (8, 'q'), 'uint8': (1, 'B'),
              'uint16': (2, 'H'), 'uint32': (4, 'I'), 'uint64': (8, 'Q'), 'float32': (4, 'f'), 'float64': (8, 'd')}
TEXTS = ['', 'a', 'abc', 'plain text', 'seven77', 'eight888', 'nine99999', 'f\u00fcnf', '\u20ac', '\U0001f600', 'x' * 40, 'y' * 700,
         'with \0 inside', '\u00e9' * 20]


def align(value, to=8):
    return (value + to - 1) // to * to


class Type:
    """kind: prim bool string vector array box handle ref. Sizes are those of the wire."""

    def __init__(self, kind, name=None, element=None, count=None, optional=False, decl=None):
        self.kind, self.name, self.element, self.count = kind, name, element, count
        self.optional, self.decl = optional, decl

    def size(self):
        if self.kind == 'prim':
            return PRIMITIVES[self.name][0]
        if self.kind == 'array':
            return self.element.size() * self.count
        if self.kind == 'ref':
            return self.decl.size()
        return {'bool': 1, 'handle': 4, 'box': 8}.get(self.kind, 16)

    def alignment(self):
        if self.kind == 'array':
            return self.element.alignment()
        if self.kind == 'ref':
            return self.decl.alignment()
        return min(self.size(), 8)

    def text(self):
        bound = '' if self.count is None else str(self.count)
        constraint = ','.join(c for c in (bound, 'optional' if self.optional else '') if c)
        constraint = f':<{constraint}>' if constraint else ''
        if self.kind == 'prim':
            return self.name
        if self.kind == 'vector':
            return f'vector<{self.element.text()}>{constraint}'
        if self.kind == 'array':
            return f'array<{self.element.text()}, {self.count}>'
        if self.kind == 'box':
            return f'box<{self.decl.name}>'
        if self.kind == 'handle':
            return 'zx.Handle' + constraint
        if self.kind == 'ref':
            return self.decl.name + constraint
        return self.kind + constraint


class Decl:
    """kind: struct table union enum bits. Members of layouts: (ordinal, name, type)."""

    def __init__(self, kind, name, strict=False):
        self.kind, self.name, self.strict = kind, name, strict
        self.members, self.values, self.primitive = [], [], None

    def size(self):
        if self.kind in ('enum', 'bits'):
            return PRIMITIVES[self.primitive][0]
        if self.kind != 'struct':
            return 16
        return align(self.offsets()[1], self.alignment()) if self.members else 1

    def alignment(self):
        if self.kind in ('enum', 'bits'):
            return self.size()
        if self.kind != 'struct':
            return 8
        return max([t.alignment() for _, _, t in self.members], default=1)

    def offsets(self):
        offset, result = 0, []
        for _, _, member in self.members:
            offset = align(offset, member.alignment())
            result.append(offset)
            offset += member.size()
        return result, offset

    def text(self, resource):
        modifier = 'resource ' if resource else ''
        if self.kind in ('enum', 'bits'):
            body = ''.join(f'    V{i} = {v};\n' for i, v in enumerate(self.values))
            return f'type {self.name} = {"strict" if self.strict else "flexible"} {self.kind} : {self.primitive} {{\n{body}}};\n'
        if self.kind == 'union':
            modifier += 'strict ' if self.strict else 'flexible '
        body = ''.join(f'    {"" if self.kind == "struct" else f"{o}: "}{n} {t.text()};\n' for o, n, t in self.members)
        return f'type {self.name} = {modifier}{self.kind} {{\n{body}}};\n'


class Library:
    """Declarations that refer to earlier ones (and, optionally, to themselves), and values of them."""

    def __init__(self, rng):
        self.rng = rng
        self.resource = rng.random() < 0.4
        self.decls = []
        for i in range(rng.randint(10, 18)):
            self.decls.append(self.make_decl(f'T{i}'))
        layouts = [d for d in self.decls if d.kind not in ('enum', 'bits')]
        self.cases = []
        for decl in layouts:
            for _ in range(4):
                value = self.value(Type('ref', decl=decl), 4)
                data = encode(decl, value)
                if len(data[0]) <= 60000 and data[1] <= 64:
                    self.cases.append((decl, value, *data))

    def text(self):
        using = 'using zx;\n\n' if self.resource and any('zx.' in d.text(True) for d in self.decls) else ''
        return 'library test.random;\n\n' + using + '\n'.join(d.text(self.resource) for d in self.decls)

    def make_decl(self, name):
        rng = self.rng
        kind = rng.choice(['struct', 'struct', 'struct', 'table', 'table', 'union', 'union', 'enum', 'bits'])
        decl = Decl(kind, name, rng.random() < 0.5)
        if kind in ('enum', 'bits'):
            choices = [p for p in PRIMITIVES if p.startswith('uint' if kind == 'bits' else ('int', 'uint'))]
            decl.primitive = rng.choice(choices)
            bits = 8 * PRIMITIVES[decl.primitive][0]
            if kind == 'bits':
                decl.values = [1 << b for b in rng.sample(range(bits), rng.choice([1, 2, 5, 8]))]
            else:
                low = -100 if decl.primitive.startswith('int') else 0
                decl.values = rng.sample(range(low, 100), rng.randint(1, 5))
            return decl
        ordinals = list(range(1, 1 + rng.randint(0 if kind != 'union' else 1, 7)))
        if kind != 'struct':
            ordinals = sorted(rng.sample(range(1, 14), len(ordinals)))
        for ordinal in ordinals:
            decl.members.append((ordinal, f'm{ordinal}', self.make_type(3, kind == 'struct')))
        if kind == 'struct' and rng.random() < 0.3:
            decl.members.append((99, 'self', Type('box', decl=decl)))
        if kind == 'union' and rng.random() < 0.3:
            decl.members.append((20, 'self', Type('vector', element=Type('ref', decl=decl, optional=True))))
        return decl

    def make_type(self, depth, optional_allowed):
        rng = self.rng
        optional = optional_allowed and rng.random() < 0.3
        kinds = ['prim'] * 4 + ['bool', 'string', 'string'] + (['vector', 'vector', 'array', 'ref', 'ref', 'ref'] if depth else [])
        if self.resource:
            kinds.append('handle')
        kind = rng.choice(kinds)
        if kind == 'prim':
            return Type('prim', rng.choice(list(PRIMITIVES)))
        if kind == 'string':
            return Type('string', count=rng.choice([None, 100, 800]), optional=optional)
        if kind == 'vector':
            return Type('vector', element=self.make_type(depth - 1, True), count=rng.choice([None, 50, 200]), optional=optional)
        if kind == 'array':
            return Type('array', element=self.make_type(depth - 1, True), count=rng.randint(1, 4))
        if kind == 'ref' and self.decls:
            decl = rng.choice(self.decls)
            if decl.kind == 'struct' and optional:
                return Type('box', decl=decl)
            return Type('ref', decl=decl, optional=optional and decl.kind == 'union')
        if kind == 'handle':
            return Type('handle', optional=optional)
        return Type('bool')

    def value(self, t, depth):
        rng = self.rng
        if t.kind == 'prim':
            if t.name.startswith('float'):
                return rng.randint(-1000, 1000) / 8
            bits = 8 * PRIMITIVES[t.name][0]
            low = -(1 << (bits - 1)) if t.name.startswith('int') else 0
            return rng.choice([0, 1, low, low + (1 << bits) - 1, rng.randint(low, low + (1 << bits) - 1)])
        if t.kind == 'bool':
            return rng.random() < 0.5
        if t.optional and (depth <= 0 or rng.random() < 0.4):
            return None
        if t.kind == 'box':
            return None if depth <= 0 or rng.random() < 0.4 else self.value(Type('ref', decl=t.decl), depth - 1)
        if t.kind == 'handle':
            return True
        if t.kind == 'string':
            texts = [text.encode() for text in TEXTS]
            return rng.choice([text for text in texts if len(text) <= (t.count or 800)])
        if t.kind == 'vector':
            small = t.element.kind in ('prim', 'bool')
            count = 0 if depth <= 0 else rng.choice([c for c in ([0, 1, 2, 9, 33, 150] if small else [0, 1, 2, 3]) if c <= (t.count or 200)])
            return [self.value(t.element, depth - 1) for _ in range(count)]
        if t.kind == 'array':
            return [self.value(t.element, depth) for _ in range(t.count)]
        return self.decl_value(t.decl, depth)

    def decl_value(self, decl, depth):
        rng = self.rng
        if decl.kind == 'enum':
            return rng.choice(decl.values) if decl.strict or rng.random() < 0.7 else rng.randint(0, 127)
        if decl.kind == 'bits':
            if decl.strict:
                return sum(v for v in decl.values if rng.random() < 0.5)
            return rng.randint(0, (1 << 8 * decl.size()) - 1)
        if decl.kind == 'struct':
            return [self.value(t, depth) for _, _, t in decl.members]
        if decl.kind == 'table':
            return {o: self.value(t, depth - 1) for o, _, t in decl.members if rng.random() < 0.6}
        members = [m for m in decl.members if m[1] != 'self'] if depth <= 0 else decl.members
        ordinal, _, t = rng.choice(members)
        return (ordinal, self.value(t, depth - 1))


class Encoder:
    """Objects are appended depth first, each 8-aligned and zero-padded."""

    def __init__(self):
        self.data = bytearray()
        self.handles = 0

    def append(self, size):
        offset = len(self.data)
        self.data += bytes(align(size))
        return offset

    def put(self, offset, code, *values):
        struct.pack_into('<' + code, self.data, offset, *values)

    def encode(self, t, value, at):
        if t.kind == 'prim':
            self.put(at, PRIMITIVES[t.name][1], value)
        elif t.kind == 'bool':
            self.put(at, 'B', int(value))
        elif t.kind == 'handle':
            self.put(at, 'I', 0xffffffff if value else 0)
            self.handles += 1 if value else 0
        elif t.kind == 'box':
            if value is not None:
                self.put(at, 'Q', 0xffffffffffffffff)
                self.struct(t.decl, value, self.append(t.decl.size()))
        elif t.kind == 'array':
            for i, v in enumerate(value):
                self.encode(t.element, v, at + i * t.element.size())
        elif t.kind in ('string', 'vector'):
            self.sequence(t, value, at)
        elif value is not None:
            getattr(self, t.decl.kind)(t.decl, value, at)

    def sequence(self, t, value, at):
        if value is None:
            return
        self.put(at, 'QQ', len(value), 0xffffffffffffffff)
        if t.kind == 'string':
            offset = self.append(len(value))
            self.data[offset:offset + len(value)] = value
            return
        size = t.element.size()
        offset = self.append(len(value) * size)
        for i, v in enumerate(value):
            self.encode(t.element, v, offset + i * size)

    def enum(self, decl, value, at):
        self.put(at, PRIMITIVES[decl.primitive][1], value)

    bits = enum

    def struct(self, decl, value, at):
        for offset, (_, _, t), v in zip(decl.offsets()[0], decl.members, value):
            self.encode(t, v, at + offset)

    def envelope(self, t, value, at):
        before = self.handles
        if t.size() <= 4:
            self.encode(t, value, at)
            self.put(at + 4, 'HH', self.handles - before, 1)
            return
        start = len(self.data)
        self.encode(t, value, self.append(t.size()))
        self.put(at, 'IHH', len(self.data) - start, self.handles - before, 0)

    def table(self, decl, value, at):
        count = max(value, default=0)
        self.put(at, 'QQ', count, 0xffffffffffffffff)
        envelopes = self.append(8 * count)
        for ordinal, _, t in decl.members:
            if ordinal in value:
                self.envelope(t, value[ordinal], envelopes + 8 * (ordinal - 1))

    def union(self, decl, value, at):
        self.put(at, 'Q', value[0])
        self.envelope(next(t for o, _, t in decl.members if o == value[0]), value[1], at + 8)


def encode(decl, value):
    encoder = Encoder()
    encoder.encode(Type('ref', decl=decl), value, encoder.append(decl.size()))
    return bytes(encoder.data), encoder.handles
