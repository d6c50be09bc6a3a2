"""The component manager with real trees: the demo, the walls between processes, bad input, and ways to end."""

import contextlib
import fcntl
import itertools
import os
import re
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import termios

import processes
from systest import (BUILD, PATIENCE, PROVIDER, ROOT, Package, Skip, case, expect, expect_equal, jacinth, kill, main,
                     python_program, require_root, resources, run, spawn, stack, wait_until)

DEMO = os.path.join(ROOT, "manifests/udp-echo.cml")
NAMESPACES = ("user", "mnt", "pid", "ipc", "uts", "cgroup", "net")


def waiting(*how):
    return python_program("waiting.py", *how)


def start(owned, *arguments):
    return spawn(owned, jacinth(), "run", *arguments)


def fails(manifest, *wanted, status=1):
    """Runs a manifest that cannot be run; each of `wanted` is in what is said about it."""
    done = run(jacinth(), "run", manifest, check=False)
    expect_equal(done.returncode, status, f"status of {manifest}: {done.stderr}")
    for text in wanted:
        expect(text in done.stderr, f"{text!r} is not in:\n{done.stderr}")
    return done


# Processes


def descendants(pid):
    return [found for _, found in processes.descendants_of(pid)]


def name_of(pid):
    """None if it has ended, whether or not somebody has asked for its status."""
    stat_of_it = processes.stat_of(pid)
    return stat_of_it[0] if stat_of_it and stat_of_it[1] not in "ZX" else None


def process_below(process, beginning):
    """The process whose name begins so, once it runs: who has a socket of the netstack may be ahead of the driver."""
    def find():
        return [pid for pid in descendants(process.pid) if (name_of(pid) or "").startswith(beginning)]
    found = wait_until(find, f"a process {beginning} to run")
    expect_equal(len(found), 1, f"processes {beginning}")
    return found[0]


def expect_gone(pids):
    def all_gone():
        return not [pid for pid in pids if name_of(pid)]
    wait_until(all_gone, f"the processes {pids} to be gone")


# The demo


def check_demo(done):
    expect_equal(done.returncode, 0, f"status of the demo: {done.stderr}")
    for text in ("udp-echo\n├─ echo_server", "└─ client", "datagram 10: 64 bytes", "10 of 10 datagrams answered"):
        expect(text in done.stdout, f"{text!r} is not in:\n{done.stdout}{done.stderr}")


@case
def the_demo_runs_and_ends_by_itself():
    check_demo(run(jacinth(), "run", DEMO))


@case
def the_demo_runs_as_an_ordinary_user():
    require_root()
    for path in (jacinth(), os.path.join(BUILD, "pkg/bin/netstack"), DEMO):
        at = path
        while at != "/":
            if not os.stat(at).st_mode & (stat.S_IROTH if at == path else stat.S_IXOTH):
                raise Skip(f"other users may not read {at}")
            at = os.path.dirname(at)
    check_demo(run(jacinth(), "run", DEMO, user=1000, group=1000, extra_groups=[], cwd="/"))


@case
def several_demos_run_at_once():
    with resources() as owned:
        demos = [start(owned, DEMO) for _ in range(4)]
        for demo in demos:
            said = demo.finish(4 * PATIENCE)
            expect_equal(demo.returncode, 0, f"status of one of four demos: {said}")


@case
def without_a_server_the_demo_says_so_and_fails():
    done = fails(os.path.join(ROOT, "manifests/udp-echo-no-server.cml"), "client ended with status 1")
    # Which of the two depends on whether the host tells the wire that nobody is there.
    expect(re.search(r"no answer to datagram 1 from 10\.0\.2\.2|nobody listens at 10\.0\.2\.2", done.stderr), done.stderr)


def steps_of(text, title):
    part = text.split(title, 1)[1].split("\n\n", 1)[0]
    return [(number, float(us), process, point)
            for number, us, process, point in re.findall(r"^ *([\d-]+) +([\d.]+) us +(\S+) +\d+ +(\S+)", part, re.M)]


@case
def the_life_of_a_datagram_is_told_in_the_order_of_its_steps():
    done = run(jacinth(), "run", "--life", DEMO)
    sent = steps_of(done.stdout, "Life of a datagram sent")
    received = steps_of(done.stdout, "Life of a datagram received")
    expect_equal([number for number, *_ in sent],
                 "1 2 3 4 5 6 7 8 9 9 10 11 12 13 14 15-16".split(), "steps of sending")
    expect_equal([number for number, *_ in received],
                 "1 2 3 4 5 6 7 8 9 10-11 12 13 14 14 14 15 16 17 18 19 20 21 22 23 24 25 26".split(),
                 "steps of receiving")
    expect_equal([process for _, _, process, _ in sent],
                 ["client"] * 3 + ["netstack"] * 5 + ["ethernet"] * 2 + ["netstack"] * 3 + ["client"] * 3,
                 "processes of sending")
    expect_equal([process for _, _, process, _ in received],
                 ["client"] * 3 + ["netstack"] * 5 + ["client"] * 3 + ["ethernet"] + ["netstack"] * 4
                 + ["client"] * 3 + ["netstack"] * 5 + ["client"] * 3, "processes of receiving")
    # The driver sends while the answer is on its way back, and a frame does not ask whether the application waits yet.
    for steps, beside in ((sent, {"9"}), (received, {"13", "14", "15"})):
        for lane in ([step for step in steps if step[0] not in beside], [step for step in steps if step[0] in beside]):
            times = [us for _, us, *_ in lane]
            expect_equal(times, sorted(times), "times of the steps")
    when = {number: us for number, us, *_ in sent}
    expect(when["9"] >= when["8"], "the driver took a frame before it was there")
    when = {number: us for number, us, *_ in received}
    expect(when["14"] >= when["7"] and when["15"] <= when["16"], "the datagram was not waited for")


# Walls


def shared_memory(pid):
    """The inodes of the memory a process has mapped shared, and those it has a descriptor of."""
    found = set()
    with open(f"/proc/{pid}/maps") as file:
        for line in file:
            _, rights, _, device, inode, *_ = line.split()
            if rights[3] == "s":
                found.add((device, int(inode)))
    return found


def descriptors(pid):
    found = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
    return found


def network_devices(pid):
    with open(f"/proc/{pid}/net/dev") as file:
        return [line.split(":")[0].strip() for line in file if ":" in line]


@case
def the_three_processes_share_nothing_but_what_they_were_given():
    require_root()
    with resources() as owned:
        process = start(owned, stack(Package(owned), "walls", waiting("socket"), wire="slirp"))
        process.wait_for_line("ready")
        three = {who: process_below(process, name)
                 for who, name in (("application", "python"), ("netstack", "netstack"), ("driver", "ethernet_slirp"))}
        spaces = {who: {kind: os.readlink(f"/proc/{pid}/ns/{kind}") for kind in NAMESPACES}
                  for who, pid in three.items()}
        spaces["us"] = {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in NAMESPACES}
        for (one, its), (other, others) in itertools.combinations(spaces.items(), 2):
            for kind in NAMESPACES:
                if {one, other} == {"driver", "us"} and kind == "net":
                    continue  # the driver holds the wire
                expect(its[kind] != others[kind], f"{one} and {other} are in one {kind} namespace")
        for who in ("application", "netstack"):
            expect_equal(network_devices(three[who]), ["lo"], f"network devices of the {who}")
        # Then both have begun to serve, and hold nothing any more that they needed for their start.
        wait_until(lambda: shared_memory(three["netstack"]) & shared_memory(three["driver"]),
                   "the netstack and the driver to share memory")
        check_descriptors(three)
        expect(not shared_memory(three["application"]) & shared_memory(three["driver"]),
               "the application and the driver share memory")


def check_descriptors(three):
    mine = re.compile(r"socket:|pipe:|/memfd:|anon_inode:\[(eventfd|eventpoll|timerfd|signalfd)\]|/dev/null$")
    for who in ("netstack", "driver"):
        for fd, target in descriptors(three[who]).items():
            expect(mine.match(target), f"descriptor {fd} of the {who} is {target}")
    sockets = {who: {target for target in descriptors(pid).values() if target.startswith(("socket:", "pipe:"))}
               for who, pid in three.items()}
    for one, other in itertools.combinations(three, 2):
        # The two ends of a connection are two sockets: nobody holds another's.
        expect(not sockets[one] & sockets[other] or {one, other} == {"application", "netstack"},
               f"{one} and {other} hold the same {sockets[one] & sockets[other]}")


@case
def no_call_of_a_programs_own_leads_past_the_network_stack():
    with resources() as owned:
        listener = owned.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        listener.bind(("127.0.0.1", 0))
        listener.setblocking(False)
        streams = owned.enter_context(socket.create_server(listener.getsockname()))
        streams.setblocking(False)
        program = python_program("around_the_netstack.py", listener.getsockname()[1])
        done = run(jacinth(), "run", "--quiet", stack(Package(owned), "around", program, wire="slirp"))
        *tries, devices = done.stdout.splitlines()
        expect_equal(len(tries), 5, "number of tries")
        # A datagram is sent, to whoever is there: nobody on the network stack's own loopback.
        expect(all("REACHED" not in line or "SOCK_DGRAM" in line for line in tries), done.stdout)
        expect_equal(devices, "['lo']", "network devices")
        with contextlib.suppress(BlockingIOError):
            expect(False, f"the listener heard {listener.recv(10)!r}")
        with contextlib.suppress(BlockingIOError):
            expect(False, f"somebody connected: {streams.accept()}")


@case
def nonsense_to_the_component_manager_costs_only_its_writer():
    for how in ("garbage", "nonsense", "descriptors", "flood"):
        with resources() as owned:
            package = Package(owned)
            script = python_program("hostile_to_svc.py", how)
            process = start(owned, stack(package, "nonsense", None, wire="slirp", hostile=script, other=waiting("socket")))
            process.wait_for_line("closed")
            expect(process.poll() is None, f"the component manager ended after {how}")
            process.send_signal(signal.SIGINT)
            process.finish()
            expect_equal(process.returncode, 0, f"status after {how}")


# Bad input


@case
def a_syntax_error_is_shown_with_line_and_caret():
    with resources() as owned:
        path = os.path.join(Package(owned).path, "bad.cml")
        with open(path, "w", encoding="utf-8") as file:
            file.write("{\n    children: [\n        { name: \"a\" url: \"#meta/a.cml\" },\n    ],\n}\n")
        fails(path, f"{path}:3:21: error: ParseError: expected \",\" or \"}}\" after the value",
              "    3 |         { name: \"a\" url: \"#meta/a.cml\" },\n      |                     ^~~\n")


@case
def a_route_to_a_capability_that_nobody_offers_is_told_before_anything_starts():
    with resources() as owned:
        package = Package(owned)
        package.manifest("lonely", program=waiting(), use=[{"protocol": "sample.Nothing"}])
        root = package.manifest("root", children=[{"name": "lonely", "url": "#meta/lonely.cml", "startup": "eager"}])
        done = fails(root, "UseFromParentNotFound", "sample.Nothing, used by lonely: it is not offered to #lonely",
                     "help: add to \"offer\" of")
        expect("ready" not in done.stdout, "it was started all the same")


@case
def a_missing_binary_and_a_missing_manifest_are_told():
    with resources() as owned:
        package = Package(owned)
        root = package.manifest("root", program={"runner": "elf", "binary": "bin/gone"})
        fails(root, "MissingBinary", "/bin/gone", "root.cml:4:")
        root = package.manifest("root", children=[{"name": "a", "url": "#meta/gone.cml"}])
        fails(root, "InstanceCannotResolve", "#meta/gone.cml")
        fails(os.path.join(package.path, "gone.cml"), "FileError", "No such file")


@case
def a_component_that_dies_at_start_ends_the_run():
    with resources() as owned:
        package = Package(owned)
        package.manifest("dying", program={"runner": "posix", "binary": "/bin/sh",
                                           "args": ["-c", "echo I cannot >&2; exit 3"]})
        package.manifest("other", program=waiting())
        root = package.manifest("root", children=[
            {"name": "other", "url": "#meta/other.cml", "startup": "eager"},
            {"name": "dying", "url": "#meta/dying.cml", "startup": "eager"}])
        fails(root, "I cannot", "dying ended with status 3", "dying died while starting")


@case
def a_provider_that_dies_at_start_is_told_and_its_user_is_not_left_waiting():
    with resources() as owned:
        package = Package(owned)
        package.manifest("provider",
                         program={"runner": "elf", "binary": package.binary("pkg/bin/netstack"),
                                  "args": ["--nonsense"]},
                         capabilities=[{"protocol": PROVIDER}], expose=[{"protocol": PROVIDER, "from": "self"}])
        package.manifest("user", program=waiting("socket"), use=[{"protocol": PROVIDER}])
        root = package.manifest(
            "root",
            children=[{"name": "provider", "url": "#meta/provider.cml"}, {"name": "user", "url": "#meta/user.cml"}],
            offer=[{"protocol": PROVIDER, "from": "#provider", "to": "#user"}], facets={"main": "#user"})
        fails(root, "[provider] netstack:", "provider ended with status 2", "provider died while starting")


# Ends


@case
def ctrl_c_stops_everything_and_leaves_nothing():
    with resources() as owned:
        process = start(owned, stack(Package(owned), "interrupted", waiting("socket"), wire="slirp"))
        process.wait_for_line("ready")
        process_below(process, "ethernet_slirp")
        pids = descendants(process.pid)
        expect(len(pids) >= 4, f"only {len(pids)} processes")
        process.send_signal(signal.SIGINT)
        said = process.finish()
        expect_equal(process.returncode, 130, f"status after SIGINT: {said}")
        expect_gone(pids)


@case
def the_end_of_the_terminal_is_ignored_by_who_was_told_to():
    with resources() as owned:
        manifest = Package(owned).manifest("lasting", program=waiting())
        process = spawn(owned, "sh", "-c", "trap '' HUP; exec \"$0\" run \"$1\"", jacinth(), manifest)
        process.wait_for_line("ready")
        process.send_signal(signal.SIGHUP)
        process.terminate()
        said = process.finish()
        expect_equal(process.returncode, 128 + signal.SIGTERM, f"status: {said}")


@case
def the_end_of_a_component_that_everything_depends_on_ends_everything():
    with resources() as owned:
        package = Package(owned)
        package.manifest("other", program=waiting())
        package.manifest("vital", program={"runner": "posix", "binary": shutil.which("true")})
        root = package.manifest("root", children=[
            {"name": "other", "url": "#meta/other.cml", "startup": "eager"},
            {"name": "vital", "url": "#meta/vital.cml", "startup": "eager", "on_terminate": "reboot"}])
        done = run(jacinth(), "run", root)
        expect("vital has ended, and with it everything" in done.stderr, done.stderr)


@case
def a_killed_manager_leaves_nothing():
    with resources() as owned:
        process = start(owned, stack(Package(owned), "orphaned", waiting("socket"), wire="slirp"))
        process.wait_for_line("ready")
        process_below(process, "ethernet_slirp")
        pids = descendants(process.pid)
        process.kill()
        process.wait()
        expect_gone(pids)


@case
def a_program_that_does_not_stop_is_killed_after_its_timeout():
    with resources() as owned:
        package = Package(owned)
        package.manifest("stubborn", program=waiting("stubborn"))
        root = package.manifest(
            "root",
            children=[{"name": "stubborn", "url": "#meta/stubborn.cml", "startup": "eager", "environment": "#hasty"}],
            environments=[{"name": "hasty", "extends": "realm", "__stop_timeout_ms": 200}])
        process = start(owned, root)
        process.wait_for_line("ready")
        process.terminate()
        said = process.finish()
        expect("stubborn did not stop within 200 ms and is killed" in said, said)
        expect_equal(process.returncode, 0, "status of a tree without a main component that was asked to end")


@case
def a_killed_netstack_leaves_the_others_running_and_is_started_again():
    with resources() as owned:
        package = Package(owned)
        killed = os.path.join(package.path, "bin/killed")
        program = python_program("asking.py", "/pkg/bin/killed")
        process = start(owned, stack(package, "killed", program, wire="slirp"))
        process.wait_for_line("ready works")
        kill(process_below(process, "netstack"))
        open(killed, "w").close()
        said = process.wait_for_line("again works")
        process.finish()
        expect("netstack was ended by signal 9" in said, said)
        expect_equal(process.returncode, 0, "status of the program")


# Looking without starting


@case
def a_tree_can_be_checked_and_shown_without_being_started():
    expect("5 components" in run(jacinth(), "check", DEMO).stdout, "check does not count the components")
    shown = run(jacinth(), "show", DEMO).stdout
    expect("client uses protocol fuchsia.posix.socket.Provider from netstack (through udp-echo's offer, netstack's expose)"
           in shown, shown)
    graph = run(jacinth(), "graph", DEMO).stdout
    expect("\"client\" -> \"netstack\" [label=\"fuchsia.posix.socket.Provider\"];" in graph, graph)


@case
def wrong_arguments_are_told_with_the_right_ones():
    for arguments in ((), ("rnu", "x"), ("run",), ("run", "--lief", DEMO), ("run", DEMO, DEMO), ("exec",), ("exec", "--x", "y")):
        done = run(jacinth(), *arguments, check=False)
        expect(done.returncode == 2 and "usage:" in done.stderr, f"{arguments}: {done.returncode} {done.stderr}")
    for arguments in (("exec", "--capture"), ("exec", "--capture=", "--", "true"), ("run", "--trace"), ("run", "--trace=", DEMO)):
        done = run(jacinth(), *arguments, check=False)
        option = arguments[1].rstrip("=")
        expect(done.returncode == 2 and f"{option} what?" in done.stderr, f"{arguments}: {done.returncode} {done.stderr}")
    expect("usage:" in run(jacinth(), "help").stdout, "help gives no help")
    expect_equal(run(jacinth(), "exec", "--help").stdout, run(jacinth(), "help", "exec").stdout, "help with a command")
    expect(run(jacinth(), "--version").stdout.startswith("jacinth "), "no version")


@case
def what_cannot_be_written_is_no_success():
    with open("/dev/full", "w") as full:
        for arguments in (("show", DEMO), ("graph", DEMO), ("check", DEMO), ("--version",), ("help",)):
            process = subprocess.run([jacinth(), *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
            expect(process.returncode == 1 and "No space left" in process.stderr,
                   f"{arguments}: {process.returncode} {process.stderr}")


@case
def a_package_may_be_named_from_the_working_directory():
    environment = {**os.environ, "JACINTH_PACKAGE": "pkg"}
    done = run(jacinth(), "exec", "--", "sh", "-c", "exit 7", check=False, cwd=BUILD, env=environment)
    expect_equal(done.returncode, 7, f"status of a program whose package is pkg: {done.stderr}")
    done = run(jacinth(), "check", DEMO, check=False, cwd="/", env=environment)
    expect(done.returncode == 1 and "JACINTH_PACKAGE" in done.stderr, done.stderr)


# exec


def execute(*arguments, **options):
    return run(jacinth(), "exec", *arguments, check=False, **options)


@case
def exec_forwards_the_status_of_its_program():
    expect_equal(execute("--", "/bin/sh", "-c", "exit 7").returncode, 7, "status")
    expect_equal(execute("--", "sh", "-c", "kill -KILL $$").returncode, 137, "status after SIGKILL")
    expect_equal(execute("--", "sh", "-c", "kill -PIPE $$").returncode, 141, "status after SIGPIPE")
    done = execute("--", "no-such-program")
    expect_equal(done.returncode, 127, "status of a missing program")
    expect("there is no program no-such-program" in done.stderr, done.stderr)


@case
def exec_takes_another_network_from_a_manifest():
    with resources() as owned:
        package = Package(owned)
        package.manifest("mine", program={"runner": "posix", "binary": "/bin/false"})
        root = package.manifest("root", children=[{"name": "mine", "url": "#meta/mine.cml"}], facets={"main": "#mine"})
        done = execute("--manifest", root, "--", "sh", "-c", "echo ${JACINTH_SVC:-none}")
        expect_equal((done.stdout, done.returncode), ("none\n", 0), "a program without a netstack")
        root = package.manifest("root", children=[{"name": "mine", "url": "#meta/mine.cml"}])
        done = execute("--manifest", root, "--", "true")
        expect(done.returncode == 1 and "no main component" in done.stderr, done.stderr)


@case
def the_ignored_end_of_children_is_learnt_all_the_same():
    done = run("sh", "-c", "trap '' CHLD; exec \"$0\" exec -- true", jacinth())
    expect_equal(done.returncode, 0, "status")


@case
def exec_gives_its_program_the_callers_streams_environment_and_directory():
    with resources() as owned:
        folder = Package(owned).path
        script = "read line; echo \"$line $COLOUR $(pwd)\"; echo made >here"
        done = run(jacinth(), "exec", "--", "sh", "-c", script, input="hello\n", cwd=folder, check=False,
                   env={**os.environ, "COLOUR": "blue"})
        expect_equal(done.stdout, f"hello blue {folder}\n", "what it said")
        with open(os.path.join(folder, "here")) as file:
            expect_equal(file.read(), "made\n", "what it wrote")


@case
def exec_gives_its_program_the_callers_descriptors_by_their_numbers():
    script = "read line <&3; echo \"$line\"; echo written >&40; cat \"$0\"; : >&8"
    with resources() as owned:
        folder = Package(owned).path
        shell = (f"echo first >{folder}/in; exec 3<{folder}/in 40>{folder}/out; "
                 f"\"$0\" exec -- bash -c '{script}' <(echo of a pipe)")
        done = run("bash", "-c", shell, jacinth(), check=False)
        expect_equal(done.stdout, "first\nof a pipe\n", "what it read")
        expect(done.returncode != 0 and "8: Bad file descriptor" in done.stderr, f"more was open: {done.stderr}")
        with open(os.path.join(folder, "out"), encoding="utf-8") as file:
            expect_equal(file.read(), "written\n", "what it wrote")


@case
def exec_holds_none_of_its_programs_descriptors():
    with resources() as owned:
        ours, theirs = os.pipe()
        with os.fdopen(ours) as reader:
            script = f"echo said >&{theirs}; exec {theirs}>&-; read line"
            process = spawn(owned, jacinth(), "exec", "--", "sh", "-c", script, stdin=subprocess.PIPE, pass_fds=[theirs])
            os.close(theirs)
            expect_equal(reader.read(), "said\n", "what a pipe brought until its last writer closed it")
            process.say("")
            expect_equal((process.finish(), process.returncode), ("", 0), "what it said and its status")


@case
def exec_gives_its_program_the_callers_temporary_directory():
    with tempfile.TemporaryDirectory(prefix="jacinth-test-") as folder:
        program = os.path.join(folder, "program")
        with open(program, "w", encoding="utf-8") as file:
            file.write('#!/bin/sh\nmktemp && cp "$0" "$0.copy"\n')
        os.chmod(program, 0o755)
        done = execute("--", program, env={**os.environ, "TMPDIR": folder})
        expect_equal(done.returncode, 0, f"status of a program that lies and writes there, which said {done.stderr}")
        expect(os.path.exists(done.stdout.strip()), f"it did not make {done.stdout}")
        expect(os.path.exists(program + ".copy"), "it did not write there")


@case
def exec_passes_signals_on():
    with resources() as owned:
        script = "trap 'echo asked; exit 9' USR1; echo ready; while :; do read line; done"
        process = spawn(owned, jacinth(), "exec", "--", "sh", "-c", script, stdin=subprocess.PIPE, apart=True)
        process.wait_for_line("ready")
        process.send_signal(signal.SIGUSR1)
        process.say("")
        said = process.finish()
        expect_equal((said, process.returncode), ("asked\n", 9), "what it said and its status")


# Signals its parent, which is its init, and counts what comes back. That takes the signal of the lower number first.
SIGNALS_ITS_PARENT = """
import os, signal
counted = []
signal.signal(signal.SIGTERM, lambda *_: counted.append(1))
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGWINCH])
os.kill(os.getppid(), signal.SIGTERM)
print("ready", flush=True)
signal.sigwait([signal.SIGWINCH])
print(len(counted), flush=True)
"""


@case
def exec_gives_its_program_nothing_back_of_what_that_sends_to_its_parent():
    with resources() as owned:
        process = spawn(owned, jacinth(), "exec", "--", sys.executable, "-c", SIGNALS_ITS_PARENT, apart=True)
        process.wait_for_line("ready")
        process.send_signal(signal.SIGWINCH)
        expect_equal((process.finish(), process.returncode), ("0\n", 0), "how often it got the signal and its status")


# Makes a job of itself and takes the terminal, as a shell does; its end leaves the terminal to nobody.
OWN_JOB = """
import os, signal
os.setpgid(0, 0)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTOU])
os.tcsetpgrp(0, os.getpgrp())
"""


@case
def exec_takes_the_terminal_back_from_a_program_that_has_ended():
    with resources() as owned:
        ours, theirs = os.openpty()
        owned.callback(os.close, ours)
        script = "\"$0\" exec -- \"$1\" -c \"$2\"; echo ended; read line; echo \"got $line\""
        process = spawn(owned, "sh", "-c", script, jacinth(), sys.executable, OWN_JOB, stdin=theirs,
                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(theirs)
        process.wait_for_line("ended")
        os.write(ours, b"hello\n")
        expect_equal((process.finish(), process.returncode), ("got hello\n", 0), "what the script read and its status")


@case
def an_unmodified_program_gets_sockets_of_the_netstack():
    with resources() as owned:
        server = owned.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        server.bind(("127.0.0.1", 0))
        script = (f"import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout({PATIENCE});"
                  f"s.sendto(b'question', ('10.0.2.2', {server.getsockname()[1]})); print(s.recv(100).decode())")
        process = spawn(owned, jacinth(), "exec", "--", shutil.which("python3"), "-c", script, apart=True)
        server.settimeout(PATIENCE)
        question, sender = server.recvfrom(100)
        server.sendto(question[::-1], sender)
        said = process.finish()
        expect_equal((said, process.returncode), ("noitseuq\n", 0), "what it said and its status")


# Asks for a socket in a new process for each line, and says what came of it.
ASKER = """
import errno, os, socket, sys
print("ready", flush=True)
for line in sys.stdin:
    if os.fork() == 0:
        try:
            socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            print("a socket", flush=True)
        except OSError as error:
            print("got", errno.errorcode[error.errno], flush=True)
        os._exit(0)
"""


def captured(path):
    """The frames of a capture."""
    with open(path, "rb") as file:
        magic, _, _, link_type = struct.unpack("=I4xQ2I", file.read(24))
        expect_equal((magic, link_type), (0xa1b23c4d, 1), "what the capture begins with")
        frames = []
        while head := file.read(16):
            _, nanoseconds, size, length = struct.unpack("=4I", head)
            expect(nanoseconds < 10**9 and size == length, f"a record that begins {head}")
            frames.append(file.read(size))
            expect_equal(len(frames[-1]), size, "the length of a frame")
        return frames


@case
def the_frames_of_a_program_are_recorded():
    with resources() as owned:
        server = owned.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        server.bind(("127.0.0.1", 0))
        server.settimeout(PATIENCE)
        port = server.getsockname()[1]
        path = os.path.join(Package(owned).path, "frames.pcap")
        script = (f"import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout({PATIENCE});"
                  f"s.sendto(b'is it recorded?', ('10.0.2.2', {port})); s.recv(100)")
        process = spawn(owned, jacinth(), "exec", "--capture", path, "--", sys.executable, "-c", script)
        _, sender = server.recvfrom(100)
        server.sendto(b"it is", sender)
        expect_equal((process.finish(), process.returncode), ("", 0), "what it said and its status")
        frames = captured(path)
        questions = [frame for frame in frames if b"is it recorded?" in frame]
        answers = [frame for frame in frames if frame.endswith(b"it is") or b"it is\0" in frame]
        expect_equal((len(questions), len(answers)), (1, 1), "frames with what was said")
        (question,), (answer,) = questions, answers
        expect_equal((question[:6], question[6:12]), (answer[6:12], answer[:6]), "the two ends of the link")
        expect_equal(struct.unpack("!2H", question[34:38]), struct.unpack("!2H", answer[34:38])[::-1], "the ports")
        expect(any(frame[12:14] == b"\x08\x06" for frame in frames), "no ARP was recorded")


@case
def a_capture_needs_a_file_and_a_netstack():
    done = run(jacinth(), "exec", "--capture=/nowhere/frames", "--", "true", check=False)
    expect_equal(done.returncode, 1, "status")
    expect("cannot write a capture to /nowhere/frames: No such file" in done.stderr, done.stderr)
    done = run(jacinth(), "run", "--quiet", "--capture=/dev/null", os.path.join(ROOT, "manifests/calculator.cml"), check=False)
    expect_equal(done.returncode, 1, "status")
    expect("no component that could record frames" in done.stderr and "facets: { observer:" in done.stderr, done.stderr)


def sleeps(pid):
    stat_of_it = processes.stat_of(pid)
    return not stat_of_it or stat_of_it[1] == "S"  # or has ended


@case
def a_request_for_a_component_that_is_about_to_end_reaches_the_next_one():
    with resources() as owned:
        package = Package(owned)
        package.manifest("server", capabilities=[{"protocol": PROVIDER}], expose=[{"protocol": PROVIDER, "from": "self"}],
                         program={"runner": "elf", "binary": package.binary("tests/system/leaving_server")})
        package.manifest("asker", use=[{"protocol": PROVIDER}],
                         program={"runner": "posix", "binary": shutil.which("true")})
        manifest = package.manifest(
            "leaving",
            children=[{"name": "server", "url": "#meta/server.cml"}, {"name": "asker", "url": "#meta/asker.cml"}],
            offer=[{"protocol": PROVIDER, "from": "#server", "to": "#asker"}],
            facets={"main": "#asker"})
        asker = spawn(owned, jacinth(), "exec", "--manifest", manifest, "--", sys.executable, "-c", ASKER,
                      stdin=subprocess.PIPE)
        asker.wait_for_line("ready")
        asker.say("ask")
        asker.wait_for_line("got EACCES")
        first = process_below(asker, "leaving_server")  # which has closed its directory by now
        before = set(descendants(asker.pid))
        asker.say("ask")
        child, = wait_until(lambda: set(descendants(asker.pid)) - before, "another process to ask")
        wait_until(lambda: sleeps(child), "it to wait for an answer")
        kill(first)
        said = asker.wait_for_line("got")
        expect("got EACCES" in said and "cannot pass" not in said, said)
        expect(process_below(asker, "leaving_server") != first, "the server has not been replaced")


def served_asker(owned, package):
    """Starts one that asks, whose server it has found to work."""
    package.manifest("server", capabilities=[{"protocol": PROVIDER}], expose=[{"protocol": PROVIDER, "from": "self"}],
                     program={"runner": "elf", "binary": package.binary("tests/system/failing_server")})
    package.manifest("asker", use=[{"protocol": PROVIDER}], program={"runner": "posix", "binary": shutil.which("true")})
    manifest = package.manifest(
        "failing",
        children=[{"name": "server", "url": "#meta/server.cml"}, {"name": "asker", "url": "#meta/asker.cml"}],
        offer=[{"protocol": PROVIDER, "from": "#server", "to": "#asker"}],
        facets={"main": "#asker"})
    asker = spawn(owned, jacinth(), "exec", "--manifest", manifest, "--", sys.executable, "-c", ASKER,
                  stdin=subprocess.PIPE)
    asker.wait_for_line("ready")
    asker.say("ask")
    asker.wait_for_line("got EACCES")
    return asker


@case
def a_component_that_has_worked_and_then_fails_is_tried_again_at_its_own_pace():
    with resources() as owned:
        package = Package(owned)
        asker = served_asker(owned, package)
        failing = os.path.join(package.path, "bin/failing")
        open(failing, "w").close()
        kill(process_below(asker, "failing_server"))
        for _ in range(20):
            asker.say("ask")
        said = asker.wait_for_line("left alone for 800 ms")
        expect_equal(said.count("server ended with status 3"), 4, f"starts for 20 that ask again and again: {said}")
        os.remove(failing)
        asker.wait_for_line("EACCES")


@case
def a_component_that_has_worked_and_then_cannot_be_started_is_tried_again():
    with resources() as owned:
        package = Package(owned)
        asker = served_asker(owned, package)
        binary = os.path.join(package.path, "bin/failing_server")
        os.rename(binary, binary + ".away")
        kill(process_below(asker, "failing_server"))
        asker.say("ask")
        asker.say("ask")
        said = asker.wait_for_line("left alone for 200 ms")
        expect("cannot start server: " in said, said)
        os.rename(binary + ".away", binary)
        asker.wait_for_line("EACCES")


@case
def eager_children_start_with_a_parent_that_is_started_by_a_request():
    with resources() as owned:
        package = Package(owned)
        package.manifest("helper", program=waiting())
        package.manifest("server", capabilities=[{"protocol": PROVIDER}], expose=[{"protocol": PROVIDER, "from": "self"}],
                         program={"runner": "elf", "binary": package.binary("tests/system/leaving_server")},
                         children=[{"name": "helper", "url": "#meta/helper.cml", "startup": "eager"}])
        ask = ("import contextlib, signal, socket\n"
               "with contextlib.suppress(OSError): socket.socket(socket.AF_INET, socket.SOCK_STREAM)\n"
               "signal.pause()")
        package.manifest("asker", program={"runner": "posix", "binary": sys.executable, "args": ["-c", ask]},
                         use=[{"protocol": PROVIDER}])
        manifest = package.manifest(
            "helped",
            children=[{"name": "server", "url": "#meta/server.cml"}, {"name": "asker", "url": "#meta/asker.cml",
                                                                      "startup": "eager"}],
            offer=[{"protocol": PROVIDER, "from": "#server", "to": "#asker"}])
        process = start(owned, manifest)
        process.wait_for_line("ready")


if __name__ == "__main__":
    main()
