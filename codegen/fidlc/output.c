#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 40  // as the kernel

static bool fail(const char* what, const char* path) {
  fprintf(stderr, "%s: %s %s: %s\n", program_invocation_short_name, what, path, strerror(errno));
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

bool output_add(output_t* output, const char* path, char* bytes, size_t length) {
  for (const output_file_t* other = output->files; other; other = other->next) {
    if (strcmp(other->path, path) != 0) continue;
    fprintf(stderr, "%s: %s is to be written twice\n", program_invocation_short_name, path);
    free(bytes);
    return false;
  }
  output_file_t* file = calloc(1, sizeof(*file));
  if (!file || !(file->path = strdup(path))) abort();
  file->bytes = bytes;
  file->length = length;
  *(output->last ? &output->last->next : &output->files) = file;
  output->last = file;
  return true;
}

void output_keep(output_t* output, const char* path) {
  output_input_t* input = calloc(1, sizeof(*input));
  if (!input) abort();
  *input = (output_input_t){output->inputs, path};
  output->inputs = input;
}

static bool holds_already(const output_file_t* file) {
  char part[16 << 10];
  size_t at = 0;
  int fd = open(file->place, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  for (;;) {
    ssize_t count = read(fd, part, sizeof(part));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0 || (size_t)count > file->length - at) break;
    if (memcmp(part, file->bytes + at, (size_t)count) != 0) break;
    at += (size_t)count;
  }
  // One more byte would have been one too many.
  bool same = at == file->length && lseek(fd, 0, SEEK_CUR) == (off_t)at;
  close(fd);
  return same;
}

static bool write_temporary(output_file_t* file, mode_t mode) {
  if (asprintf(&file->temporary, "%s.XXXXXX", file->place) < 0) abort();
  int fd = mkostemp(file->temporary, O_CLOEXEC);
  if (fd < 0) {
    free(file->temporary);
    file->temporary = NULL;
    return fail("cannot write", file->path);
  }
  bool ok = fchmod(fd, mode) == 0 && write_all(fd, file->bytes, file->length);
  if (close(fd) < 0) ok = false;
  return ok || fail("cannot write", file->path);
}

static char* folder_of(const char* path) {
  const char* slash = strrchr(path, '/');
  char* folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup("./");
  if (!folder) abort();
  return folder;
}

// Where a link leads to; NULL if there is none at `path`.
static char* target_of(const char* path) {
  char target[PATH_MAX];
  char* place = NULL;
  ssize_t size = readlink(path, target, sizeof(target));
  if (size <= 0 || size == (ssize_t)sizeof(target)) return NULL;
  char* folder = target[0] == '/' ? strdup("") : folder_of(path);
  if (!folder || asprintf(&place, "%s%.*s", folder, (int)size, target) < 0) abort();
  free(folder);
  return place;
}

// Where a file that is not there yet will be, however its folder is spelt; links are followed to where
// nothing is.
static char* new_place(const char* path, int links) {
  char* target = target_of(path);
  char* place = NULL;
  if (target && links == LINKS_MAX) {
    free(target);
    errno = ELOOP;
    return NULL;
  }
  if (target) {
    place = new_place(target, links + 1);
    free(target);
    return place;
  }
  const char* slash = strrchr(path, '/');
  char* folder = folder_of(path);
  char* whole = realpath(folder, NULL);
  if (whole && asprintf(&place, "%s/%s", whole, slash ? slash + 1 : path) < 0) abort();
  free(whole);
  free(folder);
  return place;
}

// Has the content in a temporary file, unless the place has it already. What is there keeps its permissions.
static bool prepare(output_file_t* file) {
  struct stat status;
  mode_t mask = umask(0);
  umask(mask);
  if (stat(file->path, &status) < 0) {
    if (!make_folders(file->path)) return false;
    file->place = new_place(file->path, 0);
    if (!file->place) return fail("cannot write", file->path);
    return write_temporary(file, 0666 & ~mask);
  }
  if (S_ISDIR(status.st_mode)) {
    errno = EISDIR;
    return fail("cannot write", file->path);
  }
  file->is_stream = !S_ISREG(status.st_mode);
  if (file->is_stream) return true;
  file->place = realpath(file->path, NULL);
  if (!file->place) return fail("cannot write", file->path);
  if ((size_t)status.st_size == file->length && holds_already(file)) return true;
  return write_temporary(file, status.st_mode & 07777);
}

// Two paths of one file: the later content would silently win.
static bool is_alone(const output_t* output, const output_file_t* file) {
  for (const output_file_t* other = output->files; other != file; other = other->next) {
    if (!other->place || !file->place || strcmp(other->place, file->place) != 0) continue;
    fprintf(stderr, "%s: %s and %s are one file\n", program_invocation_short_name, other->path, file->path);
    return false;
  }
  return true;
}

static bool is_no_input(const output_t* output, const output_file_t* file) {
  for (const output_input_t* input = output->inputs; file->place && input; input = input->next) {
    char* place = realpath(input->path, NULL);
    bool same = place && strcmp(place, file->place) == 0;
    free(place);
    if (!same) continue;
    fprintf(stderr, "%s: %s would be written over %s, which was read\n", program_invocation_short_name,
            file->path, input->path);
    return false;
  }
  return true;
}

static bool put_into_place(output_file_t* file) {
  if (rename(file->temporary, file->place) < 0) return fail("cannot write", file->path);
  free(file->temporary);
  file->temporary = NULL;
  return true;
}

static void remove_temporaries(output_t* output) {
  for (output_file_t* file = output->files; file; file = file->next) {
    if (file->temporary) unlink(file->temporary);
    free(file->temporary);
    file->temporary = NULL;
  }
}

static bool write_stream(const output_file_t* file) {
  int fd = open(file->path, O_WRONLY | O_CLOEXEC);
  bool ok = fd >= 0 && write_all(fd, file->bytes, file->length);
  if (fd >= 0 && close(fd) < 0) ok = false;
  return ok || fail("cannot write", file->path);
}

bool output_commit(output_t* output) {
  static const int kInterrupts[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
  sigset_t interrupts, before;
  bool ok = true;
  // An interrupt waits until there are no temporary files.
  sigemptyset(&interrupts);
  for (size_t i = 0; i < sizeof(kInterrupts) / sizeof(kInterrupts[0]); i++)
    sigaddset(&interrupts, kInterrupts[i]);
  sigprocmask(SIG_BLOCK, &interrupts, &before);
  for (output_file_t* file = output->files; ok && file; file = file->next)
    ok = prepare(file) && is_alone(output, file) && is_no_input(output, file);
  for (output_file_t* file = output->files; ok && file; file = file->next)
    ok = !file->temporary || put_into_place(file);
  remove_temporaries(output);
  sigprocmask(SIG_SETMASK, &before, NULL);
  for (output_file_t* file = output->files; ok && file; file = file->next)
    ok = !file->is_stream || write_stream(file);
  return ok;
}

void output_discard(output_t* output) {
  while (output->files) {
    output_file_t* file = output->files;
    output->files = file->next;
    free(file->path);
    free(file->bytes);
    free(file->place);
    free(file);
  }
  output->last = NULL;
  while (output->inputs) {
    output_input_t* input = output->inputs;
    output->inputs = input->next;
    free(input);
  }
}

bool output_finish_printing(void) {
  bool ok = !ferror(stdout);
  if (fclose(stdout) != 0) ok = false;
  return ok || fail("cannot write", "standard output");
}
