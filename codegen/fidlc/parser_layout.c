// The bodies of layouts: members, ordinals, values.
#include <errno.h>
#include <stdlib.h>

#include "parser_internal.h"

static const char* layout_word(layout_kind_t kind) {
  static const char* const kWords[] = {"a struct", "a table", "a union", "an overlay", "bits", "an enum"};
  return kWords[kind];
}

static bool modifier_fits(word_t word, layout_kind_t kind) {
  switch (word) {
    case W_STRICT:
    case W_FLEXIBLE:
      return kind == LAYOUT_BITS || kind == LAYOUT_ENUM || kind == LAYOUT_UNION || kind == LAYOUT_OVERLAY;
    case W_RESOURCE:
      return kind == LAYOUT_STRUCT || kind == LAYOUT_TABLE || kind == LAYOUT_UNION || kind == LAYOUT_OVERLAY;
    default:
      return false;
  }
}

static bool same_group(word_t a, word_t b) {
  return (a == W_RESOURCE) == (b == W_RESOURCE);
}

void check_repeated_modifiers(parser_t* parser, const modifier_t* modifiers) {
  for (const modifier_t* modifier = modifiers; modifier; modifier = modifier->next) {
    for (const modifier_t* earlier = modifiers; earlier != modifier; earlier = earlier->next) {
      if (modifier->available || earlier->available) continue;  // they may hold at different versions
      diagnostic_t* error = NULL;
      if (earlier->word == modifier->word) {
        error = report_error(parser->diagnostics, modifier->span, 32, "the modifier `%s` is repeated",
                             span_text(parser->arena, modifier->span));
      } else if (same_group(earlier->word, modifier->word)) {
        error =
            report_error(parser->diagnostics, modifier->span, 33, "the modifier `%s` contradicts `%s`",
                         span_text(parser->arena, modifier->span), span_text(parser->arena, earlier->span));
      }
      if (!error) continue;
      add_note(parser->diagnostics, error, earlier->span, "the first one");
      break;
    }
  }
}

static void check_modifiers(parser_t* parser, layout_kind_t kind, const modifier_t* modifiers) {
  for (const modifier_t* modifier = modifiers; modifier; modifier = modifier->next) {
    if (modifier_fits(modifier->word, kind)) continue;
    report_error(parser->diagnostics, modifier->span, 30, "`%s` cannot modify %s",
                 span_text(parser->arena, modifier->span), layout_word(kind));
  }
  check_repeated_modifiers(parser, modifiers);
}

static bool parse_ordinal(parser_t* parser, member_syntax_t* member) {
  if (!parser_at(parser, TOKEN_NUMBER)) {
    diagnostic_t* error = parser_error(parser, parser->token.span, 16, "member without an ordinal");
    parser_hint(parser, error, "write a number and a colon in front of it, as in `1: name type;`");
    return false;
  }
  member->ordinal_span = parser->token.span;
  const char* text = span_text(parser->arena, member->ordinal_span);
  parser_advance(parser);
  errno = 0;
  char* end = NULL;
  unsigned long long value = strtoull(text, &end, 0);
  if (text[0] == '-' || errno || value > UINT32_MAX || *end) {
    report_error(parser->diagnostics, member->ordinal_span, 17, "the ordinal %s is not within 1 and %u", text,
                 UINT32_MAX);
    value = 0;
  } else if (value == 0) {
    report_error(parser->diagnostics, member->ordinal_span, 18, "ordinals begin at 1");
  }
  member->ordinal = (uint32_t)value;
  return parser_expect(parser, ':');
}

// True if the current `reserved` ends the member: `5: reserved;`.
static bool at_reserved(parser_t* parser) {
  return parser_at_word(parser, W_RESERVED) && parser_peek(parser, 1)->kind == ';';
}

static member_syntax_t* parse_member(parser_t* parser, layout_kind_t kind) {
  member_syntax_t* member = arena_alloc(parser->arena, sizeof(*member));
  bool ok = true;
  parser_begin(parser);
  member->attributes = parse_attributes(parser, &ok);
  if (!ok) return NULL;
  span_t start = parser->token.span;
  bool values = kind == LAYOUT_BITS || kind == LAYOUT_ENUM;
  bool ordinals = !values && kind != LAYOUT_STRUCT;
  if (ordinals && !parse_ordinal(parser, member)) return NULL;
  if (ordinals && at_reserved(parser)) {
    diagnostic_t* error =
        report_error(parser->diagnostics, parser->token.span, 209, "members cannot be reserved");
    add_hint(parser->diagnostics, error, "leave the ordinal out: gaps are allowed");
    parser_advance(parser);
    parser_advance(parser);
    member->ident.name = NULL;  // the layout goes without it
    return member;
  }
  if (!parser_ident(parser, &member->ident)) return NULL;
  if (values) {
    if (!parser_expect(parser, '=')) return NULL;
    member->value = parse_expr(parser);
    if (!member->value) return NULL;
  } else {
    member->type = parse_type(parser);
    if (!member->type) return NULL;
    if (kind == LAYOUT_STRUCT && parser_accept(parser, '=')) {
      member->value = parse_expr(parser);
      if (!member->value) return NULL;
    }
  }
  member->span = parser_span_from(parser, start);
  return parser_end_member(parser) ? member : NULL;
}

layout_syntax_t* parse_layout(parser_t* parser, layout_kind_t kind, modifier_t* modifiers,
                              type_syntax_t* subtype) {
  layout_syntax_t* layout = arena_alloc(parser->arena, sizeof(*layout));
  layout->kind = kind;
  layout->modifiers = modifiers;
  layout->subtype = subtype;
  span_t start = parser->token.span;
  check_modifiers(parser, kind, modifiers);
  if (subtype && kind != LAYOUT_BITS && kind != LAYOUT_ENUM) {
    report_error(parser->diagnostics, subtype->span, 31, "%s has no subtype", layout_word(kind));
  }
  if (!parser_expect(parser, '{')) return NULL;
  member_syntax_t** next = &layout->members;
  while (!parser_at_close(parser)) {
    span_t first = parser->token.span;
    member_syntax_t* member = parse_member(parser, kind);
    if (!member) {
      layout->incomplete = true;
      parser_recover_member(parser, first);
    } else if (!member->ident.name) {
      layout->incomplete = true;
    } else {
      *next = member;
      next = &member->next;
    }
  }
  if (!parser_close(parser)) return NULL;
  layout->span = parser_span_from(parser, start);
  return layout;
}

bool parse_named_types(parser_t* parser, decl_syntax_t* decl) {
  member_syntax_t** next = &decl->members;
  while (!parser_at_close(parser)) {
    span_t first = parser->token.span;
    member_syntax_t* member = arena_alloc(parser->arena, sizeof(*member));
    bool ok = true;
    parser_begin(parser);
    member->attributes = parse_attributes(parser, &ok);
    span_t start = parser->token.span;
    ok = ok && parser_ident(parser, &member->ident);
    member->type = ok ? parse_type(parser) : NULL;
    member->span = parser_span_from(parser, start);
    if (!member->type || !parser_end_member(parser)) {
      decl->incomplete = true;
      parser_recover_member(parser, first);
      continue;
    }
    *next = member;
    next = &member->next;
  }
  return parser_close(parser);
}
