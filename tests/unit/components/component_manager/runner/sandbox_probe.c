// Looks around in its sandbox. Each argument is a question; the answers go to standard output, one line each.
// A "!" before the name of a file asks to create it.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void* thread_main(void* argument) {
  *(int*)argument = 1;
  return NULL;
}

static const char* outcome(int result) {
  return result >= 0 ? "yes" : strerrorname_np(errno);
}

static void print_descriptors(void) {
  for (int fd = 0; fd < 1024; fd++) {
    if (fcntl(fd, F_GETFD) >= 0) printf("%d ", fd);
  }
  puts("");
}

static void print_status(const char* key) {
  char line[256];
  FILE* file = fopen("/proc/self/status", "re");
  while (file && fgets(line, sizeof line, file)) {
    if (strncmp(line, key, strlen(key)) == 0) fputs(line, stdout);
  }
  if (file) fclose(file);
}

static int connect_out(int family) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(0x08080808)};
  int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fd;
  return connect(fd, (struct sockaddr*)&to, sizeof to);
}

// Whether it can send to UNIX sockets outside, by a datagram socket of its own or one of a pair.
static int make_datagram_sockets(bool pair) {
  int fds[2];
  return pair ? socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds)
              : socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static int fork_once(void) {
  pid_t pid = fork();
  if (pid == 0) _exit(0);
  if (pid > 0) waitpid(pid, NULL, 0);
  return pid;
}

static void answer(const char* question) {
  int ran = 0;
  pthread_t thread;
  struct stat info;
  if (strcmp(question, "descriptors") == 0) {
    print_descriptors();
  } else if (strcmp(question, "pid") == 0) {
    printf("%d\n", getpid());
  } else if (strcmp(question, "ids") == 0) {
    printf("%u %u\n", getuid(), getgid());
  } else if (strcmp(question, "fork") == 0) {
    puts(outcome(fork_once()));
  } else if (strcmp(question, "thread") == 0) {
    bool ok = pthread_create(&thread, NULL, thread_main, &ran) == 0 && pthread_join(thread, NULL) == 0;
    puts(ok && ran ? "yes" : "no");
  } else if (strcmp(question, "inet") == 0) {
    puts(outcome(connect_out(AF_INET)));
  } else if (strcmp(question, "vsock") == 0) {
    puts(outcome(socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0)));
  } else if (strcmp(question, "packet") == 0) {
    puts(outcome(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)));
  } else if (strcmp(question, "unix") == 0) {
    puts(outcome(make_datagram_sockets(false)));
  } else if (strcmp(question, "unix pair") == 0) {
    puts(outcome(make_datagram_sockets(true)));
  } else if (strcmp(question, "outlive") == 0) {
    puts(outcome(prctl(PR_SET_PDEATHSIG, 0)));
  } else if (strcmp(question, "init's memory") == 0) {
    puts(outcome(open("/proc/1/mem", O_RDWR | O_CLOEXEC)));
  } else if (strcmp(question, "protect device") == 0) {
    puts(outcome(stat("/dev/null", &info) != 0 ? -1 : chmod("/dev/null", info.st_mode & 07777)));
  } else if (strcmp(question, "use device") == 0) {
    puts(outcome((int)write(open("/dev/null", O_WRONLY | O_CLOEXEC), "", 1)));
  } else if (strcmp(question, "umask") == 0) {
    printf("%03o\n", umask(0));
  } else if (strcmp(question, "unshare") == 0) {
    puts(outcome(unshare(CLONE_NEWUSER)));
  } else if (strcmp(question, "mount") == 0) {
    puts(outcome(mount("tmpfs", "/", "tmpfs", 0, NULL)));
  } else if (strcmp(question, "exec") == 0) {
    execl("/pkg/sandbox_probe", "sandbox_probe", "pid", NULL);
    puts(strerrorname_np(errno));
  } else if (strcmp(question, "cwd") == 0) {
    char path[4096];
    puts(getcwd(path, sizeof path) ? path : "?");
  } else if (question[0] == '!') {
    puts(outcome(open(question + 1, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)));
  } else if (question[0] == '/') {
    puts(stat(question, &info) == 0 ? "there" : "missing");
  } else if (question[0] == '$') {
    puts(getenv(question + 1) ? getenv(question + 1) : "unset");
  } else if (strncmp(question, "exit=", 5) == 0) {
    fflush(stdout);
    exit(atoi(question + 5));
  } else if (strcmp(question, "abort") == 0) {
    abort();
  } else if (strcmp(question, "linger") == 0) {
    if (fork() == 0) pause();
  } else if (strcmp(question, "wait") == 0) {
    fflush(stdout);
    pause();
  } else {
    print_status(question);
  }
}

int main(int argc, char** argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (int i = 1; i < argc; i++)
    answer(argv[i]);
  return 0;
}
