// Helpers of the functions that write encoders, decoders and closers.
#include <inttypes.h>
#include <string.h>

#include "emit.h"
#include "names.h"

#define RIGHTS_SAME UINT32_C(0x80000000)
#define RIGHTS_CHANNEL UINT32_C(0xf00e)
#define OBJECT_CHANNEL 4u

// The pointer p of an expression "(*p)"; NULL for other expressions.
static const char* dereferenced(const char* expr) {
  if (strncmp(expr, "(*", 2) != 0) return NULL;
  size_t level = 0, size = strlen(expr);
  for (size_t i = 0; i < size; i++) {
    if (expr[i] == '(') level++;
    if (expr[i] == ')' && --level == 0)
      return i == size - 1 ? text_format("%.*s", (int)size - 3, expr + 2) : NULL;
  }
  return NULL;
}

const char* code_address(const char* expr) {
  const char* pointer = dereferenced(expr);
  return pointer ? pointer : text_format("&%s", expr);
}

const char* code_member(const char* expr, const char* member) {
  const char* pointer = dereferenced(expr);
  return pointer ? text_format("%s->%s", pointer, member) : text_format("%s.%s", expr, member);
}

const char* code_loop(text_t* out, const char* indent, const char* count, unsigned nesting) {
  static const char* const names[] = {"i", "j", "k", "l", "m"};
  const char* name = nesting < 5 ? names[nesting] : text_format("i%u", nesting);
  text_add(out, "%sfor (uint64_t %s = 0, %s_end = %s; %s < %s_end; %s++) {\n", indent, name, name, count,
           name, name, name);
  return name;
}

const char* code_bound(const type_t* type) {
  return type->has_count && type->count < UINT32_MAX ? text_format("%" PRIu64 "u", type->count)
                                                     : "UINT32_MAX";
}

bool code_is_bool(model_t* model, const type_t* type) {
  type = model_resolve(model, type);
  return type->kind == FIDL__IR__TYPE__KIND__PRIMITIVE && type->primitive == FIDL__IR__TYPE__PRIMITIVE__BOOL;
}

void code_handle_args(const type_t* type, uint32_t* out_subtype, uint32_t* out_rights) {
  bool endpoint = type->kind != FIDL__IR__TYPE__KIND__HANDLE;
  *out_subtype = type->has_handle_subtype ? type->handle_subtype : endpoint ? OBJECT_CHANNEL : 0;
  *out_rights = type->has_handle_rights ? type->handle_rights : endpoint ? RIGHTS_CHANNEL : RIGHTS_SAME;
}

static bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool code_uses(const char* code, const char* name) {
  size_t size = strlen(name);
  for (const char* line = code; *line;) {
    const char* end = strchr(line, '\n');
    if (!end) end = line + strlen(line);
    bool is_comment = strncmp(line + strspn(line, " "), "//", 2) == 0;
    for (const char* at = line; !is_comment && at + size <= end; at++) {
      if (strncmp(at, "  // ", 5) == 0) break;
      char before = at == line ? ' ' : at[-1];
      bool is_member = before == '.' || before == '>';
      if (strncmp(at, name, size) == 0 && !is_word(before) && !is_member && !is_word(at[size])) return true;
    }
    line = *end ? end + 1 : end;
  }
  return false;
}

void code_function(text_t* out, const char* head, const char* body, const char* const* parameters) {
  text_add(out, "%s\n", head);
  for (; *parameters; parameters++)
    if (!code_uses(body, *parameters)) text_add(out, "  (void)%s;\n", *parameters);
  text_add(out, "%s}\n\n", body);
}

void code_coder_head(text_t* out, const decl_t* decl, const char* coder, bool counts_depth) {
  bool encodes = strcmp(coder, "encode") == 0;
  const char* parameters = text_format("fidl_%sr_t* %sr, uint8_t* next, %s%s", coder, coder,
                                       encodes ? "void* from_object, void* to_object" : "void* object",
                                       counts_depth ? ", uint32_t depth" : "");
  const char* storage = counts_depth && !model_refers_to_itself(decl) ? "static " : "";
  text_add_call(
      out, text_format("%suint8_t* %s_%s_%s", storage, c_name(decl->name), coder, counts_depth ? "at_" : ""),
      parameters, "");
}
