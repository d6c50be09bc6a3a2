"""What system tests share: cases reported as TAP, requirements that skip, namespaces and processes that always go away.

    from systest import case, main, require_root, resources

    @case
    def kernel_pings_the_netstack():
        require_root()
        with resources() as owned:
            network = Namespace(owned)
            ...
            expect(reply == payload, "the echo differs")

    main()

A case passes by returning. Whatever it acquires through `resources()` is released in reverse order on every way out,
SIGTERM from the runner included.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

_cases = []

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BUILD = os.environ.get("JACINTH_BUILD", os.path.join(ROOT, "build"))
SANITIZED = bool(os.environ.get("JACINTH_TEST_SANITIZED"))
# Waits are for events; this only bounds the wait for one that never comes.
PATIENCE = 60 if SANITIZED else 20


class Skip(Exception):
    """Raised by a case that can't run on this machine; the message says why."""


class Failure(AssertionError):
    """Raised by a case whose expectation doesn't hold."""


def case(function):
    """Registers a test case; its name is the function's."""
    _cases.append(function)
    return function


def expect(condition, message):
    if not condition:
        raise Failure(message)


def expect_equal(actual, wanted, what):
    if actual != wanted:
        raise Failure(f"{what}: expected {wanted!r}, got {actual!r}")


# Requirements


def require_root():
    if os.geteuid() != 0:
        raise Skip("needs root")


def require_program(name):
    if not shutil.which(name):
        raise Skip(f"needs the program {name}")


def require_tun():
    require_root()
    if not os.path.exists("/dev/net/tun"):
        raise Skip("needs /dev/net/tun")


# Resources


@contextlib.contextmanager
def resources():
    """An ExitStack for what a case owns."""
    with contextlib.ExitStack() as owned:
        yield owned


def run(*command, check=True, timeout=PATIENCE, **options):
    """Runs a command to its end and returns it with its output as text; fails the case if it fails and `check`."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=timeout, **options)
    if check and done.returncode != 0:
        raise Failure(f"{' '.join(command)} ended with status {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def spawn(owned, *command, **options):
    """Starts a process in a group of its own; on release it gets SIGTERM, and its whole group SIGKILL if it stays."""
    process = subprocess.Popen(command, **{"stdin": subprocess.DEVNULL, "text": True, "start_new_session": True,
                                           **options})
    owned.callback(stop, process)
    return process


def stop(process, patience=10):
    """Ends a spawned process and returns its exit status."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            stream.close()
    return process.returncode


def wait_until(condition, what, patience=PATIENCE):
    """Waits for something outside this process that tells nobody when it happens; returns what `condition` returned."""
    deadline = time.monotonic() + patience
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise Failure(f"waited {patience} s in vain for {what}")
        time.sleep(0.01)
    return result


def wait_for_line(process, text):
    """Reads the process's output until a line has `text` in it."""
    said = []
    for line in process.stdout:
        said.append(line)
        if text in line:
            return
    raise Failure(f"it ended without saying {text!r}:\n{''.join(said)}")


class Namespace:
    """A network namespace of the case's own, removed with everything in it when `owned` is released."""

    _made = 0

    def __init__(self, owned):
        Namespace._made += 1
        self.name = f"jacinth-test-{os.getpid()}-{Namespace._made}"
        run("ip", "netns", "add", self.name)
        owned.callback(self._remove)
        self.run("ip", "link", "set", "lo", "up")

    def _remove(self):
        for pid in run("ip", "netns", "pids", self.name, check=False).stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        run("ip", "netns", "delete", self.name, check=False)

    def command(self, *command):
        """The command that runs `command` inside."""
        return ("ip", "netns", "exec", self.name, *command)

    def run(self, *command, **options):
        return run(*self.command(*command), **options)

    def spawn(self, owned, *command, **options):
        return spawn(owned, *self.command(*command), **options)

    @contextlib.contextmanager
    def entered(self):
        """The calling thread's new sockets belong to the namespace while inside."""
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self.name}") as inside:
            _setns(inside.fileno())
            try:
                yield
            finally:
                _setns(home.fileno())


def _setns(descriptor):
    import ctypes
    CLONE_NEWNET = 0x40000000
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


# Jacinth


def jacinth():
    """The built jacinth command."""
    path = os.path.join(BUILD, "jacinth")
    if not os.access(path, os.X_OK):
        raise Skip("the jacinth command has not been built")
    return path


class Package:
    """A package of the case's own: manifests written here, programs linked in; children may also be Jacinth's own."""

    def __init__(self, owned):
        self.path = owned.enter_context(tempfile.TemporaryDirectory(prefix="jacinth-test-"))
        os.chmod(self.path, 0o755)
        for folder in ("bin", "meta"):
            os.mkdir(os.path.join(self.path, folder))

    def manifest(self, name, **sections):
        """Writes meta/NAME.cml and returns its path."""
        path = os.path.join(self.path, "meta", name + ".cml")
        if "program" in sections:
            program = sections["program"]
            sections["program"] = {**program, "args": self.adopt(program.get("args", []))}
        with open(path, "w", encoding="utf-8") as file:
            json.dump(sections, file, indent=2)
        return path

    def binary(self, built):
        """Puts a program of the build directory into bin/ and returns its name for a manifest."""
        name = os.path.basename(built)
        shutil.copy(os.path.join(BUILD, built), os.path.join(self.path, "bin", name))
        return "bin/" + name

    def adopt(self, arguments):
        """`arguments` with those that name files of the sources, or of another package, made to name copies in bin/: a
        component sees its package wherever that lies, but nothing else of the caller's /tmp."""
        places = (ROOT + os.sep, os.path.join(tempfile.gettempdir(), "jacinth-test-"))

        def adopted(argument):
            if not argument.startswith(places) or not os.path.isfile(argument):
                return argument
            name = os.path.basename(argument)
            shutil.copy(argument, os.path.join(self.path, "bin", name))
            return "/pkg/bin/" + name
        return [adopted(argument) for argument in arguments]


PROVIDER = "fuchsia.posix.socket.Provider"
ETHERNET = "fuchsia.hardware.ethernet.Device"


def python_command(script, *arguments):
    """The command line of a Python script of tests/system/programs."""
    return (sys.executable, os.path.join(ROOT, "tests/system/programs", script), *map(str, arguments))


def python_program(script, *arguments, **more):
    """The same as the `program` of a manifest: it knows nothing but POSIX."""
    binary, *rest = python_command(script, *arguments)
    return {"runner": "posix", "binary": binary, "args": rest, **more}


def _driver(package, name, wire, host, arguments):
    """The URL of the wire's driver; with arguments it gets a manifest of its own."""
    if not arguments:
        return f"#meta/ethernet_{wire}.cml"
    package.manifest(f"{name}-ethernet", capabilities=[{"protocol": ETHERNET}], use=[{"protocol": host}],
                     expose=[{"protocol": ETHERNET, "from": "self"}],
                     program={"runner": "elf", "binary": package.binary(f"components/ethernet/ethernet_{wire}"),
                              "args": list(arguments), "lifecycle": {"stop_event": "notify"}})
    return f"#meta/{name}-ethernet.cml"


def stack(package, name, program=None, wire="tap", driver=(), **children):
    """Writes the manifest of an Ethernet driver, a netstack, and programs above it; returns its path.

    `program` is the main one, if there is one: the run ends with it. `driver` are arguments of the driver's. `children` are
    further programs by name, started with everything else.
    """
    host = {"tap": "jacinth.host.Tap", "slirp": "jacinth.host.Network"}[wire]
    sections = {
        "children": [
            {"name": "ethernet", "url": _driver(package, name, wire, host, driver)},
            {"name": "netstack", "url": "#meta/netstack.cml", "startup": "eager"},
        ],
        "offer": [
            {"protocol": host, "from": "parent", "to": "#ethernet"},
            {"protocol": ETHERNET, "from": "#ethernet", "to": "#netstack"},
        ],
    }
    programs = dict(children, **({"main": program} if program else {}))
    for child, content in programs.items():
        package.manifest(f"{name}-{child}", program=content, use=[{"protocol": PROVIDER}])
        sections["children"].append({"name": child, "url": f"#meta/{name}-{child}.cml", "startup": "eager"})
        sections["offer"].append({"protocol": PROVIDER, "from": "#netstack", "to": f"#{child}"})
    if program:
        sections["facets"] = {"main": "#main"}
    return package.manifest(name, **sections)


class TapNetwork(Namespace):
    """A namespace with a TAP device for the Ethernet driver; the kernel is 10.0.2.2 and fec0::2 on it."""

    KERNEL, KERNEL6 = "10.0.2.2", "fec0::2"
    NETSTACK, NETSTACK6 = "10.0.2.15", "fec0::15"

    def __init__(self, owned, device="jacinth0"):
        require_tun()
        require_program("ip")
        super().__init__(owned)
        self.device = device
        self.run("ip", "tuntap", "add", "dev", device, "mode", "tap")
        self.set_up_device()

    def set_up_device(self):
        """Gives the device the kernel's addresses and brings it up."""
        self.run("ip", "address", "add", f"{self.KERNEL}/24", "dev", self.device)
        self.run("ip", "address", "add", f"{self.KERNEL6}/64", "dev", self.device, "nodad")
        self.run("ip", "link", "set", self.device, "up")


# Programs over a stack


def execution(network, owned, *command, **program):
    """The command that runs a program with a network stack of its own on the namespace's TAP device. `program` adds to its
    manifest."""
    package = Package(owned)
    manifest = stack(package, "exec", program={"runner": "posix", "binary": shutil.which("true"), **program})
    return network.command(jacinth(), "exec", "--manifest", manifest, "--", *package.adopt(command))


def execute(network, owned, *command, name_server=None, **options):
    """Runs a program with a network stack of its own to its end."""
    program = {"name_server": name_server} if name_server else {}
    return run(*execution(network, owned, *command, **program), **options)


def start(network, owned, *command, **options):
    """Starts one; what it says goes to a pipe."""
    return spawn(owned, *execution(network, owned, *command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)


def finish(process, what):
    """Waits for a process's good end."""
    said = process.stdout.read()
    expect_equal(process.wait(PATIENCE), 0, f"status of {what}, which said:\n{said}\n")


def process_named(network, name):
    """The process of that name in a run inside the namespace, by its command line; None if there is none."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if os.path.basename(file.read().split(b"\0")[0]) == name.encode() and _is_below(int(pid), network):
                    return int(pid)
        except OSError:
            continue  # it has ended meanwhile
    return None


def _is_below(pid, network):
    """Whether one of the process's ancestors is in the namespace itself."""
    inside = set(network.run("ip", "netns", "pids", network.name).stdout.split())
    while pid > 1:
        if str(pid) in inside:
            return True
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            pid = int(file.read().rsplit(")", 1)[1].split()[1])
    return False


# Running


def _terminated(_signal, _frame):
    # A second signal must not cut the cleaning up short.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise SystemExit(143)


def _report(number, name, outcome, detail=""):
    print(f"{'not ok' if outcome == 'failed' else 'ok'} {number} - {name}"
          + (f" # SKIP {detail}" if outcome == "skipped" else ""))
    if outcome == "failed":
        print("\n".join("# " + line for line in detail.splitlines()))
    sys.stdout.flush()


def main():
    """Runs the registered cases (or those named on the command line) and exits."""
    signal.signal(signal.SIGTERM, _terminated)
    signal.signal(signal.SIGINT, _terminated)
    chosen = [function for function in _cases if not sys.argv[1:] or function.__name__ in sys.argv[1:]]
    print(f"1..{len(chosen)}", flush=True)
    failed = False
    for number, function in enumerate(chosen, 1):
        try:
            function()
        except Skip as reason:
            _report(number, function.__name__, "skipped", str(reason))
        except Exception:  # pylint: disable=broad-except # whatever it is, it is this case's failure
            _report(number, function.__name__, "failed", traceback.format_exc())
            failed = True
        else:
            _report(number, function.__name__, "passed")
    sys.exit(1 if failed else 0)
