// VMOs: sizes, reading and writing, children, mappings, rights.
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zircon/linux.h>
#include <zircon/syscalls.h>

#include "jx_test.h"

#define PAGE 4096u

static zx_handle_t make(uint64_t size, uint32_t options) {
  zx_handle_t vmo;
  ck_assert_int_eq(zx_vmo_create(size, options, &vmo), ZX_OK);
  return vmo;
}

START_TEST(sizes_are_rounded_up_to_pages) {
  zx_handle_t vmo;
  for (uint64_t size = 0; size <= 4 * PAGE; size += 1023) {
    uint64_t got, content;
    vmo = make(size, 0);
    ck_assert_int_eq(zx_vmo_get_size(vmo, &got), ZX_OK);
    ck_assert_uint_eq(got, (size + PAGE - 1) / PAGE * PAGE);
    ck_assert_int_eq(zx_object_get_property(vmo, ZX_PROP_VMO_CONTENT_SIZE, &content, 8), ZX_OK);
    ck_assert_uint_eq(content, size);
    ck_assert_int_eq(zx_vmo_set_size(vmo, 1), ZX_ERR_UNAVAILABLE);
    zx_handle_close(vmo);
  }
  ck_assert_int_eq(zx_vmo_create(UINT64_MAX, 0, &vmo), ZX_ERR_OUT_OF_RANGE);
  ck_assert_int_eq(zx_vmo_create(1, 0x100, &vmo), ZX_ERR_INVALID_ARGS);
}
END_TEST

START_TEST(reads_and_writes_stay_inside) {
  zx_handle_t vmo = make(2 * PAGE, 0);
  char buffer[16] = "0123456789abcde";
  ck_assert_int_eq(zx_vmo_write(vmo, buffer, PAGE - 8, 16), ZX_OK);
  memset(buffer, 0, 16);
  ck_assert_int_eq(zx_vmo_read(vmo, buffer, PAGE - 8, 16), ZX_OK);
  ck_assert_str_eq(buffer, "0123456789abcde");
  static const struct {
    uint64_t offset;
    size_t length;
    zx_status_t status;
  } cases[] = {{2 * PAGE - 1, 2, ZX_ERR_OUT_OF_RANGE},    {2 * PAGE, 0, ZX_OK},
               {2 * PAGE + 1, 0, ZX_ERR_OUT_OF_RANGE},    {UINT64_MAX, 2, ZX_ERR_OUT_OF_RANGE},
               {UINT64_MAX - 1, 16, ZX_ERR_OUT_OF_RANGE}, {2 * PAGE - 1, 1, ZX_OK}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    ck_assert_int_eq(zx_vmo_read(vmo, buffer, cases[i].offset, cases[i].length), cases[i].status);
    ck_assert_int_eq(zx_vmo_write(vmo, buffer, cases[i].offset, cases[i].length), cases[i].status);
  }
  ck_assert_int_eq(zx_vmo_read(vmo, NULL, 0, 1), ZX_ERR_INVALID_ARGS);
  zx_handle_close(vmo);
}
END_TEST

START_TEST(a_resizable_vmo_is_zeroed_behind_its_new_end) {
  zx_handle_t vmo = make(PAGE, ZX_VMO_RESIZABLE);
  char c[3] = "xyz";
  uint64_t size;
  ck_assert_int_eq(zx_vmo_write(vmo, c, 100, 3), ZX_OK);
  ck_assert_int_eq(zx_vmo_set_size(vmo, 101), ZX_OK);
  ck_assert_int_eq(zx_vmo_set_size(vmo, 3 * PAGE), ZX_OK);
  ck_assert_int_eq(zx_vmo_get_size(vmo, &size), ZX_OK);
  ck_assert_uint_eq(size, 3 * PAGE);
  ck_assert_int_eq(zx_vmo_read(vmo, c, 100, 3), ZX_OK);
  ck_assert(c[0] == 'x' && c[1] == 0 && c[2] == 0);
  zx_handle_close(vmo);
}
END_TEST

START_TEST(rights_bound_mappings) {
  zx_handle_t vmo = make(PAGE, 0), reduced;
  static const zx_rights_t rights[] = {0, ZX_RIGHT_READ, ZX_RIGHT_WRITE, ZX_RIGHT_READ | ZX_RIGHT_WRITE};
  static const zx_vm_option_t options[] = {0, ZX_VM_PERM_READ, ZX_VM_PERM_READ | ZX_VM_PERM_WRITE,
                                           ZX_VM_PERM_WRITE};
  for (int has_map = 0; has_map < 2; has_map++) {
    for (size_t r = 0; r < 4; r++) {
      zx_rights_t all = rights[r] | (has_map ? ZX_RIGHT_MAP : 0);
      ck_assert_int_eq(zx_handle_duplicate(vmo, all, &reduced), ZX_OK);
      for (size_t o = 0; o < 4; o++) {
        zx_vaddr_t at;
        zx_status_t status = zx_vmar_map(zx_vmar_root_self(), options[o], 0, reduced, 0, PAGE, &at);
        zx_status_t expected = ZX_OK;
        if (!has_map || ((options[o] & ZX_VM_PERM_READ) && !(all & ZX_RIGHT_READ)) ||
            ((options[o] & ZX_VM_PERM_WRITE) && !(all & ZX_RIGHT_WRITE))) {
          expected = ZX_ERR_ACCESS_DENIED;
        }
        if (has_map && options[o] == ZX_VM_PERM_WRITE) expected = ZX_ERR_INVALID_ARGS;
        ck_assert_int_eq(status, expected);
        if (status == ZX_OK) ck_assert_int_eq(zx_vmar_unmap(zx_vmar_root_self(), at, PAGE), ZX_OK);
      }
      zx_handle_close(reduced);
    }
  }
  zx_handle_close(vmo);
}
END_TEST

START_TEST(a_mapping_outlives_its_handle_and_shares_memory) {
  zx_handle_t vmo = make(2 * PAGE, 0);
  zx_vaddr_t at, other;
  zx_vm_option_t rw = ZX_VM_PERM_READ | ZX_VM_PERM_WRITE;
  ck_assert_int_eq(zx_vmar_map(zx_vmar_root_self(), rw, 0, vmo, 0, 2 * PAGE, &at), ZX_OK);
  ck_assert_int_eq(zx_vmo_write(vmo, "shared", PAGE, 6), ZX_OK);
  ck_assert_int_eq(memcmp((char*)at + PAGE, "shared", 6), 0);
  ck_assert_int_eq(zx_vmar_map(zx_vmar_root_self(), rw | ZX_VM_SPECIFIC, at, vmo, 0, PAGE, &other),
                   ZX_ERR_ALREADY_EXISTS);
  ck_assert_int_eq(zx_vmar_map(zx_vmar_root_self(), rw, 0, vmo, 0, 3 * PAGE, &other),
                   ZX_ERR_BUFFER_TOO_SMALL);
  ck_assert_int_eq(zx_vmar_map(zx_vmar_root_self(), rw, 0, vmo, 1, PAGE, &other), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_vmar_map(zx_vmar_root_self(), rw, 0, vmo, 0, 0, &other), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_vmar_map(vmo, rw, 0, vmo, 0, PAGE, &other), ZX_ERR_WRONG_TYPE);
  zx_handle_close(vmo);
  ((char*)at)[0] = 1;
  ck_assert_int_eq(zx_vmar_protect(zx_vmar_root_self(), ZX_VM_PERM_READ, at, PAGE), ZX_OK);
  ck_assert_int_eq(zx_vmar_unmap(zx_vmar_root_self(), at, 2 * PAGE), ZX_OK);
}
END_TEST

START_TEST(slices_share_and_snapshots_copy) {
  zx_handle_t vmo = make(4 * PAGE, 0), slice, nested, snapshot;
  char c = 0;
  ck_assert_int_eq(zx_vmo_create_child(vmo, ZX_VMO_CHILD_SLICE, PAGE, 2 * PAGE, &slice), ZX_OK);
  zx_signals_t observed;
  ck_assert_int_eq(zx_object_wait_one(vmo, ZX_VMO_ZERO_CHILDREN, 0, &observed), ZX_ERR_TIMED_OUT);
  ck_assert_int_eq(zx_vmo_create_child(slice, ZX_VMO_CHILD_SLICE, PAGE, PAGE, &nested), ZX_OK);
  ck_assert_int_eq(zx_vmo_create_child(vmo, ZX_VMO_CHILD_SNAPSHOT, PAGE, 8 * PAGE, &snapshot), ZX_OK);
  ck_assert_int_eq(zx_vmo_write(nested, "n", 0, 1), ZX_OK);
  ck_assert_int_eq(zx_vmo_read(vmo, &c, 2 * PAGE, 1), ZX_OK);
  ck_assert_int_eq(c, 'n');
  ck_assert_int_eq(zx_vmo_read(snapshot, &c, PAGE, 1), ZX_OK);
  ck_assert_int_eq(c, 0);
  ck_assert_int_eq(zx_vmo_read(nested, &c, PAGE, 1), ZX_ERR_OUT_OF_RANGE);
  zx_handle_t bad;
  ck_assert_int_eq(zx_vmo_create_child(vmo, ZX_VMO_CHILD_SLICE, 3 * PAGE, 2 * PAGE, &bad),
                   ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_vmo_create_child(vmo, 0, 0, PAGE, &bad), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_vmo_create_child(vmo, ZX_VMO_CHILD_SLICE | ZX_VMO_CHILD_SNAPSHOT, 0, PAGE, &bad),
                   ZX_ERR_INVALID_ARGS);
  zx_handle_close(slice);
  zx_handle_close(snapshot);
  ck_assert_int_eq(zx_object_wait_one(vmo, ZX_VMO_ZERO_CHILDREN, 0, &observed),
                   ZX_ERR_TIMED_OUT);  // a grandchild
  zx_handle_close(nested);
  ck_assert_int_eq(zx_object_wait_one(vmo, ZX_VMO_ZERO_CHILDREN, 0, &observed), ZX_OK);
  zx_handle_close(vmo);
}
END_TEST

START_TEST(names_are_cut_at_31_bytes_and_at_zero) {
  zx_handle_t vmo = make(1, 0);
  char name[ZX_MAX_NAME_LEN];
  ck_assert_int_eq(zx_object_set_property(vmo, ZX_PROP_NAME, "abcdefghijklmnopqrstuvwxyz0123456789", 36),
                   ZX_OK);
  ck_assert_int_eq(zx_object_get_property(vmo, ZX_PROP_NAME, name, sizeof(name)), ZX_OK);
  ck_assert_str_eq(name, "abcdefghijklmnopqrstuvwxyz01234");
  ck_assert_int_eq(zx_object_set_property(vmo, ZX_PROP_NAME, "ab\0cd", 5), ZX_OK);
  ck_assert_int_eq(zx_object_get_property(vmo, ZX_PROP_NAME, name, sizeof(name)), ZX_OK);
  ck_assert_int_eq(memcmp(name, "ab\0\0\0\0", 6), 0);
  ck_assert_int_eq(zx_object_set_property(vmo, ZX_PROP_NAME, "", 0), ZX_OK);
  ck_assert_int_eq(zx_object_get_property(vmo, ZX_PROP_NAME, name, 31), ZX_ERR_BUFFER_TOO_SMALL);
  ck_assert_int_eq(zx_object_get_property(vmo, ZX_PROP_NAME, NULL, 32), ZX_ERR_INVALID_ARGS);
  zx_handle_close(vmo);
}
END_TEST

START_TEST(a_vmo_travels_with_its_slice_and_rights) {
  zx_handle_t vmo = make(4 * PAGE, 0), slice, c[2];
  zx_handle_disposition_t d = {.operation = ZX_HANDLE_OP_MOVE, .rights = ZX_RIGHT_READ | ZX_RIGHT_MAP};
  zx_handle_info_t info;
  uint64_t size;
  char byte = 0;
  ck_assert_int_eq(zx_channel_create(0, &c[0], &c[1]), ZX_OK);
  ck_assert_int_eq(zx_vmo_create_child(vmo, ZX_VMO_CHILD_SLICE, PAGE, PAGE, &slice), ZX_OK);
  ck_assert_int_eq(zx_vmo_write(vmo, "s", PAGE, 1), ZX_OK);
  d.handle = slice;
  ck_assert_int_eq(zx_channel_write_etc(c[0], 0, NULL, 0, &d, 1), ZX_OK);
  ck_assert_int_eq(zx_channel_read_etc(c[1], 0, NULL, &info, 0, 1, NULL, NULL), ZX_OK);
  ck_assert_uint_eq(info.rights, ZX_RIGHT_READ | ZX_RIGHT_MAP);
  ck_assert_int_eq(zx_vmo_get_size(info.handle, &size), ZX_OK);
  ck_assert_uint_eq(size, PAGE);
  ck_assert_int_eq(zx_vmo_read(info.handle, &byte, 0, 1), ZX_OK);
  ck_assert_int_eq(byte, 's');
  ck_assert_int_eq(zx_vmo_write(info.handle, &byte, 0, 1), ZX_ERR_ACCESS_DENIED);
  zx_handle_close(info.handle);
  zx_handle_close_many(c, 2);
  zx_handle_close(vmo);
}
END_TEST

START_TEST(an_unsealed_memfd_cannot_be_mapped) {
  zx_handle_t vmo;
  int fd = memfd_create("foreign", MFD_ALLOW_SEALING);
  ck_assert_int_eq(ftruncate(fd, PAGE), 0);
  ck_assert_int_eq(zx_linux_vmo_from_fd(fd, &vmo), ZX_OK);
  zx_vaddr_t at;
  ck_assert_int_eq(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ, 0, vmo, 0, PAGE, &at),
                   ZX_ERR_ACCESS_DENIED);
  char c;
  ck_assert_int_eq(zx_vmo_read(vmo, &c, 0, 1), ZX_OK);
  ck_assert_int_eq(zx_linux_vmo_to_fd(vmo, &fd), ZX_OK);
  close(fd);
  int pipes[2];
  ck_assert_int_eq(pipe(pipes), 0);
  ck_assert_int_eq(zx_linux_vmo_from_fd(pipes[0], &vmo), ZX_ERR_WRONG_TYPE);
  close(pipes[1]);
}
END_TEST

// A memfd that ends within its second page.
#define ODD (PAGE + 100)
static zx_handle_t wrap_odd(int seals) {
  zx_handle_t vmo;
  int fd = memfd_create("odd", MFD_ALLOW_SEALING | MFD_CLOEXEC);
  ck_assert_int_eq(ftruncate(fd, ODD), 0);
  ck_assert_int_eq(pwrite(fd, "end", 3, ODD - 3), 3);
  ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
  ck_assert_int_eq(zx_linux_vmo_from_fd(fd, &vmo), ZX_OK);
  return vmo;
}

static void expect_bytes(zx_handle_t vmo, uint64_t offset, const char* expected, size_t size) {
  char got[PAGE];
  memset(got, 'x', sizeof(got));
  ck_assert_int_eq(zx_vmo_read(vmo, got, offset, size), ZX_OK);
  ck_assert_int_eq(memcmp(got, expected, size), 0);
}

static void expect_whole_pages(zx_handle_t vmo) {
  uint64_t size = 0, content = 0;
  char c;
  zx_info_vmo_t info;
  ck_assert_int_eq(zx_vmo_get_size(vmo, &size), ZX_OK);
  ck_assert_uint_eq(size, 2 * PAGE);
  ck_assert_int_eq(zx_object_get_info(vmo, ZX_INFO_VMO, &info, sizeof(info), NULL, NULL), ZX_OK);
  ck_assert_uint_eq(info.size_bytes, 2 * PAGE);
  ck_assert_int_eq(zx_object_get_property(vmo, ZX_PROP_VMO_CONTENT_SIZE, &content, sizeof(content)), ZX_OK);
  ck_assert_uint_eq(content, ODD);
  ck_assert_int_eq(zx_vmo_read(vmo, &c, 2 * PAGE, 1), ZX_ERR_OUT_OF_RANGE);
  ck_assert_int_eq(zx_vmo_write(vmo, &c, 2 * PAGE, 1), ZX_ERR_OUT_OF_RANGE);
}

START_TEST(a_sealed_memfd_that_ends_within_a_page_has_its_rest) {
  static const char zeroes[PAGE];
  static char ones[2 * PAGE];
  zx_handle_t vmo = wrap_odd(F_SEAL_SHRINK | F_SEAL_GROW), slice, copy;
  expect_whole_pages(vmo);
  expect_bytes(vmo, ODD - 3, "end\0\0", 5);
  expect_bytes(vmo, 2 * PAGE - 1, zeroes, 1);
  zx_vaddr_t mapped;
  ck_assert_int_eq(
      zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, 2 * PAGE, &mapped),
      ZX_OK);
  char* at = (char*)mapped;
  ck_assert_int_eq(zx_vmo_write(vmo, "across", ODD - 3, 6), ZX_OK);
  ck_assert_int_eq(memcmp(at + ODD - 3, "across", 6), 0);
  at[2 * PAGE - 1] = 'z';
  expect_bytes(vmo, 2 * PAGE - 2, "\0z", 2);
  ck_assert_int_eq(zx_vmo_create_child(vmo, ZX_VMO_CHILD_SLICE, PAGE, PAGE, &slice), ZX_OK);
  expect_bytes(slice, PAGE - 2, "\0z", 2);
  ck_assert_int_eq(zx_vmo_create_child(slice, ZX_VMO_CHILD_SNAPSHOT, 0, PAGE, &copy), ZX_OK);
  expect_bytes(copy, 97, "across", 6);
  expect_bytes(copy, PAGE - 2, "\0z", 2);
  ck_assert_int_eq(zx_vmo_op_range(slice, ZX_VMO_OP_COMMIT, 0, PAGE, NULL, 0), ZX_OK);
  ck_assert_int_eq(zx_vmo_op_range(slice, ZX_VMO_OP_COMMIT, PAGE - 8, 8, NULL, 0), ZX_OK);
  ck_assert_int_eq(zx_vmo_op_range(vmo, ZX_VMO_OP_ZERO, ODD + 1, PAGE - 101, NULL, 0), ZX_OK);
  expect_bytes(vmo, ODD - 3, "acro\0\0", 6);
  expect_bytes(vmo, 2 * PAGE - 1, zeroes, 1);
  memset(ones, 1, sizeof(ones));
  ck_assert_int_eq(zx_vmo_write(vmo, ones, 0, 2 * PAGE), ZX_OK);
  ck_assert_int_eq(memcmp(at, ones, 2 * PAGE), 0);
  const uint64_t all = 2 * PAGE, less = PAGE + 200;
  ck_assert_int_eq(zx_object_set_property(vmo, ZX_PROP_VMO_CONTENT_SIZE, &all, sizeof(all)), ZX_OK);
  ck_assert_int_eq(zx_object_set_property(vmo, ZX_PROP_VMO_CONTENT_SIZE, &less, sizeof(less)), ZX_OK);
  expect_bytes(vmo, PAGE + 199, "\1\0\0", 3);
  expect_bytes(vmo, PAGE + 200, zeroes, PAGE - 200);
  ck_assert_int_eq(zx_vmar_unmap(zx_vmar_root_self(), mapped, 2 * PAGE), ZX_OK);
  zx_handle_close_many((zx_handle_t[]){vmo, slice, copy}, 3);
}
END_TEST

START_TEST(a_memfd_that_ends_within_a_page_grows_when_written_behind_its_end) {
  static const char zeroes[PAGE];
  struct stat st;
  // That it may not shrink makes no difference.
  zx_handle_t vmo = wrap_odd(_i ? F_SEAL_SHRINK : 0);
  int fd;
  expect_whole_pages(vmo);
  expect_bytes(vmo, ODD - 3, "end\0\0", 5);
  expect_bytes(vmo, ODD, zeroes, PAGE - 100);
  ck_assert_int_eq(zx_vmo_write(vmo, "more", ODD + 50, 4), ZX_OK);
  expect_bytes(vmo, ODD + 49, "\0more\0", 6);
  expect_bytes(vmo, ODD + 54, zeroes, PAGE - 154);
  ck_assert_int_eq(zx_linux_vmo_to_fd(vmo, &fd), ZX_OK);
  ck_assert_int_eq(fstat(fd, &st), 0);
  ck_assert_int_eq(st.st_size, ODD + 54);
  close(fd);
}
END_TEST

START_TEST(a_memfd_that_may_shrink_but_not_grow_has_zeroes_behind_its_end) {
  zx_handle_t vmo = wrap_odd(F_SEAL_GROW);
  expect_whole_pages(vmo);
  expect_bytes(vmo, ODD - 3, "end\0\0", 5);
  ck_assert_int_eq(zx_vmo_write(vmo, "End", ODD - 3, 3), ZX_OK);
  ck_assert_int_eq(zx_vmo_write(vmo, "x", ODD, 1), ZX_ERR_ACCESS_DENIED);
  expect_bytes(vmo, ODD - 3, "End\0", 4);
  zx_handle_close(vmo);
}
END_TEST

START_TEST(ranges_are_zeroed_and_checked) {
  zx_handle_t vmo = make(2 * PAGE, 0);
  char c = 'x';
  ck_assert_int_eq(zx_vmo_write(vmo, &c, PAGE + 5, 1), ZX_OK);
  ck_assert_int_eq(zx_vmo_op_range(vmo, ZX_VMO_OP_DECOMMIT, 1, PAGE, NULL, 0), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_vmo_op_range(vmo, ZX_VMO_OP_ZERO, PAGE, 2 * PAGE, NULL, 0), ZX_ERR_OUT_OF_RANGE);
  ck_assert_int_eq(zx_vmo_op_range(vmo, 99, 0, 0, NULL, 0), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_vmo_op_range(vmo, ZX_VMO_OP_LOCK, 0, 0, NULL, 0), ZX_ERR_NOT_SUPPORTED);
  ck_assert_int_eq(zx_vmo_op_range(vmo, ZX_VMO_OP_ZERO, PAGE + 5, 1, NULL, 0), ZX_OK);
  ck_assert_int_eq(zx_vmo_read(vmo, &c, PAGE + 5, 1), ZX_OK);
  ck_assert_int_eq(c, 0);
  zx_handle_close(vmo);
}
END_TEST

START_TEST(only_discardable_vmos_are_locked) {
  zx_handle_t vmo = make(2 * PAGE, ZX_VMO_DISCARDABLE), weak, child;
  zx_vmo_lock_state_t state = {1, 1, 1, 1};
  ck_assert_int_eq(zx_vmo_op_range(vmo, ZX_VMO_OP_UNLOCK, 0, 2 * PAGE, NULL, 0), ZX_ERR_BAD_STATE);
  ck_assert_int_eq(zx_vmo_op_range(vmo, ZX_VMO_OP_LOCK, 0, 2 * PAGE, NULL, 0), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_vmo_op_range(vmo, ZX_VMO_OP_LOCK, 0, 2 * PAGE, &state, sizeof(state)), ZX_OK);
  ck_assert(state.size == 2 * PAGE && state.discarded_size == 0);
  ck_assert_int_eq(zx_vmo_op_range(vmo, ZX_VMO_OP_TRY_LOCK, 0, PAGE, NULL, 0), ZX_ERR_OUT_OF_RANGE);
  ck_assert_int_eq(zx_vmo_op_range(vmo, ZX_VMO_OP_TRY_LOCK, 0, 2 * PAGE, NULL, 0), ZX_OK);
  for (int i = 0; i < 2; i++)
    ck_assert_int_eq(zx_vmo_op_range(vmo, ZX_VMO_OP_UNLOCK, 0, 2 * PAGE, NULL, 0), ZX_OK);
  ck_assert_int_eq(zx_vmo_op_range(vmo, ZX_VMO_OP_UNLOCK, 0, 2 * PAGE, NULL, 0), ZX_ERR_BAD_STATE);
  ck_assert_int_eq(zx_handle_duplicate(vmo, ZX_RIGHT_MAP, &weak), ZX_OK);
  ck_assert_int_eq(zx_vmo_op_range(weak, ZX_VMO_OP_TRY_LOCK, 0, 2 * PAGE, NULL, 0), ZX_ERR_ACCESS_DENIED);
  ck_assert_int_eq(zx_vmo_create_child(vmo, ZX_VMO_CHILD_SNAPSHOT, 0, PAGE, &child), ZX_ERR_NOT_SUPPORTED);
  zx_handle_close(weak);
  zx_handle_close(vmo);
}
END_TEST

static zx_rights_t rights_of(zx_handle_t handle) {
  zx_info_handle_basic_t info;
  ck_assert_int_eq(zx_object_get_info(handle, ZX_INFO_HANDLE_BASIC, &info, sizeof(info), NULL, NULL), ZX_OK);
  return info.rights;
}

START_TEST(children_have_the_rights_of_their_kind) {
  zx_handle_t vmo = make(PAGE, ZX_VMO_RESIZABLE), read_only, child, bad;
  zx_rights_t common = ZX_RIGHTS_BASIC | ZX_RIGHT_READ | ZX_RIGHT_MAP | ZX_RIGHTS_PROPERTY;
  ck_assert_int_eq(zx_handle_duplicate(vmo, ZX_RIGHTS_BASIC | ZX_RIGHT_READ | ZX_RIGHT_MAP, &read_only),
                   ZX_OK);
  static const struct {
    uint32_t options;
    zx_rights_t more;
  } kinds[] = {{ZX_VMO_CHILD_SNAPSHOT, ZX_RIGHT_WRITE},
               {ZX_VMO_CHILD_SNAPSHOT_AT_LEAST_ON_WRITE | ZX_VMO_CHILD_NO_WRITE, 0},
               {ZX_VMO_CHILD_SNAPSHOT | ZX_VMO_CHILD_RESIZABLE, ZX_RIGHT_WRITE | ZX_RIGHT_RESIZE},
               {ZX_VMO_CHILD_REFERENCE, 0},
               {ZX_VMO_CHILD_REFERENCE | ZX_VMO_CHILD_RESIZABLE, ZX_RIGHT_RESIZE}};
  for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
    uint64_t size = kinds[i].options & ZX_VMO_CHILD_REFERENCE ? 0 : PAGE;
    ck_assert_int_eq(zx_vmo_create_child(read_only, kinds[i].options, 0, size, &child), ZX_OK);
    ck_assert_uint_eq(rights_of(child), common | kinds[i].more);
    zx_handle_close(child);
  }
  ck_assert_int_eq(zx_vmo_create_child(vmo, ZX_VMO_CHILD_SLICE, 0, PAGE, &bad), ZX_ERR_NOT_SUPPORTED);
  ck_assert_int_eq(zx_vmo_create_child(vmo, ZX_VMO_CHILD_SLICE, 0, 2 * PAGE, &bad), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_vmo_create_child(vmo, ZX_VMO_CHILD_SLICE | ZX_VMO_CHILD_RESIZABLE, 0, PAGE, &bad),
                   ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(
      zx_vmo_create_child(vmo, ZX_VMO_CHILD_SNAPSHOT | ZX_VMO_CHILD_RESIZABLE | ZX_VMO_CHILD_NO_WRITE, 0,
                          PAGE, &bad),
      ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_vmo_create_child(vmo, ZX_VMO_CHILD_SNAPSHOT, 1, PAGE, &bad), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_vmo_create_child(vmo, ZX_VMO_CHILD_SNAPSHOT, PAGE, UINT64_MAX - 5, &bad),
                   ZX_ERR_OUT_OF_RANGE);
  zx_handle_close(read_only);
  zx_handle_close(vmo);
}
END_TEST

static bool has_no_children(zx_handle_t vmo) {
  return zx_object_wait_one(vmo, ZX_VMO_ZERO_CHILDREN, 0, NULL) == ZX_OK;
}

START_TEST(a_mapping_of_a_child_keeps_it_in_its_family_but_no_descriptor) {
  zx_handle_t vmo = make(4 * PAGE, 0), slice;
  zx_vaddr_t at;
  zx_info_vmo_t info;
  int fds = jx_test_open_fds();
  ck_assert_int_eq(zx_vmo_create_child(vmo, ZX_VMO_CHILD_SLICE, 0, 3 * PAGE, &slice), ZX_OK);
  ck_assert_int_eq(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ, 0, slice, 0, 3 * PAGE, &at), ZX_OK);
  ck_assert_int_eq(zx_object_get_info(slice, ZX_INFO_VMO, &info, sizeof(info), NULL, NULL), ZX_OK);
  ck_assert(info.num_mappings == 1 && info.parent_koid != 0 && (info.flags & ZX_INFO_VMO_TYPE_PAGED));
  // A hole in the middle makes two of it.
  ck_assert_int_eq(zx_vmar_unmap(zx_vmar_root_self(), at + PAGE, PAGE), ZX_OK);
  ck_assert_int_eq(zx_object_get_info(slice, ZX_INFO_VMO, &info, sizeof(info), NULL, NULL), ZX_OK);
  ck_assert_uint_eq(info.num_mappings, 2);
  zx_handle_close(slice);
  ck_assert_int_eq(jx_test_open_fds(), fds);
  ck_assert(!has_no_children(vmo));
  ck_assert_int_eq(zx_vmar_unmap(zx_vmar_root_self(), at, PAGE), ZX_OK);
  ck_assert(!has_no_children(vmo));
  ck_assert_int_eq(zx_vmar_unmap(zx_vmar_root_self(), at, 3 * PAGE), ZX_OK);
  ck_assert(has_no_children(vmo));
  zx_handle_close(vmo);
}
END_TEST

START_TEST(deep_families_are_freed) {
  zx_handle_t first = make(PAGE, 0), vmo = first, child;
  for (int i = 0; i < 400; i++) {
    ck_assert_int_eq(zx_vmo_create_child(vmo, ZX_VMO_CHILD_SLICE, 0, PAGE, &child), ZX_OK);
    if (vmo != first) zx_handle_close(vmo);
    vmo = child;
  }
  ck_assert(!has_no_children(first));
  zx_handle_close(vmo);
  ck_assert(has_no_children(first));
  zx_handle_close(first);
}
END_TEST

START_TEST(mappings_lie_where_they_are_asked_to) {
  zx_handle_t vmo = make(2 * PAGE, 0);
  const zx_vm_option_t r = ZX_VM_PERM_READ;
  zx_vaddr_t at, below;
  ck_assert_int_eq(zx_vmar_map(zx_vmar_root_self(), r | ZX_VM_ALIGN_2MB, 0, vmo, 0, 2 * PAGE, &at), ZX_OK);
  ck_assert_uint_eq(at % (2u << 20), 0);
  ck_assert_int_eq(
      zx_vmar_map(zx_vmar_root_self(), r | ZX_VM_OFFSET_IS_UPPER_LIMIT, at, vmo, 0, 2 * PAGE, &below), ZX_OK);
  ck_assert_uint_le(below + 2 * PAGE, at);
  ck_assert_int_eq(zx_vmar_unmap(zx_vmar_root_self(), below, 2 * PAGE), ZX_OK);
  ck_assert_int_eq(
      zx_vmar_map(zx_vmar_root_self(), r | ZX_VM_SPECIFIC_OVERWRITE, at, vmo, PAGE, PAGE, &below), ZX_OK);
  ck_assert_uint_eq(at, below);
  ck_assert_int_eq(zx_vmar_unmap(zx_vmar_root_self(), at, 2 * PAGE), ZX_OK);
  static const struct {
    zx_vm_option_t options;
    size_t offset;
  } bad[] = {{1u << 30, 0},
             {5u << ZX_VM_ALIGN_BASE, 0},
             {1u << 20, 0},
             {0, PAGE},
             {ZX_VM_SPECIFIC | ZX_VM_SPECIFIC_OVERWRITE, PAGE},
             {ZX_VM_SPECIFIC | ZX_VM_ALIGN_2MB, PAGE}};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    ck_assert_int_eq(zx_vmar_map(zx_vmar_root_self(), r | bad[i].options, bad[i].offset, vmo, 0, PAGE, &at),
                     ZX_ERR_INVALID_ARGS);
  }
  ck_assert_int_eq(zx_vmar_map(zx_vmar_root_self(), r, 0, vmo, UINT64_MAX - PAGE + 1, PAGE, &at),
                   ZX_ERR_OUT_OF_RANGE);
  ck_assert_int_eq(zx_vmar_unmap(zx_vmar_root_self(), 1, PAGE), ZX_ERR_INVALID_ARGS);
  zx_handle_close(vmo);
}
END_TEST

START_TEST(protecting_stays_within_the_rights_that_were_mapped) {
  zx_handle_t vmo = make(PAGE, 0), read_only;
  zx_vaddr_t at;
  ck_assert_int_eq(zx_handle_duplicate(vmo, ZX_RIGHT_READ | ZX_RIGHT_MAP, &read_only), ZX_OK);
  ck_assert_int_eq(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ, 0, read_only, 0, PAGE, &at), ZX_OK);
  ck_assert_int_eq(zx_vmar_protect(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, at, PAGE),
                   ZX_ERR_ACCESS_DENIED);
  ck_assert_int_eq(zx_vmar_protect(zx_vmar_root_self(), ZX_VM_PERM_WRITE, at, PAGE), ZX_ERR_INVALID_ARGS);
  ck_assert_int_eq(zx_vmar_protect(zx_vmar_root_self(), 0, at, PAGE), ZX_OK);
  ck_assert_int_eq(zx_vmar_protect(zx_vmar_root_self(), ZX_VM_PERM_READ, at, PAGE), ZX_OK);
  ck_assert_int_eq(zx_vmar_unmap(zx_vmar_root_self(), at, PAGE), ZX_OK);
  ck_assert_int_eq(zx_vmar_protect(zx_vmar_root_self(), ZX_VM_PERM_READ, at, PAGE), ZX_ERR_NOT_FOUND);
  zx_handle_close(read_only);
  zx_handle_close(vmo);
}
END_TEST

START_TEST(a_slice_of_any_size_travels) {
  const uint64_t size = ((uint64_t)16 << 40) + PAGE;  // more pages than 32 bits count
  zx_handle_t vmo = make(2 * size, 0), slice, c[2];
  uint64_t got = 0;
  ck_assert_int_eq(zx_vmo_create_child(vmo, ZX_VMO_CHILD_SLICE, PAGE, size, &slice), ZX_OK);
  ck_assert_int_eq(zx_channel_create(0, &c[0], &c[1]), ZX_OK);
  ck_assert_int_eq(zx_channel_write(c[0], 0, NULL, 0, &slice, 1), ZX_OK);
  ck_assert_int_eq(zx_channel_read(c[1], 0, NULL, &slice, 0, 1, NULL, NULL), ZX_OK);
  ck_assert_int_eq(zx_vmo_get_size(slice, &got), ZX_OK);
  ck_assert_uint_eq(got, size);
  zx_handle_close_many(c, 2);
  zx_handle_close(slice);
  zx_handle_close(vmo);
}
END_TEST

int main(void) {
  Suite* suite = suite_create("vmo");
  TCase* tc = jx_test_case(suite, "vmo");
  tcase_add_test(tc, sizes_are_rounded_up_to_pages);
  tcase_add_test(tc, reads_and_writes_stay_inside);
  tcase_add_test(tc, a_resizable_vmo_is_zeroed_behind_its_new_end);
  tcase_add_test(tc, rights_bound_mappings);
  tcase_add_test(tc, a_mapping_outlives_its_handle_and_shares_memory);
  tcase_add_test(tc, slices_share_and_snapshots_copy);
  tcase_add_test(tc, names_are_cut_at_31_bytes_and_at_zero);
  tcase_add_test(tc, a_vmo_travels_with_its_slice_and_rights);
  tcase_add_test(tc, an_unsealed_memfd_cannot_be_mapped);
  tcase_add_test(tc, a_sealed_memfd_that_ends_within_a_page_has_its_rest);
  tcase_add_loop_test(tc, a_memfd_that_ends_within_a_page_grows_when_written_behind_its_end, 0, 2);
  tcase_add_test(tc, a_memfd_that_may_shrink_but_not_grow_has_zeroes_behind_its_end);
  tcase_add_test(tc, ranges_are_zeroed_and_checked);
  tcase_add_test(tc, only_discardable_vmos_are_locked);
  tcase_add_test(tc, children_have_the_rights_of_their_kind);
  tcase_add_test(tc, a_mapping_of_a_child_keeps_it_in_its_family_but_no_descriptor);
  tcase_add_test(tc, deep_families_are_freed);
  tcase_add_test(tc, mappings_lie_where_they_are_asked_to);
  tcase_add_test(tc, protecting_stays_within_the_rights_that_were_mapped);
  tcase_add_test(tc, a_slice_of_any_size_travels);
  return jx_test_run(suite);
}
