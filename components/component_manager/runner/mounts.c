// The root directory of a process: a small file system in memory that holds the places, and in them mounts of
// the host's folders, each turned read-only with all that lies under it before it is put there.
//
// The new root is first mounted over /proc: a place every host has and from which nothing is taken. Sources
// are looked up from the host's root, which `host` keeps open; symbolic links in them are followed within it.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child.h"

typedef struct view {
  const child_t* child;
  int host;  // the host's root
  int root;  // the new one
} view_t;

// Symbolic links lead to where they would if `root` were the root directory.
static int open_within(int root, const char* path) {
  struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
  return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

// Makes the folders of a path in the new root, up to its last segment, which is made by `last` (a folder, or
// an empty file to mount on). What exists already is fine; a read-only place that lacks something is not.
static bool make_path(const view_t* view, const char* path, bool is_file) {
  char copy[PATH_MAX];
  if (snprintf(copy, sizeof copy, "%s", path + (*path == '/')) >= (int)sizeof copy) {
    errno = ENAMETOOLONG;
    return false;
  }
  for (char* slash = strchr(copy, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    if (mkdirat(view->root, copy, 0755) != 0 && errno != EEXIST) return false;
    *slash = '/';
  }
  if (faccessat(view->root, copy, F_OK, 0) == 0) return true;
  if (!is_file) return mkdirat(view->root, copy, 0755) == 0;
  int fd = openat(view->root, copy, O_CREAT | O_CLOEXEC | O_WRONLY, 0644);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

static bool set_attributes(int tree, uint64_t attributes, bool recursive) {
  struct mount_attr attr = {.attr_set = attributes};
  return mount_setattr(tree, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr, sizeof attr) == 0;
}

static void close_all(const int* fds, size_t count) {
  int error = errno;
  for (size_t i = 0; i < count; i++) {
    if (fds[i] >= 0) close(fds[i]);
  }
  errno = error;
}

// A place of the new root, made if it is not there.
static int open_place(const view_t* view, const char* path, bool is_file) {
  int fd = open_within(view->root, path);
  if (fd >= 0 || errno != ENOENT || !make_path(view, path, is_file)) return fd;
  return open_within(view->root, path);
}

static bool mount_at(int source, int place, uint64_t attributes) {
  int tree = (int)syscall(SYS_open_tree, source, "",
                          AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  bool ok = tree >= 0 && set_attributes(tree, attributes, true) &&
            move_mount(tree, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0;
  close_all(&tree, 1);
  return ok;
}

// Mounts what lies at `source` on the host at `path` in the new root.
static bool bind(const view_t* view, const char* source, const char* path, uint64_t attributes) {
  struct stat info;
  int fds[] = {open_within(view->host, source), -1};
  if (fds[0] >= 0 && fstat(fds[0], &info) == 0) fds[1] = open_place(view, path, !S_ISDIR(info.st_mode));
  bool ok = fds[1] >= 0 && mount_at(fds[0], fds[1], attributes);
  close_all(fds, 2);
  return ok;
}

#define READ_ONLY (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

static void must_bind(const view_t* view, const char* source, const char* path, uint64_t attributes) {
  if (!bind(view, source, path, attributes)) child_fail(view->child, path);
}

// A file system of its own at `path`. Paths here are relative to the new root, which is the working directory
// by then.
static void mount_own(const view_t* view, const char* type, const char* path, unsigned long flags,
                      const char* options) {
  if (!make_path(view, path, false) || mount(type, path, type, flags, options) != 0)
    child_fail(view->child, path);
}

static void make_devices(const view_t* view, bool is_elf) {
  static const char* const devices[] = {"/dev/null",    "/dev/zero", "/dev/random",
                                        "/dev/urandom", "/dev/full", "/dev/tty"};
  size_t count = is_elf ? 4 : sizeof devices / sizeof *devices;
  for (size_t i = 0; i < count; i++) {
    // Read-only: written to they are all the same, but their owner cannot change who else may.
    if (!bind(view, devices[i], devices[i], MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC) &&
        i == 0)
      child_fail(view->child, devices[i]);
  }
  if (is_elf) return;
  static const char* const links[][2] = {{"/proc/self/fd", "dev/fd"},
                                         {"/proc/self/fd/0", "dev/stdin"},
                                         {"/proc/self/fd/1", "dev/stdout"},
                                         {"/proc/self/fd/2", "dev/stderr"},
                                         {"pts/ptmx", "dev/ptmx"}};
  for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
    if (symlinkat(links[i][0], view->root, links[i][1]) != 0) child_fail(view->child, links[i][1]);
  }
  mount_own(view, "tmpfs", "dev/shm", MS_NOSUID | MS_NODEV, "mode=1777,size=64m");
  if (!make_path(view, "dev/pts", false)) child_fail(view->child, "/dev/pts");
  if (mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620") !=
      0) {
    child_note(view->child, "no pseudo terminals of its own");
  }
}

// What of /proc is about the machine and not about processes; user 0 could write to some of it.
static void protect_machine(const view_t* view) {
  static const char* const places[] = {"proc/sys", "proc/sysrq-trigger", "proc/irq", "proc/bus",
                                       "proc/fs",  "proc/scsi",          "proc/acpi"};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    if (faccessat(view->root, places[i], F_OK, 0) != 0) continue;
    int place = open_within(view->root, places[i]);
    if (place < 0 || !mount_at(place, place, READ_ONLY)) child_fail(view->child, places[i]);
    close(place);
  }
}

// A component sees its own processes there and nothing else; a program needs the rest of /proc, and to write
// its own.
static void make_proc(const view_t* view, bool is_elf) {
  if (!make_path(view, "proc", false)) child_fail(view->child, "/proc");
  unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | (is_elf ? MS_RDONLY : 0);
  if (mount("proc", "proc", "proc", flags, is_elf ? "subset=pid" : NULL) != 0) {
    // Containers that hide parts of their /proc do not let one be mounted that shows them.
    child_note(view->child, "no /proc (the host hides parts of its own)");
  } else if (!is_elf) {
    protect_machine(view);
  }
}

// A folder or link of the host's root, at the same place.
static void copy_place(const view_t* view, const char* name) {
  char target[PATH_MAX], path[PATH_MAX];
  struct stat info;
  snprintf(path, sizeof path, "/%s", name);
  if (fstatat(view->host, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (S_ISLNK(info.st_mode)) {
    ssize_t size = readlinkat(view->host, name, target, sizeof target - 1);
    if (size < 0) return;
    target[size] = '\0';
    if (make_path(view, path, false) && unlinkat(view->root, name, AT_REMOVEDIR) == 0)
      symlinkat(target, view->root, name);
  } else if (S_ISDIR(info.st_mode) && !bind(view, path, path, READ_ONLY) && errno != EACCES) {
    child_fail(view->child, path);
  }
}

static void copy_libraries(const view_t* view) {
  static const char* const places[] = {"lib",     "lib32",     "lib64",     "libx32",
                                       "usr/lib", "usr/lib32", "usr/lib64", "usr/libx32"};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++)
    copy_place(view, places[i]);
  static const char* const resolver[] = {"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"};
  bind(view, "/etc/ld.so.cache", "/etc/ld.so.cache", READ_ONLY);
  for (size_t i = 0; view->child->spec->host_network && i < sizeof resolver / sizeof *resolver; i++) {
    bind(view, resolver[i], resolver[i], READ_ONLY);
  }
}

static bool is_replaced(const char* name) {
  static const char* const own[] = {".", "..", "proc", "sys", "dev", "run", "tmp", "pkg"};
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
    if (strcmp(own[i], name) == 0) return true;
  }
  return false;
}

static void copy_host(const view_t* view) {
  int fd = openat(view->host, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* dir = fd < 0 ? NULL : fdopendir(fd);
  if (!dir) child_fail(view->child, "/");
  for (const struct dirent* entry; (entry = readdir(dir)) != NULL;) {
    if (!is_replaced(entry->d_name)) copy_place(view, entry->d_name);
  }
  closedir(dir);
  if (!view->child->spec->host_tmp) {
    mount_own(view, "tmpfs", "tmp", MS_NOSUID | MS_NODEV, "mode=1777,size=256m");
  } else if (!bind(view, "/tmp", "/tmp", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)) {
    child_fail(view->child, "/tmp");
  }
  mount_own(view, "tmpfs", "run", MS_NOSUID | MS_NODEV, "mode=755,size=16m");
  if (faccessat(view->root, "var/tmp", F_OK, 0) == 0)
    mount_own(view, "tmpfs", "var/tmp", MS_NOSUID | MS_NODEV, "mode=1777,size=256m");
}

static bool lies_under(const char* path, const char* folder) {
  size_t size = strlen(folder);
  return strncmp(path, folder, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

// The program and its working directory may lie where the view has something of its own.
static void add_working_places(const view_t* view) {
  static const char* const hidden[] = {"/tmp", "/run", "/var/tmp"};
  const sandbox_spec_t* spec = view->child->spec;
  const char* directory = spec->working_directory;
  bool wants = spec->writable_directory && directory && strcmp(directory, "/") != 0;
  if (wants && !bind(view, directory, directory, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV))
    child_fail(view->child, directory);
  for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
    bool is_there = (wants && lies_under(spec->program, directory)) || (spec->host_tmp && i == 0);
    if (lies_under(spec->program, hidden[i]) && !is_there)
      must_bind(view, spec->program, spec->program, READ_ONLY);
  }
}

// What the program's resolver reads is mounted over the host's. Where /etc/resolv.conf is a link into /run,
// which is empty here, it is made there.
static void write_resolv_conf(const view_t* view) {
  char link[PATH_MAX] = "";
  const char* name = "run/resolv.conf";
  int hosts = open_within(view->root, "etc/resolv.conf");
  ssize_t size = hosts < 0 ? readlinkat(view->root, "etc/resolv.conf", link, sizeof link - 1) : 0;
  if (size > 0) link[size] = '\0';
  const char* in_run = strstr(link, "run/");
  if (in_run) name = in_run;
  int fd = make_path(view, name, true) ? openat(view->root, name, O_WRONLY | O_TRUNC | O_CLOEXEC) : -1;
  if (fd < 0 || dprintf(fd, "# written by jacinth\nnameserver %s\n", view->child->spec->name_server) < 0)
    child_fail(view->child, name);
  close(fd);
  int own = hosts < 0 ? -1 : open_within(view->root, name);
  bool ok = hosts < 0 ? in_run != NULL : own >= 0 && mount_at(own, hosts, READ_ONLY);
  if (!ok) child_note(view->child, "no /etc/resolv.conf of its own");
  close_all((int[]){hosts, own}, 2);
}

static void enter_root(const view_t* view) {
  if (syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0 || chdir("/") != 0) {
    child_fail(view->child, "cannot enter its root directory");
  }
  int root = open("/", O_PATH | O_CLOEXEC);
  if (root < 0 || !set_attributes(root, READ_ONLY, false))
    child_fail(view->child, "cannot make its root directory read-only");
  close(root);
}

void child_make_root(const child_t* child) {
  view_t view = {.child = child};
  bool is_elf = child->spec->kind == SANDBOX_ELF;
  mode_t mask = umask(0);
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
    child_fail_without_rights(child, "cannot keep its mounts to itself");
  view.host = open("/", O_PATH | O_CLOEXEC | O_DIRECTORY);
  if (mount("tmpfs", "/proc", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m") != 0)
    child_fail(child, "cannot mount its root directory");
  view.root = open("/proc", O_PATH | O_CLOEXEC | O_DIRECTORY);
  if (view.host < 0 || view.root < 0 || fchdir(view.root) != 0)
    child_fail(child, "cannot open its root directory");
  if (is_elf) {
    copy_libraries(&view);
  } else {
    copy_host(&view);
  }
  must_bind(&view, child->spec->package, "/pkg", READ_ONLY);
  make_devices(&view, is_elf);
  make_proc(&view, is_elf);
  if (!is_elf && child->spec->preload)
    must_bind(&view, child->spec->preload_outside, child->spec->preload, READ_ONLY);
  if (!is_elf) add_working_places(&view);
  if (!is_elf && child->spec->name_server) write_resolv_conf(&view);
  enter_root(&view);
  close(view.host);
  close(view.root);
  umask(mask);
}
