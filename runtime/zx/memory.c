// Memfds; see memory.h.
#include "runtime/zx/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <zircon/syscalls/system.h>

size_t memory_round_to_page(size_t size) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  return (size + page - 1) & ~(page - 1);
}

zx_status_t memory_create(size_t size, int* out_fd) {
  int fd = memfd_create("zx", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return ZX_ERR_NO_RESOURCES;
  if (ftruncate(fd, (off_t)memory_round_to_page(size)) != 0 ||
      fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    close(fd);
    return ZX_ERR_NO_MEMORY;
  }
  *out_fd = fd;
  return ZX_OK;
}

bool memory_is_safe(int fd, uint64_t size) {
  struct statfs fs;
  struct stat st;
  int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || !(seals & F_SEAL_SHRINK)) return false;
  // Huge pages can run out after the fact, which would be a fault here.
  if (fstatfs(fd, &fs) != 0 || fs.f_type != TMPFS_MAGIC) return false;
  return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size >= size;
}

void* memory_map(int fd, size_t size) {
  void* at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  return at == MAP_FAILED ? NULL : at;
}

uint32_t zx_system_get_page_size(void) {
  return (uint32_t)sysconf(_SC_PAGESIZE);
}
