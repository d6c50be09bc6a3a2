// The main of a fuzz target in a build without libFuzzer: runs every file of the directories and files it is
// given.
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

static void run_file(const char* path) {
  FILE* file = fopen(path, "rb");
  struct stat status;
  if (!file || fstat(fileno(file), &status) != 0) {
    perror(path);
    exit(1);
  }
  // Exactly as large as the input, so that a sanitizer sees a read past its end.
  size_t size = (size_t)status.st_size;
  uint8_t* data = malloc(size ? size : 1);
  if (!data || fread(data, 1, size, file) != size) {
    perror(path);
    exit(1);
  }
  LLVMFuzzerTestOneInput(data, size);
  free(data);
  fclose(file);
}

static void run_directory(const char* path) {
  DIR* directory = opendir(path);
  if (!directory) {
    perror(path);
    exit(1);
  }
  for (const struct dirent* entry; (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    char name[4096];
    snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
    run_file(name);
  }
  closedir(directory);
}

int main(int argc, char** argv) {
  for (int i = 1; i < argc; i++) {
    struct stat status;
    if (stat(argv[i], &status) == 0 && S_ISDIR(status.st_mode)) {
      run_directory(argv[i]);
    } else {
      run_file(argv[i]);
    }
  }
  return 0;
}
