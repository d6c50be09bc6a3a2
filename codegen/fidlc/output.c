#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fail(const char* what, const char* path) {
  fprintf(stderr, "fidlc: %s %s: %s\n", what, path, strerror(errno));
  return false;
}

bool read_whole_fd(int fd, char** out_bytes, size_t* out_length) {
  size_t capacity = 64 << 10;
  size_t length = 0;
  char* bytes = malloc(capacity);
  while (bytes) {
    ssize_t count = read(fd, bytes + length, capacity - length);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) break;
    if (count == 0) {
      *out_bytes = bytes;
      *out_length = length;
      return true;
    }
    length += (size_t)count;
    if (length == capacity) {
      char* larger = realloc(bytes, capacity *= 2);
      if (!larger) break;
      bytes = larger;
    }
  }
  free(bytes);
  return false;
}

char* read_whole_file(const char* path, size_t* out_length) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  char* bytes = NULL;
  if (fd < 0) return NULL;
  read_whole_fd(fd, &bytes, out_length);
  int error = errno;
  close(fd);
  errno = error;
  return bytes;
}

static bool make_folders(const char* path) {
  char* copy = strdup(path);
  bool ok = copy != NULL;
  for (char* slash = copy ? strchr(copy + 1, '/') : NULL; ok && slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    if (mkdir(copy, 0777) < 0 && errno != EEXIST) ok = fail("cannot make the folder", copy);
    *slash = '/';
  }
  free(copy);
  return ok;
}

static bool write_all(int fd, const char* bytes, size_t length) {
  while (length) {
    ssize_t count = write(fd, bytes, length);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes += count;
    length -= (size_t)count;
  }
  return true;
}

// Temporary files get the permissions that a file made plainly would have.
static bool set_plain_mode(int fd) {
  mode_t mask = umask(0);
  umask(mask);
  return fchmod(fd, 0666 & ~mask) == 0;
}

bool output_add(output_t* output, const char* path, const void* bytes, size_t length) {
  if (!make_folders(path)) return false;
  output_file_t* file = calloc(1, sizeof(*file));
  if (!file) abort();
  file->path = strdup(path);
  if (asprintf(&file->temporary, "%s.XXXXXX", path) < 0) abort();
  int fd = mkostemp(file->temporary, O_CLOEXEC);
  if (fd < 0) {
    fail("cannot write", path);
    free(file->path);
    free(file->temporary);
    free(file);
    return false;
  }
  file->next = output->files;
  output->files = file;
  bool ok = set_plain_mode(fd) && write_all(fd, bytes, length);
  if (close(fd) < 0) ok = false;
  return ok || fail("cannot write", path);
}

bool output_commit(output_t* output) {
  bool ok = true;
  for (output_file_t* file = output->files; file; file = file->next) {
    if (rename(file->temporary, file->path) < 0) {
      ok = fail("cannot write", file->path);
      unlink(file->temporary);
    }
    free(file->temporary);
    file->temporary = NULL;
  }
  return ok;
}

void output_discard(output_t* output) {
  while (output->files) {
    output_file_t* file = output->files;
    output->files = file->next;
    if (file->temporary) unlink(file->temporary);
    free(file->temporary);
    free(file->path);
    free(file);
  }
}
