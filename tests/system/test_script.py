"""./jacinth itself: in a small project of its own, with programs of its own in place of apt-get and dpkg-query."""

import os
import shutil
import subprocess
import tempfile
import textwrap

from systest import PATIENCE, ROOT, case, expect, expect_equal, main, require_program, require_root, resources

NOBODY = 65534


class Project:
    """A checkout in miniature: the script, a package list, and one C program that says what it was given."""

    def __init__(self, owned, packages="dash build shell\n"):
        self.top = owned.enter_context(tempfile.TemporaryDirectory(prefix="jacinth-test-"))
        self.path = os.path.join(self.top, "a checkout")
        self.tools = os.path.join(self.top, "tools")
        os.makedirs(self.path)
        os.mkdir(self.tools)
        shutil.copy(os.path.join(ROOT, "jacinth"), self.path)
        self.write("packages", packages)
        self.write("meson.build", "project('small', 'c')\nexecutable('jacinth', 'main.c')\n")
        self.write("meson_options.txt", "option('tests', type: 'feature', value: 'enabled')\n")
        self.write_program("first")

    def write(self, name, text):
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))

    def write_program(self, word):
        self.write("main.c", f"""\
            #include <stdio.h>
            int main(int argc, char** argv) {{
              printf("{word}");
              for (int i = 1; i < argc; i++) printf(" [%s]", argv[i]);
              printf("\\n");
              return argc > 2 ? 7 : 0;
            }}
            """)

    def write_tool(self, name, text):
        path = os.path.join(self.tools, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\n" + textwrap.dedent(text))
        os.chmod(path, 0o755)

    def command(self):
        environment = {key: value for key, value in os.environ.items()
                       if key not in ("JACINTH_STATE", "JACINTH_NO_INSTALL", "CI", "ASAN_OPTIONS")}
        environment["PATH"] = self.tools + ":" + environment["PATH"]
        return {"env": environment, "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE, "text": True, "cwd": "/"}

    def run(self, *arguments, prefix=(), **options):
        return subprocess.run([*prefix, os.path.join(self.path, "jacinth"), *arguments], timeout=PATIENCE, check=False,
                              **{**self.command(), **options})


@case
def first_run_builds_quietly_and_hands_over_arguments_and_status():
    with resources() as owned:
        done = Project(owned).run("run", "a manifest.cml")
        expect_equal((done.stdout, done.stderr, done.returncode), ("first [run] [a manifest.cml]\n", "", 7), "run")


@case
def run_with_nothing_changed_neither_configures_nor_compiles():
    with resources() as owned:
        project = Project(owned)
        project.run("show")
        for tool in ("meson", "cc", "gcc", "clang", "ld"):
            project.write_tool(tool, f"echo {tool} is started >&2\nexit 1\n")
        done = project.run("show")
        expect_equal((done.stdout, done.stderr, done.returncode), ("first [show]\n", "", 0), "second run")
        project.write_program("second")
        expect("is started" in project.run("show").stderr, "nor does it when something has changed")


@case
def change_in_the_sources_is_built_before_handing_over():
    with resources() as owned:
        project = Project(owned)
        project.run("show")
        project.write_program("second")
        expect_equal(project.run("show").stdout, "second [show]\n", "after the change")


@case
def build_failure_is_shown_and_nothing_is_run():
    with resources() as owned:
        project = Project(owned)
        project.run("show")
        project.write("main.c", "int main(void) { return undeclared; }\n")
        done = project.run("show")
        expect_equal((done.stdout, done.returncode), ("", 1), "after the error")
        expect("undeclared" in done.stderr and "the build failed" in done.stderr, done.stderr)


@case
def build_directory_of_a_moved_checkout_is_made_anew():
    with resources() as owned:
        project = Project(owned)
        project.run("show")
        moved = os.path.join(project.top, "elsewhere")
        os.rename(project.path, moved)
        project.path = moved
        done = project.run("show")
        expect_equal((done.stdout, done.returncode), ("first [show]\n", 0), done.stderr)


@case
def two_runs_at_once_build_once_after_the_other():
    with resources() as owned:
        project = Project(owned)
        command = [os.path.join(project.path, "jacinth"), "show"]
        both = [subprocess.Popen(command, **project.command()) for _ in range(3)]
        outputs = [process.communicate(timeout=PATIENCE) for process in both]
        for process, (output, errors) in zip(both, outputs):
            expect_equal((output, process.returncode), ("first [show]\n", 0), errors)


@case
def no_install_lists_what_is_missing_and_refuses():
    with resources() as owned:
        project = Project(owned, "# a comment\ndash build shell\njacinth-absent-one build holds things up\n"
                                 "jacinth-absent-two test only for tests\n")
        require_program("dpkg-query")
        done = project.run("--no-install", "show")
        expect_equal((done.stdout, done.returncode), ("", 1), "show")
        expect("jacinth-absent-one" in done.stderr and "holds things up" in done.stderr, done.stderr)
        expect("jacinth-absent-two" not in done.stderr and "dash" not in done.stderr, done.stderr)
        done = project.run("--no-install", "test")
        expect("jacinth-absent-one" in done.stderr and "jacinth-absent-two" in done.stderr, done.stderr)
        expect(not os.path.exists(os.path.join(project.path, "build")), "it built all the same")


@case
def help_is_there_before_anything_is_installed_or_built():
    with resources() as owned:
        project = Project(owned, "jacinth-absent-one build holds things up\n")
        for arguments in (("--help",), ("test", "--help"), ("test", "-h"), ("build", "--help")):
            done = project.run(*arguments)
            expect_equal((done.stderr, done.returncode), ("", 0), arguments)
            expect("usage: ./jacinth" in done.stdout, done.stdout)
        expect(not os.path.exists(os.path.join(project.path, "build")), "it built all the same")


@case
def missing_packages_are_named_and_installed_before_building():
    require_root()
    require_program("dpkg-query")
    with resources() as owned:
        project = Project(owned, "jacinth-absent build holds things up\n")
        log = os.path.join(project.top, "apt.log")
        project.write_tool("apt-get", f'echo "$@" >>{log}\n')
        done = project.run("show")
        expect_equal((done.stdout, done.returncode), ("first [show]\n", 0), done.stderr)
        expect("jacinth-absent" in done.stderr and "holds things up" in done.stderr, done.stderr)
        with open(log, encoding="utf-8") as file:
            expect("install" in (line := file.read()) and "jacinth-absent" in line, line)


@case
def failing_installation_shows_what_apt_said():
    require_root()
    require_program("dpkg-query")
    with resources() as owned:
        project = Project(owned, "jacinth-absent build holds things up\n")
        project.write_tool("apt-get", 'echo "no such thing: $@" >&2\nexit 100\n')
        done = project.run("show")
        expect_equal((done.stdout, done.returncode), ("", 1), "show")
        expect("no such thing" in done.stderr and "apt-get failed" in done.stderr, done.stderr)


@case
def ordinary_user_builds_someone_elses_checkout_in_a_cache_of_their_own():
    require_root()
    require_program("setpriv")
    with resources() as owned:
        project = Project(owned)
        home = os.path.join(project.top, "home")
        os.mkdir(home)
        os.chown(home, NOBODY, NOBODY)
        os.chmod(project.top, 0o755)
        options = project.command()
        options["env"].update(HOME=home)
        options["env"].pop("XDG_CACHE_HOME", None)
        prefix = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        done = project.run("show", prefix=prefix, **options)
        expect_equal((done.stdout, done.returncode), ("first [show]\n", 0), done.stderr)
        expect(os.listdir(os.path.join(home, ".cache/jacinth")), "nothing in the cache")
        expect(not os.path.exists(os.path.join(project.path, "build")), "it wrote into the checkout")
        shutil.rmtree(os.path.join(home, ".cache"))
        project.run("show")
        done = project.run("show", prefix=prefix, **options)
        expect_equal((done.stdout, done.returncode), ("first [show]\n", 0), done.stderr)
        expect(not os.path.exists(os.path.join(home, ".cache")), "a build that was ready was not used")


# Running tests


UNSTEADY = """\
    #!/bin/sh
    # Fails once.
    [ -e "$0.ran" ] || { echo "not yet"; touch "$0.ran"; exit 1; }
    """


@case
def a_test_that_passes_only_when_run_again_is_named_and_one_that_fails_twice_has_failed():
    with resources() as owned:
        project = Project(owned)
        for name in ("run_tests.py", "processes.py"):
            project.write(f"tests/support/{name}", open(os.path.join(ROOT, "tests/support", name), encoding="utf-8").read())
        project.write("unsteady.sh", UNSTEADY)
        project.write("wrong.sh", "#!/bin/sh\nexit 1\n")
        project.write("meson.build", """\
            project('small', 'c')
            executable('jacinth', 'main.c')
            foreach name : ['unsteady', 'wrong']
              test(name, find_program('sh'), args: files(name + '.sh'))
            endforeach
            """)
        project.write("meson_options.txt", """\
            option('tests', type: 'feature')
            """)
        done = project.run("test", "--only=plain")
        expect("unsteady (failed once, passed when run again): plain unsteady: unsteady" in done.stdout, done.stdout + done.stderr)
        expect("not yet" in done.stdout, done.stdout)
        expect("failed: plain wrong: wrong\n" in done.stdout, done.stdout)
        expect_equal(done.stdout.splitlines()[-1], "1 passed, 1 failed, 0 skipped", "the last line")
        expect_equal(done.returncode, 1, "the exit status")
        done = project.run("test", "--only=plain", "unsteady")
        expect_equal(done.stdout.splitlines()[-1], "1 passed, 0 failed, 0 skipped", "the last line")
        expect("again" not in done.stdout, done.stdout)
        expect_equal(done.returncode, 0, "the exit status")


main()
