// Reading `program`. Keys that no runner defines are errors, so that a misspelt one does not go unseen.
#include "program.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "words.h"

static bool read_output(cml_reader_t* reader, const json5_value_t* value, const char* key,
                        program_runner_t runner, program_output_t* out) {
  static const char* const words[] = {"log", "none", "terminal", NULL};
  size_t word = 0;
  if (!cml_read_word(reader, value, key, words, &word)) return false;
  if (word == PROGRAM_OUTPUT_TERMINAL && runner == PROGRAM_ELF) {
    return cml_fail(reader->error, value->location, "InvalidField",
                    "only programs of runner \"posix\" write to the terminal");
  }
  *out = (program_output_t)word;
  return true;
}

static bool read_lifecycle(cml_reader_t* reader, const json5_value_t* value, program_t* out) {
  static const char* const keys[] = {"stop_event", NULL};
  static const char* const words[] = {"ignore", "notify", NULL};
  size_t word = 0;
  if (!cml_expect(reader, value, JSON5_OBJECT, "lifecycle")) return false;
  for (size_t i = 0; i < value->as.object.count; i++) {
    const json5_member_t* member = &value->as.object.members[i];
    if (strcmp(member->key, keys[0]) != 0) return cml_unknown_key(reader, member, "lifecycle", keys);
    if (!cml_read_word(reader, &member->value, keys[0], words, &word)) return false;
  }
  out->notify_stop = word == 1;
  return true;
}

static bool read_sockets(cml_reader_t* reader, const json5_value_t* value, program_t* out) {
  static const char* const keys[] = {"name", "datagram", NULL};
  if (!cml_expect(reader, value, JSON5_ARRAY, "sockets")) return false;
  if (value->as.array.count > PROGRAM_SOCKETS_MAX) {
    return cml_fail(reader->error, value->as.array.elements[PROGRAM_SOCKETS_MAX].location, "InvalidField",
                    "a program has at most %u sockets", PROGRAM_SOCKETS_MAX);
  }
  for (size_t i = 0; i < value->as.array.count; i++) {
    const json5_value_t* element = &value->as.array.elements[i];
    program_socket_t socket = {{0}, {0}};
    if (!cml_expect(reader, element, JSON5_OBJECT, "a socket")) return false;
    for (size_t j = 0; j < element->as.object.count; j++) {
      const json5_member_t* member = &element->as.object.members[j];
      bool ok = strcmp(member->key, "name") == 0 ? cml_read_name(reader, &member->value, "name", &socket.name)
                : strcmp(member->key, "datagram") == 0
                    ? cml_read_string(reader, &member->value, "datagram", &socket.address)
                    : cml_unknown_key(reader, member, "a socket", keys);
      if (!ok) return false;
    }
    if (!socket.name.text || !socket.address.text) {
      return cml_fail(reader->error, element->location, "MissingField",
                      "a socket needs \"name\" and \"datagram\"");
    }
    *cml_arena_push(reader->arena, &out->sockets, &out->socket_count) = socket;
  }
  return true;
}

static bool read_name_server(cml_reader_t* reader, const json5_value_t* value, program_t* out) {
  struct in6_addr address;  // of either family
  cml_string_t text;
  if (!cml_read_string(reader, value, "name_server", &text)) return false;
  out->name_server = text.text;
  return inet_pton(AF_INET, text.text, &address) == 1 || inet_pton(AF_INET6, text.text, &address) == 1 ||
         cml_fail(reader->error, value->location, "InvalidField", "name_server: \"%.100s\" is no address",
                  text.text);
}

static bool read_key(cml_reader_t* reader, const json5_member_t* member, program_t* out,
                     cml_string_t* binary) {
  static const char* const elf_keys[] = {
      "runner", "binary", "args", "environ", "lifecycle", "forward_stdout_to", "forward_stderr_to", NULL};
  static const char* const posix_keys[] = {
      "runner",      "binary",  "args", "environ", "lifecycle", "forward_stdout_to", "forward_stderr_to",
      "name_server", "sockets", NULL};
  const char* const* keys = out->runner == PROGRAM_ELF ? elf_keys : posix_keys;
  const json5_value_t* value = &member->value;
  size_t key = 0;
  while (keys[key] && strcmp(keys[key], member->key) != 0)
    key++;
  switch (keys[key] ? key : SIZE_MAX) {
    case 0:
      return true;
    case 1:
      return cml_read_string(reader, value, "binary", binary);
    case 2:
      return cml_read_strings(reader, value, "args", &out->args);
    case 3:
      return cml_read_strings(reader, value, "environ", &out->environ);
    case 4:
      return read_lifecycle(reader, value, out);
    case 5:
      return read_output(reader, value, "forward_stdout_to", out->runner, &out->output);
    case 6:
      return read_output(reader, value, "forward_stderr_to", out->runner, &out->errors);
    case 7:
      return read_name_server(reader, value, out);
    case 8:
      return read_sockets(reader, value, out);
    default:
      return cml_unknown_key(
          reader, member,
          out->runner == PROGRAM_ELF ? "program of runner \"elf\"" : "program of runner \"posix\"", keys);
  }
}

static bool find_binary(const realm_t* realm, const realm_instance_t* instance, const cml_string_t* binary,
                        program_t* out, cml_error_t* error) {
  bool is_absolute = binary->text[0] == '/';
  struct stat info;
  if (is_absolute ? out->runner == PROGRAM_ELF : realm_leaves_package(binary->text)) {
    return cml_fail(error, binary->location, "InvalidField",
                    "program of %s: the binary must lie in the package, not at %.300s", instance->moniker,
                    binary->text);
  }
  out->binary =
      is_absolute ? binary->text : cml_arena_printf(realm->arena, "%s/%s", instance->package, binary->text);
  out->inside = is_absolute ? binary->text : cml_arena_printf(realm->arena, "/pkg/%s", binary->text);
  if (stat(out->binary, &info) != 0) {
    cml_fail(error, binary->location, "MissingBinary", "program of %s: there is no %.500s", instance->moniker,
             out->binary);
    return cml_advise(error, "build it, or correct \"binary\" in this manifest");
  }
  if (!S_ISREG(info.st_mode) || access(out->binary, X_OK) != 0) {
    return cml_fail(error, binary->location, "MissingBinary",
                    "program of %s: %.500s is no file that can be executed", instance->moniker, out->binary);
  }
  return true;
}

bool program_read(const realm_t* realm, const realm_instance_t* instance, program_t* out,
                  cml_error_t* error) {
  cml_reader_t reader = {realm->arena, error};
  const json5_value_t* program = &instance->document.program;
  cml_string_t binary = {NULL, program->location};
  const char* runner = realm_route_runner(realm, instance, error);
  memset(out, 0, sizeof *out);
  if (!runner) return false;
  out->runner = strcmp(runner, "elf") == 0 ? PROGRAM_ELF : PROGRAM_POSIX;
  out->output = out->errors = out->runner == PROGRAM_ELF ? PROGRAM_OUTPUT_LOG : PROGRAM_OUTPUT_TERMINAL;
  for (size_t i = 0; i < program->as.object.count; i++) {
    if (!read_key(&reader, &program->as.object.members[i], out, &binary)) return false;
  }
  if (!binary.text)
    return cml_fail(error, program->location, "MissingField", "program of %s: there is no \"binary\"",
                    instance->moniker);
  for (size_t i = 0; i < out->environ.count; i++) {
    const char* equals = strchr(out->environ.items[i].text, '=');
    if (!equals || equals == out->environ.items[i].text) {
      return cml_fail(error, out->environ.items[i].location, "InvalidField",
                      "an entry of environ is \"NAME=VALUE\"");
    }
  }
  return find_binary(realm, instance, &binary, out, error);
}

const char* program_expand(cml_arena_t* arena, const cml_string_t* text, program_lookup_t lookup,
                           void* context, cml_error_t* error) {
  const char* out = "";
  const char* at = text->text;
  for (const char* start; (start = strstr(at, "${")) != NULL;) {
    const char* end = strchr(start, '}');
    if (!end) {
      cml_fail(error, text->location, "InvalidField", "\"${\" without \"}\"");
      return NULL;
    }
    const char* name = start + 2;
    const char* fallback = memmem(name, (size_t)(end - name), ":-", 2);
    size_t size = (size_t)((fallback ? fallback : end) - name);
    const char* value = lookup(context, name, size);
    if (!value && fallback) value = cml_arena_strndup(arena, fallback + 2, (size_t)(end - fallback - 2));
    if (!value) {
      cml_fail(error, text->location, "InvalidField", "no component has a socket named \"%.*s\"",
               (int)(size < 100 ? size : 100), name);
      cml_advise(error, "${NAME} is a socket's port; for the program itself to replace it, write $NAME");
      return NULL;
    }
    out = cml_arena_printf(arena, "%s%.*s%s", out, (int)(start - at), at, value);
    at = end + 1;
  }
  return cml_arena_printf(arena, "%s%s", out, at);
}
