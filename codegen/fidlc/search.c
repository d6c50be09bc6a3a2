// A library's uses stand at the top of its files, so only what comes before the first brace is looked at.
#include "search.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "diagnostics.h"
#include "intern.h"
#include "lexer.h"
#include "output.h"

typedef struct search {
  options_t* options;
  arena_t arena;
  interner_t names;
  str_map_t known;   // libraries that are given, or were looked for
  ptr_list_t files;  // file_option_t, in the new order
  size_t groups;
} search_t;

typedef void (*visit_t)(search_t* search, const str_t* library);

static const str_t* read_dotted_name(search_t* search, lexer_t* lexer, token_t* token) {
  const char* text = "";
  *token = lexer_next(lexer);
  while (token->kind == TOKEN_NAME && token->name->word != W_AS) {
    text = arena_printf(&search->arena, "%s%s", text, token->name->data);
    *token = lexer_next(lexer);
    if (token->kind != '.') break;
    text = arena_printf(&search->arena, "%s.", text);
    *token = lexer_next(lexer);
  }
  return intern_cstr(&search->names, text);
}

// Visits the names that follow the word `keyword` at the beginning of a declaration.
static void for_each_name(search_t* search, const char* path, word_t keyword, visit_t visit) {
  size_t length = 0;
  char* bytes = read_whole_file(path, &length);
  if (!bytes) return;  // whoever compiles it says so
  diagnostics_t ignored = {.arena = &search->arena};
  lexer_t lexer;
  lexer_init(&lexer, source_create(&search->arena, path, bytes, length, 0), &search->names, &ignored);
  free(bytes);
  int before = ';';
  for (token_t token = lexer_next(&lexer); token.kind != TOKEN_END && token.kind != '{';) {
    // An attribute may stand before `library`, its name or its parenthesis last.
    bool begins = before == ';' || keyword == W_LIBRARY;
    before = token.kind;
    if (begins && token.kind == TOKEN_NAME && token.name->word == keyword) {
      visit(search, read_dotted_name(search, &lexer, &token));
    } else {
      token = lexer_next(&lexer);
    }
  }
}

static void note_given(search_t* search, const str_t* library) {
  str_map_add(&search->arena, &search->known, library, search);
}

static void add_file(search_t* search, const char* path, size_t group) {
  file_option_t* file = arena_alloc(&search->arena, sizeof(*file));
  *file = (file_option_t){path, group};
  ptr_list_add(&search->arena, &search->files, file);
}

static int is_fidl(const struct dirent* entry) {
  size_t length = strlen(entry->d_name);
  return entry->d_name[0] != '.' && length > 5 && strcmp(entry->d_name + length - 5, ".fidl") == 0;
}

// The files of the library, by name.
static ptr_list_t find_files(search_t* search, const str_t* library) {
  ptr_list_t files = {0};
  for (size_t i = 0; !files.count && i < search->options->library_dir_count; i++) {
    const char* dir = arena_printf(&search->arena, "%s/%s", search->options->library_dirs[i], library->data);
    struct dirent** entries;
    int count = scandir(dir, &entries, is_fidl, alphasort);
    for (int j = 0; j < count; j++) {
      const char* path = arena_printf(&search->arena, "%s/%s", dir, entries[j]->d_name);
      ptr_list_add(&search->arena, &files, options_keep(search->options, path));
      free(entries[j]);
    }
    if (count >= 0) free(entries);
  }
  return files;
}

static void add_group(search_t* search, const ptr_list_t* paths);

static void add_used(search_t* search, const str_t* library) {
  if (!library->length || str_map_add(&search->arena, &search->known, library, search)) return;
  ptr_list_t paths = find_files(search, library);
  if (paths.count) add_group(search, &paths);
}

// Adds the libraries that these files use, then the files.
static void add_group(search_t* search, const ptr_list_t* paths) {
  for (uint32_t i = 0; i < paths->count; i++)
    for_each_name(search, paths->items[i], W_USING, add_used);
  for (uint32_t i = 0; i < paths->count; i++)
    add_file(search, paths->items[i], search->groups);
  search->groups++;
}

static void replace_files(search_t* search) {
  options_t* options = search->options;
  file_option_t* files = malloc(search->files.count * sizeof(*files));
  if (!files) abort();
  for (uint32_t i = 0; i < search->files.count; i++)
    files[i] = *(const file_option_t*)search->files.items[i];
  free(options->files);
  options->files = files;
  options->file_count = search->files.count;
  options->group_count = search->groups;
}

void search_libraries(options_t* options) {
  search_t search = {.options = options};
  if (!options->library_dir_count) return;
  arena_init(&search.arena);
  interner_init(&search.names, &search.arena);
  for (size_t i = 0; i < options->file_count; i++)
    for_each_name(&search, options->files[i].path, W_LIBRARY, note_given);
  for (size_t i = 0; i < options->file_count;) {
    size_t group = options->files[i].group;
    ptr_list_t paths = {0};
    for (; i < options->file_count && options->files[i].group == group; i++)
      ptr_list_add(&search.arena, &paths, options->files[i].path);
    add_group(&search, &paths);
  }
  replace_files(&search);
  arena_deinit(&search.arena);
}
