// Time and memory of fidlc on generated libraries of 10 to 100,000 lines, beside protoc on
// schemas of the same shape and size. Usage: bench_fidlc FIDLC PROTOC [LINES...]
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

enum { kRounds = 5 };

extern char** environ;

typedef struct cost {
  double ms;
  double mib;
} cost_t;

static size_t count_lines(const char* text) {
  size_t lines = 0;
  for (; *text; text++)
    lines += *text == '\n';
  return lines;
}

static size_t write_fidl_unit(FILE* out, unsigned i) {
  char text[2048];
  snprintf(text, sizeof(text),
           "/// Structure number %u.\ntype Record%u = struct {\n    id uint64;\n    name string:64;\n"
           "    /// Some bytes.\n    data vector<uint8>:<1024, optional>;\n    kind Kind%u;\n"
           "    numbers array<uint32, 4>;\n};\n\n"
           "type Kind%u = flexible enum : uint32 {\n    NONE = 0;\n    FIRST = 1;\n    SECOND = 2;\n};\n\n"
           "type Options%u = table {\n    1: level uint8;\n    2: record Record%u;\n    4: records "
           "vector<Record%u>;\n"
           "};\n\n"
           "protocol Service%u {\n    Get(struct { id uint64; }) -> (Record%u) error uint32;\n    "
           "Put(Options%u);\n"
           "    -> OnChange(struct { kind Kind%u; });\n};\n\n",
           i, i, i, i, i, i, i ? i - 1 : 0, i, i, i, i);
  fputs(text, out);
  return count_lines(text);
}

static size_t write_proto_unit(FILE* out, unsigned i) {
  char text[2048];
  snprintf(
      text, sizeof(text),
      "// Structure number %u.\nmessage Record%u {\n  uint64 id = 1;\n  string name = 2;\n  // Some bytes.\n"
      "  bytes data = 3;\n  Kind%u kind = 4;\n  repeated uint32 numbers = 5;\n}\n\n"
      "enum Kind%u {\n  NONE_%u = 0;\n  FIRST_%u = 1;\n  SECOND_%u = 2;\n}\n\n"
      "message Options%u {\n  uint32 level = 1;\n  Record%u record = 2;\n  repeated Record%u records = "
      "4;\n}\n\n"
      "message Get%u { uint64 id = 1; }\nmessage Change%u { Kind%u kind = 1; }\n"
      "service Service%u {\n  rpc Get(Get%u) returns (Record%u);\n  rpc Put(Options%u) returns "
      "(Change%u);\n}\n\n",
      i, i, i, i, i, i, i, i, i, i ? i - 1 : 0, i, i, i, i, i, i, i, i);
  fputs(text, out);
  return count_lines(text);
}

static void write_schema(const char* path, const char* header, size_t (*write_unit)(FILE*, unsigned),
                         size_t lines) {
  FILE* out = fopen(path, "w");
  if (!out) abort();
  fputs(header, out);
  size_t written = count_lines(header);
  for (unsigned i = 0; written < lines; i++)
    written += write_unit(out, i);
  fclose(out);
}

// False if the program failed or is not there.
static bool run(char* const* argv, cost_t* out) {
  pid_t pid = -1;
  struct rusage usage;
  int status = 0;
  uint64_t start = bench_now_ns();
  if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) != 0) return false;
  while (wait4(pid, &status, 0, &usage) < 0) {
    if (errno != EINTR) return false;
  }
  out->ms = (double)(bench_now_ns() - start) / 1e6;
  out->mib = (double)usage.ru_maxrss / 1024.0;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void report(size_t lines, const char* what, const char* unit, double value, bool has_reference,
                   double reference) {
  char name[64];
  snprintf(name, sizeof(name), "%zu lines, %s", lines, what);
  bench_row_t row = {.name = name, .subject = "fidlc", .value = value, .unit = unit};
  if (has_reference) {
    row.reference = "protoc";
    row.reference_value = reference;
  }
  bench_report(&row);
}

static bool measure(const char* dir, char* fidlc, char* protoc, size_t lines) {
  char fidl[PATH_MAX], proto[PATH_MAX], pb[PATH_MAX], set[PATH_MAX + 32], include[PATH_MAX + 4];
  snprintf(fidl, sizeof(fidl), "%s/large.fidl", dir);
  snprintf(proto, sizeof(proto), "%s/large.proto", dir);
  snprintf(pb, sizeof(pb), "%s/large.pb", dir);
  snprintf(set, sizeof(set), "--descriptor_set_out=%s", pb);
  snprintf(include, sizeof(include), "-I%s", dir);
  write_schema(fidl, "library bench.large;\n\n", write_fidl_unit, lines);
  write_schema(proto, "syntax = \"proto3\";\npackage bench.large;\n\n", write_proto_unit, lines);
  char ir_flag[] = "--ir", files_flag[] = "--files", info_flag[] = "--include_source_info";
  char* fidlc_argv[] = {fidlc, ir_flag, pb, files_flag, fidl, NULL};
  char* protoc_argv[] = {protoc, include, set, info_flag, proto, NULL};
  double ms[2][kRounds], mib[2][kRounds];
  bool has_reference = true;
  for (size_t round = 0; round < kRounds; round++) {
    cost_t cost;
    if (!run(fidlc_argv, &cost)) return false;
    ms[0][round] = cost.ms;
    mib[0][round] = cost.mib;
    if (has_reference) has_reference = run(protoc_argv, &cost);
    ms[1][round] = cost.ms;
    mib[1][round] = cost.mib;
  }
  report(lines, "time", "ms", bench_median(ms[0], kRounds), has_reference, bench_median(ms[1], kRounds));
  report(lines, "peak memory", "MiB", bench_median(mib[0], kRounds), has_reference,
         bench_median(mib[1], kRounds));
  unlink(fidl);
  unlink(proto);
  unlink(pb);
  return true;
}

int main(int argc, char** argv) {
  static const size_t kLines[] = {10, 1000, 10000, 100000};  // the first costs what starting a program does
  if (argc != 3) {
    fputs("usage: bench_fidlc FIDLC PROTOC\n", stderr);
    return 2;
  }
  char dir[] = "/tmp/bench-fidlc-XXXXXX";
  if (!mkdtemp(dir)) return 1;
  bool ok = true;
  for (size_t i = 0; ok && i < sizeof(kLines) / sizeof(kLines[0]); i++)
    ok = measure(dir, argv[1], argv[2], kLines[i]);
  rmdir(dir);
  return ok ? 0 : 1;
}
