// What components write to their standard output and error, line by line with the name of who wrote it.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "manager_internal.h"

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

static void show_line(log_stream_t* stream) {
  log_make_harmless(stream->line, stream->size);
  stream->line[stream->size] = '\0';
  if (is_shown(stream->component->manager, stream->line))
    fprintf(stderr, "[%s] %s\n", stream->component->label, stream->line);
  stream->size = 0;
}

static void take(log_stream_t* stream, const char* bytes, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (bytes[i] == '\n' || stream->size == sizeof stream->line - 1) show_line(stream);
    if (bytes[i] != '\n') stream->line[stream->size++] = bytes[i];
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
  if (stream->size > 0) show_line(stream);
  close(stream->fd.fd);
  stream->fd.fd = -1;
}
