"""Jacinth from outside: what `meson install` puts into a prefix builds and runs a project that knows nothing else."""

import glob
import os
import shutil
import tempfile

from systest import BUILD, ROOT, case, expect, expect_equal, main, require_program, resources, run

PROJECT = os.path.join(ROOT, "tests/system/outside")
SAID = ["the sum is 500", "no sum: ZX_ERR_OUT_OF_RANGE", "the folder arrived"]

EVERY_HEADER = """
#include <cstdio>
%s
int main() {
  async_loop_t* loop;
  if (async_loop_create(nullptr, &loop) != ZX_OK) return 1;
  zx_handle_t client, server;
  if (zx_channel_create(0, &client, &server) != ZX_OK) return 1;
  fuchsia_io_Directory_ops_t ops = {};
  fidl_binding_t* binding = nullptr;
  async_dispatcher_t* dispatcher = async_loop_get_dispatcher(loop);
  if (fuchsia_io_Directory_bind(dispatcher, server, &ops, nullptr, nullptr, &binding) != ZX_OK) return 1;
  zx_handle_close(client);
  async_loop_run(loop, zx_deadline_after(ZX_SEC(10)), true);
  component_t* component = nullptr;
  zx_status_t status = component_create(dispatcher, &component);  // nobody started us as one
  async_loop_shutdown(loop);
  async_loop_destroy(loop);
  std::printf("%%d %%s\\n", trace_enabled() ? 1 : 0, zx_status_get_string(ZX_ERR_PEER_CLOSED));
  return status == ZX_OK;
}
"""


class Prefix:
    """An installation of its own, which has also been moved: it was built for another prefix."""

    def __init__(self, owned):
        require_program("meson")
        require_program("pkg-config")
        self.top = owned.enter_context(tempfile.TemporaryDirectory(prefix="jacinth-test-"))
        os.chmod(self.top, 0o755)
        run("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", os.path.join(self.top, "stage"))
        found = glob.glob(os.path.join(self.top, "stage/**/jacinth.pc"), recursive=True)
        pc = list({os.path.realpath(path) for path in found})
        expect_equal(len(pc), 1, "pkg-config files")
        self.environment = dict(os.environ, PKG_CONFIG_PATH=os.path.dirname(pc[0]))
        self.environment.pop("JACINTH_PACKAGE", None)

    def run(self, *command, **options):
        return run(*command, env=self.environment, **options)

    def variable(self, name):
        return self.run("pkg-config", f"--variable={name}", "jacinth").stdout.strip()

    def flags(self):
        return self.run("pkg-config", "--cflags", "--libs", "jacinth").stdout.split()

    def project(self):
        """A copy of the project, far from this repository."""
        path = os.path.join(self.top, "project")
        shutil.copytree(PROJECT, path)
        return path

    def expect_sums(self, package):
        done = self.run(self.variable("jacinth"), "run", "--quiet", os.path.join(package, "meta/sums.cml"))
        for line in SAID:
            expect(line in done.stdout + done.stderr, f"{line!r} is missing:\n{done.stdout}{done.stderr}")


@case
def a_project_with_meson_builds_and_runs():
    with resources() as owned:
        prefix = Prefix(owned)
        project = prefix.project()
        build = os.path.join(project, "build")
        prefix.run("meson", "setup", build, project)
        prefix.run("ninja", "-C", build)
        prefix.expect_sums(build)


@case
def a_project_with_a_makefile_and_pkg_config_builds_and_runs():
    require_program("make")
    with resources() as owned:
        prefix = Prefix(owned)
        project = prefix.project()
        prefix.run("make", "-C", project)
        prefix.expect_sums(os.path.join(project, "out"))


@case
def a_cpp_program_includes_every_header_and_links():
    require_program("g++")
    with resources() as owned:
        prefix = Prefix(owned)
        include = os.path.join(prefix.variable("includedir"), "jacinth")
        headers = sorted(glob.glob("**/*.h", root_dir=include, recursive=True))
        expect("zircon/syscalls.h" in headers and "fidl/zx.h" in headers, f"headers are missing: {headers}")
        source, program = os.path.join(prefix.top, "all.cc"), os.path.join(prefix.top, "all")
        with open(source, "w", encoding="utf-8") as file:
            file.write(EVERY_HEADER % "\n".join(f"#include <{name}>" for name in headers))
        prefix.run("g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-o", program, source, *prefix.flags())
        expect_equal(prefix.run(program).stdout, "0 ZX_ERR_PEER_CLOSED\n", "what it prints")


@case
def every_header_stands_alone_in_c():
    with resources() as owned:
        prefix = Prefix(owned)
        include = os.path.join(prefix.variable("includedir"), "jacinth")
        for name in glob.glob("**/*.h", root_dir=include, recursive=True):
            prefix.run("cc", "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-I", include,
                       "-include", name, "-x", "c", "/dev/null")


@case
def installed_components_and_tools_are_whole():
    with resources() as owned:
        prefix = Prefix(owned)
        jacinth = prefix.variable("jacinth")
        manifests = os.path.join(prefix.variable("prefix"), "share/jacinth/manifests")
        done = prefix.run(jacinth, "run", "--quiet", os.path.join(manifests, "calculator.cml"))
        expect("123 + 456 = 579" in done.stdout + done.stderr, f"the calculator says {done.stdout}{done.stderr}")
        prefix.run(jacinth, "check", os.path.join(manifests, "udp-echo.cml"))
        tools = os.path.dirname(jacinth)
        for tool in ("fidlc", "fidlgen_c", "fidl-format"):
            expect(os.access(os.path.join(tools, tool), os.X_OK), f"{tool} is not installed")
        idl = prefix.variable("idldir")
        expect(os.path.isfile(os.path.join(idl, "fuchsia.io/io.fidl")), f"no fuchsia.io in {idl}")


main()
