#include "package_fixture.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jx_test.h"

cml_arena_t* package_arena;
static char* folder;

const char* package_path(const char* name) {
  return cml_arena_printf(package_arena, "%s/%s", folder, name);
}

void package_set_up(void) {
  package_arena = cml_arena_create();
  folder = jx_test_make_folder();
  mkdir(package_path("meta"), 0755);
  mkdir(package_path("bin"), 0755);
}

static void remove_files(const char* path) {
  DIR* dir = opendir(path);
  for (const struct dirent* entry; (entry = readdir(dir)) != NULL;) {
    if (entry->d_name[0] != '.') unlink(cml_arena_printf(package_arena, "%s/%s", path, entry->d_name));
  }
  closedir(dir);
  rmdir(path);
}

void package_tear_down(void) {
  remove_files(package_path("meta"));
  remove_files(package_path("bin"));
  rmdir(folder);
  free(folder);
  cml_arena_destroy(package_arena);
}

void package_write(const char* name, const char* text) {
  FILE* file = fopen(package_path(name), "we");
  ck_assert_ptr_nonnull(file);
  fputs(text, file);
  fclose(file);
}

bool package_load(realm_t* realm, cml_error_t* error) {
  return realm_load(realm, package_arena, package_path("meta/root.cml"), "/nonexistent", error);
}
