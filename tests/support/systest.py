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

A case passes by returning and leaving nothing behind: no process, no namespace. Whatever it acquires through `resources()`
is released in reverse order on every way out, SIGTERM from the runner included. A case that fails tells all that can be
known afterwards: which processes there were and what each was doing, what each of them has said and when, what was run.
"""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import processes

_cases = []

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BUILD = os.environ.get("JACINTH_BUILD", os.path.join(ROOT, "build"))
SANITIZED = bool(os.environ.get("JACINTH_TEST_SANITIZED"))
# What our namespaces' names begin with: the runner knows it, too, and no other run has it.
RUN = os.path.basename(os.environ.get("JACINTH_TEST_FOLDER") or f"jacinth-test-{os.getpid()}-{time.time_ns():x}")
# Waits are for events; this only bounds the wait for one that never comes, on a slow machine that does other things, too.
PATIENCE = 180 if SANITIZED else 90


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


# What happened, for the report of a case that fails


class Chronicle:
    """The processes of one case, and the commands that it ran to their end."""

    MOST_LINES = 300  # of what one process has said: the first and the last

    def __init__(self):
        self.began = time.monotonic()
        self.spawned = []
        self.ran = []  # [when, command, how it ended, times in a row]
        self.scene = None

    def now(self):
        return time.monotonic() - self.began

    def add_run(self, command, ending):
        if self.ran and self.ran[-1][1:3] == [command, ending]:
            self.ran[-1][0] = self.now()
            self.ran[-1][3] += 1
        else:
            self.ran.append([self.now(), command, ending, 1])

    def keep_scene(self):
        """Remembers which processes there are, before they are ended; the first time counts."""
        if self.scene is None:
            self.scene = f"{self.now():.2f} s after the beginning:\n{processes.picture_of(os.getpid())}"

    def _said(self, process):
        status = "still runs" if process.returncode is None else f"ended with status {process.returncode}"
        lines = [f"{when - self.began:8.2f} {'error: ' if apart else ''}{line.rstrip()}" for when, apart, line in process.said]
        left_out = len(lines) - self.MOST_LINES
        if left_out > 0:
            half = self.MOST_LINES // 2
            lines[half:-half] = [f"         ... {left_out} lines ..."]
        return "\n".join([f"  {process.pid} {process.title} ({status}):", *lines])

    def __str__(self):
        runs = [f"{when:8.2f} {command}: {ending}" + (f", {times} times" if times > 1 else "")
                for when, command, ending, times in self.ran]
        return "\n".join([
            f"processes, their states, processor time and where they wait, {self.scene or 'not looked at'}",
            "what each process said, and when:", *(map(self._said, self.spawned) if self.spawned else ["  none was started"]),
            "what was run:", *(runs or ["  nothing"])])


_chronicle = Chronicle()


def _title(command):
    """A command line as a person would call it."""
    words = list(map(str, command))
    if words[:3] == ["ip", "netns", "exec"]:
        words = words[4:]
    text = " ".join(os.path.basename(word) if word.startswith("/") else word for word in words).replace("\n", " ")
    return text if len(text) <= 120 else text[:117] + "..."


# Resources


@contextlib.contextmanager
def resources():
    """An ExitStack for what a case owns."""
    with contextlib.ExitStack() as owned:
        try:
            yield owned
        except Skip:
            raise
        except BaseException:
            _chronicle.keep_scene()
            raise


def run(*command, check=True, timeout=PATIENCE, input=None, **options):  # pylint: disable=redefined-builtin # as subprocess's
    """Runs a command to its end and returns it with its output as text; fails the case if it fails and `check`."""
    with subprocess.Popen(command, stdin=subprocess.PIPE if input is not None else subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                          start_new_session=True, **options) as process:
        try:
            output, errors = process.communicate(input, timeout)
        except BaseException as error:
            _chronicle.keep_scene()
            os.killpg(process.pid, signal.SIGKILL)
            output, errors = process.communicate()
            _chronicle.add_run(_title(command), f"was killed; it had said:\n{output}{errors}")
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            raise Failure(f"{_title(command)} did not end within {timeout} s\n{output}{errors}") from None
    _chronicle.add_run(_title(command), f"status {process.returncode}")
    if check and process.returncode != 0:
        raise Failure(f"{' '.join(command)} ended with status {process.returncode}\n{output}{errors}")
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


class Process(subprocess.Popen):
    """A process in a group of its own. What it says is read as it comes and kept: both streams as one, unless `apart`. A
    caller who passes `stdout` reads it himself, and standard error goes where the caller's goes."""

    def __init__(self, *command, apart=False, **options):
        heard = {} if "stdout" in options else {"stdout": subprocess.PIPE,
                                                "stderr": subprocess.PIPE if apart else subprocess.STDOUT}
        super().__init__(command, **{"stdin": subprocess.DEVNULL, "text": True, "errors": "replace",
                                     "start_new_session": True, **heard, **options})
        self.title = _title(command)
        self.said = []  # (when, whether on standard error apart, line)
        self._next = 0  # what has not been looked at yet
        self._silent = False
        self._more = threading.Condition()
        streams = [(self.stdout, False), (self.stderr, True)] if apart else [(self.stdout, False)] if heard else []
        self._readers = [threading.Thread(target=self._read, args=arguments, daemon=True) for arguments in streams]
        for reader in self._readers:
            reader.start()
        _chronicle.spawned.append(self)

    def _read(self, stream, apart):
        for line in stream:
            with self._more:
                self.said.append((time.monotonic(), apart, line))
                self._more.notify_all()
        if not apart:
            with self._more:
                self._silent = True
                self._more.notify_all()

    def _take(self, until=None):
        """What it said on standard output since the last time, up to a line with this text; (text, whether it came)."""
        text = ""
        while self._next < len(self.said):
            _, apart, line = self.said[self._next]
            self._next += 1
            if apart:
                continue
            text += line
            if until is not None and until in line:
                return text, True
        return text, False

    def wait_for_line(self, text, patience=PATIENCE):
        """Waits until it says a line with this text; returns what it said up to that, beginning after the line waited for
        before."""
        deadline = time.monotonic() + patience
        said = ""
        with self._more:
            while True:
                more, found = self._take(text)
                said += more
                if found:
                    return said
                if self._silent:
                    raise Failure(f"{self.title} ended without saying {text!r}; it said:\n{said}")
                if not self._more.wait(deadline - time.monotonic()):
                    raise Failure(f"{self.title} has not said {text!r} for {patience} s; it said:\n{said}")

    def say(self, line):
        """Writes a line to its standard input."""
        self.stdin.write(line + "\n")
        self.stdin.flush()

    def finish(self, patience=PATIENCE):
        """Closes its standard input, waits for its end and returns what it said after the last line that was waited for."""
        if self.stdin:
            self.stdin.close()
        try:
            self.wait(patience)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.title} has not ended for {patience} s") from None
        self._hear_out()
        with self._more:
            return self._take()[0]

    def _hear_out(self):
        for reader in self._readers:
            reader.join(PATIENCE)
            if reader.is_alive():
                raise Failure(f"{self.title} has ended, but somebody still holds its output")

    def stop(self, patience=PATIENCE):
        """Asks it to end, kills its whole group if it does not, and returns its exit status."""
        if self.poll() is None:
            self.terminate()
            try:
                self.wait(patience)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
                self.wait()
        if self.stdin:
            with contextlib.suppress(BrokenPipeError):
                self.stdin.close()
        self._hear_out()
        for stream in (self.stdout, self.stderr):
            if stream:
                stream.close()
        return self.returncode


def spawn(owned, *command, **options):
    """Starts a Process that is stopped on release."""
    process = Process(*command, **options)
    owned.callback(process.stop)
    return process


def kill(pid):
    """Kills a process and waits until it is gone; it may have gone by itself."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        if not select.select([descriptor], [], [], PATIENCE)[0]:
            raise Failure(f"{processes.command_of(pid)} has not ended for {PATIENCE} s after it was killed")
    finally:
        os.close(descriptor)


def wait_until(condition, what, patience=PATIENCE):
    """Waits for something outside this process that tells nobody when it happens; returns what `condition` returned."""
    deadline = time.monotonic() + patience
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise Failure(f"waited {patience} s in vain for {what}")
        time.sleep(0.01)
    return result


class Namespace:
    """A network namespace of the case's own, removed with everything in it when `owned` is released."""

    _made = 0

    def __init__(self, owned):
        require_root()
        Namespace._made += 1
        self.name = f"{RUN}-{Namespace._made}"
        run("ip", "netns", "add", self.name)
        owned.callback(self._remove)
        self.run("ip", "link", "set", "lo", "up")

    def _remove(self):
        for pid in run("ip", "netns", "pids", self.name, check=False).stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        run("ip", "netns", "delete", self.name, check=False)

    @staticmethod
    def all_of_ours():
        with contextlib.suppress(FileNotFoundError):
            return [name for name in os.listdir("/run/netns") if name.startswith(RUN + "-")]
        return []

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


def _netstack(package, name, netstack):
    """The URL of a netstack, which is the name of a manifest or arguments; with these it gets a manifest of its own."""
    if isinstance(netstack, str):
        return f"#meta/{netstack}.cml"
    package.manifest(f"{name}-netstack", capabilities=[{"protocol": PROVIDER}], use=[{"protocol": ETHERNET}],
                     expose=[{"protocol": PROVIDER, "from": "self"}],
                     program={"runner": "elf", "binary": package.binary("components/netstack/netstack"),
                              "args": list(netstack), "lifecycle": {"stop_event": "notify"}})
    return f"#meta/{name}-netstack.cml"


def stack(package, name, program=None, wire="tap", driver=(), netstack="netstack", **children):
    """Writes the manifest of an Ethernet driver, a netstack, and programs above it; returns its path.

    `program` is the main one, if there is one: the run ends with it. `driver` are arguments of the driver's, `netstack` is
    the name of that component's manifest, or its arguments. `children` are further programs by name, started with everything
    else.
    """
    host = {"tap": "jacinth.host.Tap", "slirp": "jacinth.host.Network"}[wire]
    sections = {
        "children": [
            {"name": "ethernet", "url": _driver(package, name, wire, host, driver)},
            {"name": "netstack", "url": _netstack(package, name, netstack), "startup": "eager"},
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
    """Starts one."""
    return spawn(owned, *execution(network, owned, *command), **options)


def finish(process, what):
    """Waits for a process's good end."""
    said = process.finish()
    expect_equal(process.returncode, 0, f"status of {what}, which said:\n{said}\n")


def process_named(network, name):
    """The process of that name in a run inside the namespace, by its command line; None if there is none."""
    for pid in processes.every():
        command = processes.command_of(pid)
        if command and os.path.basename(command.split(" ")[0]) == name and _is_below(pid, network):
            return pid
    return None


def _is_below(pid, network):
    """Whether one of the process's ancestors is in the namespace itself."""
    inside = set(network.run("ip", "netns", "pids", network.name).stdout.split())
    while pid > 1:
        if str(pid) in inside:
            return True
        if not (stat := processes.stat_of(pid)):
            return False  # it has ended meanwhile
        pid = stat[2]
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


def _adopt_orphans():
    """Whoever loses its parent becomes a child of this process, so that nobody is overlooked."""
    import ctypes
    PR_SET_CHILD_SUBREAPER = 36
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _still_running():
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    return [pid for _, pid in processes.descendants_of(os.getpid())]


def _remove_leftovers():
    """What the case left behind, which is gone then."""
    left = processes.end_all(_still_running, PATIENCE)
    names = Namespace.all_of_ours()
    for name in names:
        run("ip", "netns", "delete", name, check=False)
    return left + names


def _run_case(function):
    """Returns (outcome, detail, whether to go on)."""
    global _chronicle  # pylint: disable=global-statement # one for each case
    _chronicle = Chronicle()
    outcome, detail, goes_on = "passed", "", True
    try:
        function()
    except Skip as reason:
        outcome, detail = "skipped", str(reason)
    except SystemExit:
        outcome, goes_on = "failed", False
        detail = f"it was told to end, so its time must have been over; it was here:\n{traceback.format_exc()}"
    except Exception:  # pylint: disable=broad-except # whatever it is, it is this case's failure
        outcome, detail = "failed", traceback.format_exc()
    if left := _remove_leftovers():
        detail += "\nleft behind: " + "\n".join(left)
        outcome = "failed"
    if outcome == "failed":
        detail += f"\n{_chronicle}"
    return outcome, detail, goes_on


def main():
    """Runs the registered cases (or those named on the command line) and exits."""
    signal.signal(signal.SIGTERM, _terminated)
    signal.signal(signal.SIGINT, _terminated)
    _adopt_orphans()
    chosen = [function for function in _cases if not sys.argv[1:] or function.__name__ in sys.argv[1:]]
    print(f"1..{len(chosen)}", flush=True)
    failed = False
    for number, function in enumerate(chosen, 1):
        outcome, detail, goes_on = _run_case(function)
        _report(number, function.__name__, outcome, detail)
        failed = failed or outcome == "failed"
        if not goes_on:
            sys.exit(143)
    sys.exit(1 if failed else 0)
