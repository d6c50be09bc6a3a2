// What components write to their standard output and error, line by line with the name of who wrote it.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "manager_internal.h"

// A pipe that is ready takes so much at once.
#define LINE_MAX_BYTES 4096
// How long a line waits for somebody to read what stands before it. The next ones do not wait any more.
#define READER_PATIENCE_MS 2000

static void write_line(manager_t* manager, const char* who, const char* text) {
  char line[LINE_MAX_BYTES];
  struct pollfd reader = {.fd = STDERR_FILENO, .events = POLLOUT};
  if (poll(&reader, 1, manager->lines_lost ? 0 : READER_PATIENCE_MS) == 0) {
    manager->lines_lost++;
    return;
  }
  int size = 0;
  if (manager->lines_lost)
    size = snprintf(line, sizeof line, "jacinth: %u lines were lost, for nobody read them\n",
                    manager->lines_lost);
  manager->lines_lost = 0;
  size += snprintf(line + size, sizeof line - (size_t)size, "%s %s\n", who, text);
  if (size >= LINE_MAX_BYTES) {
    size = LINE_MAX_BYTES - 1;
    line[size - 1] = '\n';
  }
  if (write(STDERR_FILENO, line, (size_t)size) < 0) return;  // there is nobody to be told
}

void manager_say(manager_t* manager, const char* format, ...) {
  char line[2048];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  log_make_harmless(line, strlen(line));
  write_line(manager, "jacinth:", line);
}

// A component says how grave a line is by how it begins.
static bool is_shown(const manager_t* manager, const char* line) {
  return manager->options.verbose || (strncmp(line, "INFO: ", 6) != 0 && strncmp(line, "DEBUG: ", 7) != 0);
}

void log_make_harmless(char* text, size_t size) {
  for (size_t i = 0; i < size; i++) {
    unsigned char byte = (unsigned char)text[i];
    // The other control characters are U+0080 to U+009F, which UTF-8 begins with this byte.
    bool is_upper = i > 0 && (unsigned char)text[i - 1] == 0xc2 && byte >= 0x80 && byte < 0xa0;
    if (is_upper) text[i - 1] = '?';
    if (is_upper || byte == 0x7f || (byte < ' ' && byte != '\t')) text[i] = '?';
  }
}

// A line that is too long is shown in pieces, or not at all: how grave it is only its beginning says.
static void show_line(log_stream_t* stream, bool is_whole) {
  manager_t* manager = stream->component->manager;
  char who[LINE_MAX_BYTES - sizeof stream->line];
  log_make_harmless(stream->line, stream->size);
  stream->line[stream->size] = '\0';
  if (!stream->continues) stream->is_shown = is_shown(manager, stream->line);
  snprintf(who, sizeof who, "[%s]", stream->component->label);
  if (stream->is_shown) write_line(manager, who, stream->line);
  stream->continues = !is_whole;
  stream->size = 0;
}

static void take(log_stream_t* stream, const char* bytes, size_t size) {
  for (size_t i = 0; i < size; i++) {
    bool is_end = bytes[i] == '\n';
    if (is_end || stream->size == sizeof stream->line - 1) show_line(stream, is_end);
    if (!is_end) stream->line[stream->size++] = bytes[i];
  }
}

// Reads once; false at the end.
static bool read_some(log_stream_t* stream) {
  char bytes[4096];
  ssize_t got = read(stream->fd.fd, bytes, sizeof bytes);
  if (got > 0) take(stream, bytes, (size_t)got);
  return got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN));
}

static void on_readable(async_dispatcher_t* dispatcher, async_fd_t* fd, zx_status_t status, short events) {
  log_stream_t* stream = (void*)((char*)fd - offsetof(log_stream_t, fd));
  (void)events;
  if (status != ZX_OK) return;
  if (!read_some(stream)) async_cancel_fd(dispatcher, fd);
}

int log_stream_open(log_stream_t* stream, component_t* component) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  stream->component = component;
  stream->size = 0;
  stream->continues = false;
  stream->fd.handler = on_readable;
  stream->fd.fd = ends[0];
  stream->fd.events = POLLIN;
  if (async_begin_fd(component->manager->dispatcher, &stream->fd) == ZX_OK) return ends[1];
  close(ends[0]);
  close(ends[1]);
  stream->fd.fd = -1;
  return -1;
}

void log_stream_close(log_stream_t* stream) {
  struct pollfd more = {.fd = stream->fd.fd, .events = POLLIN};
  if (stream->fd.fd < 0) return;
  async_cancel_fd(stream->component->manager->dispatcher, &stream->fd);
  // Everybody who could write has ended, so this comes to an end; the bound is for a pipe that was passed on.
  for (int i = 0; i < 1024 && poll(&more, 1, 0) == 1 && read_some(stream); i++)
    continue;
  if (stream->size > 0) show_line(stream, true);
  close(stream->fd.fd);
  stream->fd.fd = -1;
}
