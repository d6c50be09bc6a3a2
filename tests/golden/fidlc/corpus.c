#include "corpus.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char* corpus_read(const char* path, size_t* out_length) {
  FILE* file = fopen(path, "rb");
  if (!file) return NULL;
  char* text = NULL;
  size_t size = 0;
  FILE* out = open_memstream(&text, &size);
  for (int c; (c = fgetc(file)) != EOF;)
    fputc(c, out);
  fclose(file);
  fclose(out);
  *out_length = size;
  return text;
}

static void set_flag(corpus_case_t* corpus, char* flag, char** save) {
  fidlc_options_t* options = &corpus->options;
  if (strcmp(flag, "--zx") == 0) {
    corpus->zx = true;
    return;
  }
  const char* value = strtok_r(NULL, " \n", save);
  ck_assert_msg(value != NULL, "%s: %s lacks its value", corpus->name, flag);
  if (strcmp(flag, "--available") == 0) {
    corpus->available[options->available_count++] = value;
  } else if (strcmp(flag, "--experimental") == 0) {
    options->allow_new_types |= strcmp(value, "allow_new_types") == 0;
    options->zx_c_types |= strcmp(value, "zx_c_types") == 0;
    options->allow_arbitrary_error_types |= strcmp(value, "allow_arbitrary_error_types") == 0;
    options->no_resource_attribute |= strcmp(value, "no_resource_attribute") == 0;
  } else {
    ck_abort_msg("%s: unknown flag %s", corpus->name, flag);
  }
}

static char* read_flags(corpus_case_t* corpus) {
  static const char kFlags[] = "// flags:";
  if (strncmp(corpus->text, kFlags, strlen(kFlags)) != 0) return corpus->text;
  char* line = corpus->text + strlen(kFlags);
  char* rest = strchr(line, '\n');
  if (rest) *rest++ = '\0';
  char* save = NULL;
  for (char* flag = strtok_r(line, " \n", &save); flag; flag = strtok_r(NULL, " \n", &save)) {
    set_flag(corpus, flag, &save);
  }
  return rest ? rest : line + strlen(line);
}

static void add_zx(corpus_case_t* corpus) {
  const char* path = getenv("FIDLC_ZX");
  size_t length = 0;
  char* text = path ? corpus_read(path, &length) : NULL;
  ck_assert_msg(text != NULL, "FIDLC_ZX does not name the library zx");
  fidlc_add_library(corpus->fidlc);
  fidlc_add_file(corpus->fidlc, "zx.fidl", text, length);
  free(text);
}

static void add_files(corpus_case_t* corpus, char* text, size_t length) {
  static const char kMark[] = "//// ";
  if (strncmp(text, kMark, strlen(kMark)) != 0) {
    fidlc_add_library(corpus->fidlc);
    fidlc_add_file(corpus->fidlc, corpus->name, text, length);
    return;
  }
  char* end = text + length;
  while (text < end) {
    char* name = text + strlen(kMark);
    char* body = strchr(name, '\n');
    ck_assert_msg(body != NULL, "%s: a file without content", corpus->name);
    *body++ = '\0';
    char* next = strstr(body, "\n//// ");
    char* stop = next ? next + 1 : end;
    bool same_library = strncmp(name, "+ ", 2) == 0;
    if (same_library) name += 2;
    if (!same_library) fidlc_add_library(corpus->fidlc);
    fidlc_add_file(corpus->fidlc, name, body, (size_t)(stop - body));
    text = stop;
  }
}

void corpus_open(corpus_case_t* out, const char* dir, const char* name) {
  char path[4096];
  size_t length = 0;
  snprintf(path, sizeof(path), "%s/%s", dir, name);
  *out = (corpus_case_t){.name = name, .text = corpus_read(path, &length)};
  ck_assert_msg(out->text != NULL, "cannot read %s", path);
  out->options.available = out->available;
  char* files = read_flags(out);
  out->fidlc = fidlc_create(&out->options);
  if (out->zx) add_zx(out);
  add_files(out, files, length - (size_t)(files - out->text));
}

void corpus_close(corpus_case_t* corpus) {
  fidlc_destroy(corpus->fidlc);
  free(corpus->text);
}

static int compare_names(const void* a, const void* b) {
  return strcmp(*(char* const*)a, *(char* const*)b);
}

char** corpus_list(const char* dir, const char* suffix, size_t* out_count) {
  DIR* handle = opendir(dir);
  char** names = NULL;
  size_t count = 0;
  if (!handle) return NULL;
  for (const struct dirent* entry; (entry = readdir(handle)) != NULL;) {
    size_t length = strlen(entry->d_name);
    if (length <= strlen(suffix) || strcmp(entry->d_name + length - strlen(suffix), suffix) != 0) continue;
    names = realloc(names, (count + 2) * sizeof(char*));
    names[count++] = strdup(entry->d_name);
    names[count] = NULL;
  }
  closedir(handle);
  if (count) qsort(names, count, sizeof(char*), compare_names);
  *out_count = count;
  return names;
}

void corpus_expect(const char* dir, const char* name, const char* ending, const char* text) {
  char path[4096];
  const char* dot = strrchr(name, '.');
  snprintf(path, sizeof(path), "%s/%.*s.%s", dir, (int)(dot - name), name, ending);
  if (getenv("FIDLC_GOLDEN_UPDATE")) {
    FILE* out = fopen(path, "wb");
    ck_assert_msg(out != NULL, "cannot write %s", path);
    fputs(text, out);
    fclose(out);
    return;
  }
  size_t length = 0;
  char* expected = corpus_read(path, &length);
  ck_assert_msg(expected != NULL, "%s is missing", path);
  ck_assert_msg(strcmp(expected, text) == 0, "%s\n--- expected\n%s--- is\n%s", path, expected, text);
  free(expected);
}
