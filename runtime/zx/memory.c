// Memfds; see memory.h.
#include "runtime/zx/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/resource.h>
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

bool memory_is_lasting(int fd, uint64_t size) {
  int seals = fcntl(fd, F_GET_SEALS);
  return seals >= 0 && (seals & F_SEAL_SEAL) && !(seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) &&
         (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR && memory_is_safe(fd, size);
}

static void* map(int fd, size_t size, int flags) {
  void* at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | flags, fd, 0);
  return at == MAP_FAILED ? NULL : at;
}

void* memory_map(int fd, size_t size) {
  return map(fd, size, 0);
}

void* memory_map_for_use(int fd, size_t size) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  void* at = map(fd, size, size <= page ? MAP_POPULATE : 0);
  // More pages would be allocated here than may ever be used. Kernels before 5.14 do not know it.
  if (at && size > page) madvise(at, page, MADV_POPULATE_WRITE);
  return at;
}

bool memory_poke(int fd, size_t offset, uint32_t value) {
  struct rlimit limit;
  // Who may not write into files would get a signal for it.
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur < offset + sizeof(value)) return false;
  return pwrite(fd, &value, sizeof(value), (off_t)offset) == (ssize_t)sizeof(value);
}

uint32_t zx_system_get_page_size(void) {
  return (uint32_t)sysconf(_SC_PAGESIZE);
}
