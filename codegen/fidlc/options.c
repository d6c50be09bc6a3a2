#include "options.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "numbers.h"
#include "output.h"
#include "versions.h"

static const char kHelp[] =
    "usage: fidlc [OPTION]... --files FILE... [--files FILE...]...\n"
    "\n"
    "Compiles FIDL. Each --files is one library; libraries stand behind those they use, and the last one is\n"
    "compiled. An argument @FILE is replaced by the words of FILE.\n"
    "\n"
    "  --ir OUT.pb                 write the intermediate representation\n"
    "  --json OUT.json             likewise, in the reference compiler's JSON\n"
    "  --json-schema               print the schema of that JSON\n"
    "  --c-out DIR                 write C (the same as --plugin fidlgen_c:DIR)\n"
    "  --plugin PROGRAM[:DIR]      run a back end and write its files into DIR\n"
    "  --plugin-opt KEY=VALUE      a parameter for the back ends\n"
    "  --check                     only diagnose, as without any of these\n"
    "  --dump                      print the intermediate representation as text\n"
    "  --libraries DIR             find libraries that are used but not given as DIR/LIBRARY/*.fidl\n"
    "  --name LIBRARY              the library must have this name\n"
    "  --available PLATFORM:VERSION[,VERSION...]\n"
    "                              compile this version of the platform\n"
    "  --versioned PLATFORM[:VERSION]\n"
    "                              the library must be versioned so (added at VERSION)\n"
    "  --experimental FLAG         allow_new_types, zx_c_types, allow_arbitrary_error_types,\n"
    "                              no_resource_attribute or output_index_json\n"
    "  --depfile FILE              write the files read, as a make rule\n"
    "  --werror                    warnings are errors\n"
    "  --format text|json          how diagnostics are printed\n"
    "  --colour auto|always|never  likewise\n"
    "  --explain FI-NNNN           say what the number of a diagnostic stands for\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0, 1 after errors in the source, 2 for wrong usage.\n";

void options_print_help(FILE* out) {
  fputs(kHelp, out);
}

static bool usage(const char* message, const char* what) {
  fprintf(stderr, "fidlc: %s%s\nTry `fidlc --help`.\n", message, what);
  return false;
}

static void* grow(void* items, size_t count, size_t size) {
  void* larger = realloc(items, (count + 1) * size);
  if (!larger) abort();
  return larger;
}

static void add_word(options_t* options, const char* word, size_t length) {
  options->words = grow(options->words, options->word_count, sizeof(char*));
  options->words[options->word_count] = strndup(word, length);
  if (!options->words[options->word_count++]) abort();
}

const char* options_keep(options_t* options, const char* word) {
  add_word(options, word, strlen(word));
  return options->words[options->word_count - 1];
}

static bool add_response_file(options_t* options, const char* path) {
  static const char kSpace[] = " \t\n\r";
  size_t length = 0;
  char* text = read_whole_file(path, &length);
  if (!text) return usage("cannot read the response file ", path);
  const char* end = text + length;
  for (const char* at = text; at < end; at++) {
    const char* word = at;
    while (at < end && !memchr(kSpace, *at, sizeof(kSpace) - 1))
      at++;
    if (at > word) add_word(options, word, (size_t)(at - word));
  }
  free(text);
  return true;
}

static bool set_experimental(fidlc_options_t* compile, const char* flag) {
  if (strcmp(flag, "allow_new_types") == 0) {
    compile->allow_new_types = true;
  } else if (strcmp(flag, "zx_c_types") == 0) {
    compile->zx_c_types = true;
  } else if (strcmp(flag, "allow_arbitrary_error_types") == 0) {
    compile->allow_arbitrary_error_types = true;
  } else if (strcmp(flag, "no_resource_attribute") == 0) {
    compile->no_resource_attribute = true;
  } else if (strcmp(flag, "output_index_json") != 0) {
    return usage("unknown experimental flag ", flag);
  }
  return true;
}

static void add_plugin(options_t* options, char* program, const char* dir) {
  options->plugins = grow(options->plugins, options->plugin_count, sizeof(*options->plugins));
  if (!dir) {
    char* colon = strrchr(program, ':');
    if (colon) {
      *colon = '\0';
      dir = colon + 1;
    }
  }
  options->plugins[options->plugin_count++] = (plugin_option_t){program, dir};
}

// PLATFORM:VERSION[,VERSION...], ascending, of a platform that has none yet.
static bool add_selection(options_t* options, const char* text) {
  fidlc_options_t* compile = &options->compile;
  size_t name_length = strcspn(text, ":");
  const char* part = text + name_length;
  uint32_t before = 0;
  bool ok = name_length && *part;
  while (ok && *part) {
    uint32_t version = 0;
    size_t length = strcspn(++part, ",");
    ok = parse_version(part, length, &version);
    part += length;
    if (ok && version <= before) return usage("the versions of --available must ascend: ", text);
    before = version;
  }
  if (!ok) return usage("--available takes PLATFORM:VERSION[,VERSION...], not ", text);
  for (size_t i = 0; i < compile->available_count; i++) {
    if (strncmp(compile->available[i], text, name_length + 1) == 0)
      return usage("--available was given twice for one platform: ", text);
  }
  const char** selections =
      grow((void*)(uintptr_t)compile->available, compile->available_count, sizeof(char*));
  selections[compile->available_count++] = text;
  compile->available = selections;
  return true;
}

static bool set_value_option(options_t* options, const char* name, char* value) {
  static char fidlgen_c[] = "fidlgen_c";
  if (strcmp(name, "--ir") == 0) {
    options->ir_path = value;
  } else if (strcmp(name, "--json") == 0) {
    options->json_path = value;
  } else if (strcmp(name, "--c-out") == 0) {
    add_plugin(options, fidlgen_c, value);
  } else if (strcmp(name, "--plugin") == 0) {
    add_plugin(options, value, NULL);
  } else if (strcmp(name, "--plugin-opt") == 0) {
    options->parameters = grow(options->parameters, options->parameter_count, sizeof(char*));
    options->parameters[options->parameter_count++] = value;
  } else if (strcmp(name, "--libraries") == 0) {
    options->library_dirs = grow(options->library_dirs, options->library_dir_count, sizeof(char*));
    options->library_dirs[options->library_dir_count++] = value;
  } else if (strcmp(name, "--name") == 0) {
    options->compile.name = value;
  } else if (strcmp(name, "--versioned") == 0) {
    options->compile.versioned = value;
  } else if (strcmp(name, "--available") == 0) {
    return add_selection(options, value);
  } else if (strcmp(name, "--experimental") == 0) {
    return set_experimental(&options->compile, value);
  } else if (strcmp(name, "--explain") == 0) {
    const char* digits = strncasecmp(value, "fi-", 3) == 0 ? value + 3 : value;
    char* end = NULL;
    long number = strtol(digits, &end, 10);
    bool known = *digits && !*end && number >= 1 && number <= DIAGNOSTIC_NUMBERS;
    if (!known) return usage("--explain takes the number of a diagnostic, like FI-0052, not ", value);
    options->explain = (int)number;
  } else if (strcmp(name, "--depfile") == 0) {
    options->depfile = value;
  } else if (strcmp(name, "--format") == 0) {
    options->json = strcmp(value, "json") == 0;
    if (!options->json && strcmp(value, "text") != 0) return usage("unknown format ", value);
  } else if (strcmp(name, "--colour") == 0 || strcmp(name, "--color") == 0) {
    options->colour = strcmp(value, "always") == 0 ? 1 : strcmp(value, "never") == 0 ? 0 : -1;
    if (options->colour < 0 && strcmp(value, "auto") != 0) return usage("unknown colour mode ", value);
  } else {
    return usage("unknown option ", name);
  }
  return true;
}

static bool set_flag(options_t* options, const char* name) {
  if (strcmp(name, "--check") == 0) {
    options->check = true;
  } else if (strcmp(name, "--dump") == 0) {
    options->dump = true;
  } else if (strcmp(name, "--json-schema") == 0) {
    options->json_schema = true;
  } else if (strcmp(name, "--werror") == 0) {
    options->compile.warnings_are_errors = true;
  } else if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
    options->help = true;
  } else if (strcmp(name, "--version") == 0) {
    options->version = true;
  } else {
    return false;
  }
  return true;
}

// NULL if none is given twice.
static const char* find_repeated_file(const options_t* options) {
  for (size_t i = 0; i < options->file_count; i++) {
    for (size_t j = 0; j < i; j++) {
      if (strcmp(options->files[i].path, options->files[j].path) == 0) return options->files[i].path;
    }
  }
  return NULL;
}

static size_t add_files(options_t* options, size_t at) {
  size_t group = options->group_count++;
  for (; at < options->word_count && options->words[at][0] != '-'; at++) {
    options->files = grow(options->files, options->file_count, sizeof(*options->files));
    options->files[options->file_count++] = (file_option_t){options->words[at], group};
  }
  return at;
}

static bool read_words(options_t* options) {
  for (size_t at = 0; at < options->word_count;) {
    char* word = options->words[at++];
    if (word[0] != '-') return usage("unexpected argument (files stand behind --files): ", word);
    if (strcmp(word, "--files") == 0) {
      size_t before = options->file_count;
      at = add_files(options, at);
      if (options->file_count == before) return usage("--files without files", "");
      continue;
    }
    if (set_flag(options, word)) continue;
    char* equals = strchr(word, '=');
    if (equals) {
      *equals = '\0';
      if (strcmp(word, "--files") == 0) return usage("files stand behind --files and a space: ", equals + 1);
      if (set_flag(options, word)) return usage("this option takes no value: ", word);
      if (!set_value_option(options, word, equals + 1)) return false;
    } else if (at == options->word_count) {
      return usage("unknown option, or one that lacks its value: ", word);
    } else if (!set_value_option(options, word, options->words[at++])) {
      return false;
    }
  }
  return true;
}

static void find_self(options_t* options) {
  char path[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
  if (length <= 0) return;
  path[length] = '\0';
  char* slash = strrchr(path, '/');
  if (!slash) return;
  *slash = '\0';
  options->self_dir = strdup(path);
}

bool options_parse(int argc, char** argv, options_t* out) {
  *out = (options_t){.colour = -1};
  for (int i = 1; i < argc; i++) {
    if (argv[i][0] == '@') {
      if (!add_response_file(out, argv[i] + 1)) return false;
    } else {
      add_word(out, argv[i], strlen(argv[i]));
    }
  }
  if (!read_words(out)) return false;
  find_self(out);
  if (out->help || out->version || out->explain || out->json_schema) return true;
  if (!out->file_count) return usage("there are no --files", "");
  const char* repeated = find_repeated_file(out);
  if (repeated) return usage("a file is given twice: ", repeated);
  bool writes = !out->check && (out->ir_path || out->json_path || out->plugin_count);
  if (out->depfile && !writes) return usage("--depfile tells of outputs, and there are none", "");
  return true;
}

void options_free(options_t* options) {
  for (size_t i = 0; i < options->word_count; i++)
    free(options->words[i]);
  free(options->words);
  free(options->files);
  free(options->plugins);
  free(options->parameters);
  free(options->library_dirs);
  free((void*)(uintptr_t)options->compile.available);
  free(options->self_dir);
}
