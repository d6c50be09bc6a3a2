// Any header before any frame, split: every byte of the frame comes out once, in frames no longer than was
// said.
//
// The input is the header, a byte that says how the frame is cut into pieces, and the frame.
#include <inet/offload.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

static void require(bool condition) {
  if (!condition) abort();
}

static void split_all(const offload_header_t* header, const struct iovec* iov, size_t iov_count,
                      size_t length) {
  offload_split_t split;
  if (!offload_header_valid(header, OFFLOAD_ALL, length) ||
      !offload_split_begin(&split, header, iov, iov_count, length)) {
    return;
  }
  require(split.count > 0 && split.count <= OFFLOAD_SEGMENTS_MAX);
  size_t most = offload_split_bytes_max(&split), headers = split.header_bytes, total = headers, bytes;
  uint8_t* out = malloc(most ? most : 1);  // exactly, so that a sanitizer sees what goes beyond
  require(out != NULL);
  while ((bytes = offload_split_next(&split, out)) > 0) {
    require(bytes <= most && bytes >= headers);
    total += bytes - headers;
  }
  require(total == length);
  free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  offload_header_t header;
  struct iovec iov[256];
  size_t count = 0, at = 0;
  if (size < sizeof(header) + 1 || size > UINT16_MAX) return 0;
  memcpy(&header, data, sizeof(header));
  size_t piece = data[sizeof(header)] + size / 255 + 1;
  const uint8_t* frame = data + sizeof(header) + 1;
  size_t length = size - sizeof(header) - 1;
  for (; at < length; at += piece)
    iov[count++] = (struct iovec){(void*)(uintptr_t)(frame + at), length - at < piece ? length - at : piece};
  split_all(&header, iov, count, length);
  return 0;
}
