// TCP rule by rule: every script of the folder, over IPv4 and over IPv6. script.h tells the language; RULES
// in the folder lists the rules and the scripts that show them, and a rule without a script fails the test.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jx_test.h"
#include "script.h"

#define SCRIPTS_MAX 256
#define NAME_SIZE 64

static char names[SCRIPTS_MAX][NAME_SIZE];
static bool cited[SCRIPTS_MAX];
static int count;
static const char* folder;

static int by_name(const void* a, const void* b) {
  return strcmp(a, b);
}

static void find_scripts(void) {
  DIR* dir = opendir(folder);
  if (!dir) {
    fprintf(stderr, "cannot open %s\n", folder);
    exit(1);
  }
  for (struct dirent* entry; (entry = readdir(dir)) && count < SCRIPTS_MAX;) {
    size_t length = strlen(entry->d_name);
    if (length <= 4 || length >= NAME_SIZE || strcmp(entry->d_name + length - 4, ".tcp")) continue;
    memcpy(names[count], entry->d_name, length - 4);
    names[count++][length - 4] = 0;
  }
  closedir(dir);
  qsort(names, (size_t)count, NAME_SIZE, by_name);
}

static const char* path_of(const char* file, char out[600]) {
  snprintf(out, 600, "%s/%s", folder, file);
  return out;
}

static void run(int i, uint8_t family) {
  char file[NAME_SIZE + 8], path[600];
  snprintf(file, sizeof file, "%s.tcp", names[i]);
  script_run(path_of(file, path), names[i], family);
}

START_TEST(script_over_ipv4) {
  run(_i, TCPIP_IPV4);
}
END_TEST

START_TEST(script_over_ipv6) {
  run(_i, TCPIP_IPV6);
}
END_TEST

// Marks the scripts of one line of RULES, "TEXT: SCRIPT..."; returns how many there are.
static int cite(char* line, const char* text) {
  int found = 0;
  for (char* word; (word = script_word(&line)); found++) {
    int i = 0;
    while (i < count && strcmp(names[i], word))
      i++;
    ck_assert_msg(i < count, "RULES: there is no script %s (%s)", word, text);
    cited[i] = true;
  }
  return found;
}

START_TEST(every_rule_has_a_script_and_every_script_a_rule) {
  char line[400], path[600];
  int rules = 0, bare = 0;
  FILE* file = fopen(path_of("RULES", path), "re");
  ck_assert_msg(file, "cannot open %s", path);
  while (fgets(line, sizeof line, file)) {
    if (line[0] == '#' || line[0] == '\n') continue;
    char* colon = strrchr(line, ':');
    ck_assert_msg(colon, "RULES: no colon in: %s", line);
    *colon = 0;
    rules++;
    if (cite(colon + 1, line)) continue;
    printf("# no script shows: %s\n", line);
    bare++;
  }
  fclose(file);
  for (int i = 0; i < count; i++) {
    if (!cited[i]) printf("# no rule names: %s\n", names[i]);
    bare += !cited[i];
  }
  printf("# %d rules, %d scripts\n", rules, count);
  fflush(stdout);
  ck_assert_int_eq(bare, 0);
}
END_TEST

int main(int argc, char** argv) {
  Suite* suite = suite_create("tcp_scripts");
  if (argc != 2) {
    fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 1;
  }
  folder = argv[1];
  find_scripts();
  for (int i = 0; i < count; i++) {
    TCase* tc = jx_test_case(suite, names[i]);
    tcase_add_loop_test(tc, script_over_ipv4, i, i + 1);
    tcase_add_loop_test(tc, script_over_ipv6, i, i + 1);
  }
  TCase* tc = jx_test_case(suite, "rules");
  tcase_add_test(tc, every_rule_has_a_script_and_every_script_a_rule);
  return jx_test_run(suite);
}
