"""Programs past the C library: a static one of ours, busybox, and one in Go, whose system calls on sockets are made for
them."""

import os
import re
import resource
import shutil
import sys

import processes
from systest import (BUILD, PATIENCE, ROOT, Namespace, Package, Skip, TapNetwork, case, execute, expect, expect_equal, finish,
                     jacinth, main, process_named, require_program, require_root, resources, run, spawn, start, wait_until)

PORT = 7990
STATIC = os.path.join(BUILD, "tests/system/static_sockets")
SOURCE = os.path.join(ROOT, "tests/system/programs/static_sockets.h")
GO = os.path.join(ROOT, "tests/system/programs/go_sockets.go")
HTTP = os.path.join(ROOT, "tests/system/programs/http_bytes.py")

# Whether the kernel hands calls over (SECCOMP_FILTER_FLAG_NEW_LISTENER, _WAIT_KILLABLE_RECV): not before 5.19, nor where
# somebody around us has that already.
ASKS_FOR_CALLS = """
import ctypes, os, struct, sys
seccomp = {"x86_64": 317}.get(os.uname().machine, 277)
allow = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7fff0000))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 1, ctypes.addressof(allow)))
libc = ctypes.CDLL(None)
libc.prctl(38, 1, 0, 0, 0)
sys.exit(libc.syscall(seccomp, 1, 1 << 3 | 1 << 5, program) < 0)
"""


def require_interception():
    if run(sys.executable, "-c", ASKS_FOR_CALLS, check=False).returncode != 0:
        raise Skip("needs a kernel that hands system calls over (Linux 5.19)")


def require_static():
    require_interception()
    if not os.path.exists(STATIC):
        raise Skip("needs the C library's archive (libc.a)")


# Each case of the static program by itself, over loopback


def each_case():
    with open(SOURCE, encoding="utf-8") as source:
        return re.findall(r"^  X\((\w+)\)", source.read(), re.MULTILINE)


WITH_A_DRIVER = ("thousands_of_sockets_leave_nothing", "hundreds_of_connections_at_once", "wait_to_be_killed")


def add_case(name):
    def run_it():
        require_static()
        run(jacinth(), "exec", "--", STATIC, name)
    run_it.__name__ = name
    case(run_it)


for each in each_case():
    if each not in WITH_A_DRIVER:
        add_case(each)


# What others hold for it


def descriptors(network, name):
    pid = process_named(network, name)
    expect(pid, f"there is no {name}")
    return len(os.listdir(f"/proc/{pid}/fd"))


def held(network):
    return descriptors(network, "jacinth-init"), descriptors(network, "netstack")


def hold_as_before(network, before, what):
    wait_until(lambda: all(now <= then + 2 for now, then in zip(held(network), before)), what)


@case
def thousands_of_sockets_leave_nothing():
    require_root()
    require_static()
    with resources() as owned:
        network = Namespace(owned)
        program = network.spawn(owned, jacinth(), "exec", "--", STATIC, "thousands_of_sockets_leave_nothing",
                                stdin=-1)
        program.wait_for_line("before")
        before = held(network)
        program.say("")
        program.wait_for_line("after", patience=2 * PATIENCE)
        hold_as_before(network, before, "all to be closed")
        program.say("")
        finish(program, "the program")


@case
def hundreds_of_connections_at_once():
    require_root()
    require_static()
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 8192:
        raise Skip("needs more descriptors for the network stack")
    with resources() as owned:
        network = Namespace(owned)
        program = network.spawn(owned, jacinth(), "exec", "--", STATIC, "hundreds_of_connections_at_once", stdin=-1)
        program.wait_for_line("before")
        before = held(network)
        program.say("")
        program.wait_for_line("during", patience=2 * PATIENCE)
        now = descriptors(network, "jacinth-init")
        expect(now <= before[0] + 2, f"{now} descriptors, {before[0]} before: a connection is nothing to hold")
        program.say("")
        program.wait_for_line("after", patience=2 * PATIENCE)
        hold_as_before(network, before, "all connections to be closed")
        program.say("")
        finish(program, "the program")


@case
def a_killed_program_takes_everything_along():
    require_static()
    with resources() as owned:
        program = spawn(owned, jacinth(), "exec", "--", STATIC, "wait_to_be_killed")
        program.wait_for_line("waiting")
        victim = next(pid for pid in processes.every() if processes.command_of(pid) == f"{STATIC} wait_to_be_killed"
                      and processes.stat_of(processes.stat_of(pid)[2])[0] == "jacinth-init")
        os.kill(victim, 9)
        program.finish()
        expect_equal(program.returncode, 128 + 9, "the status")


# With programs that fdio is in


@case
def an_executed_static_program_goes_on_with_its_sockets():
    require_static()
    run(jacinth(), "exec", "--", STATIC, "execute", STATIC, "executed")


INHERITS = """
import socket, sys
listener, datagrams = (socket.socket(fileno=int(number)) for number in sys.argv[1:])
assert listener.getsockname()[0] == "127.0.0.1", listener.getsockname()
near = socket.create_connection(listener.getsockname())
far, peer = listener.accept()
assert peer == near.getsockname(), peer
near.sendall(b"x" * 100000)
near.close()
assert len(far.makefile("rb").read()) == 100000
other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
other.sendto(b"datagram", datagrams.getsockname())
assert datagrams.recvfrom(100) == (b"datagram", ("127.0.0.1", other.getsockname()[1]))
"""


@case
def a_program_with_fdio_goes_on_with_a_static_ones_sockets():
    require_static()
    run(jacinth(), "exec", "--", STATIC, "execute", sys.executable, "-c", INHERITS)


HANDS_ON = """
import os, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
listener.set_inheritable(True)
os.execv(sys.argv[1], [sys.argv[1], "executed", str(listener.fileno()), "-1"])
"""


@case
def a_static_program_goes_on_with_the_stream_of_one_with_fdio():
    require_static()
    run(jacinth(), "exec", "--", sys.executable, "-c", HANDS_ON, STATIC)


@case
def a_static_program_speaks_to_one_with_fdio_in_the_same_run():
    require_program("nc")
    require_static()
    busybox = static_busybox()
    script = f"echo from nc | nc -l -N 127.0.0.1 {PORT} & " \
             f"until {busybox} nc 127.0.0.1 {PORT} </dev/null 2>/dev/null; do kill -0 $! || exit 1; done; wait"
    done = run(jacinth(), "exec", "--", "sh", "-c", script)
    expect_equal(done.stdout, "from nc\n", "what busybox read")


# What a program expects of streams, made without fdio

TCP_POSIX = os.path.join(ROOT, "tests/system/programs/tcp_posix.py")
# The bytes of a stream travel past us: nobody can say that there is no connection, or that it was reset.
OTHERWISE = ("states_before_a_connection", "a_listener_shows_who_waits", "closing_with_bytes_unread_resets",
             "lingering_for_no_time_resets", "what_is_written_to_one_who_has_closed_is_a_broken_pipe",
             "a_connection_that_is_reset_in_the_queue_is_accepted", "a_write_to_a_reset_connection_fails_and_signals")


@case
def python_without_fdio_finds_what_it_expects_of_streams():
    require_interception()
    with open(TCP_POSIX, encoding="utf-8") as source:
        checks = re.findall(r"^@check\ndef (\w+)", source.read(), re.MULTILINE)
    expect(set(OTHERWISE) < set(checks), "the checks have other names now")
    for address in ("127.0.0.1", "::1"):
        run(jacinth(), "exec", "--", "env", "-u", "LD_PRELOAD", sys.executable, TCP_POSIX, address,
            *(check for check in checks if check not in OTHERWISE), timeout=3 * PATIENCE)


# Well-known ones


def static_busybox():
    require_interception()
    require_program("busybox")
    path = shutil.which("busybox")
    with open(path, "rb") as file:
        if b"/ld-linux" in file.read():
            raise Skip("needs a static busybox (busybox-static)")
    return path


@case
def busybox_asks_for_a_name_and_fetches_by_it():
    busybox = static_busybox()
    require_program("dnsmasq")
    with resources() as owned:
        network = TapNetwork(owned)
        names = network.spawn(owned, "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
                              "--user=root", f"--address=/jacinth.test/{network.KERNEL}", "--bind-interfaces",
                              f"--listen-address={network.KERNEL}", "--pid-file=")
        names.wait_for_line("started")
        server = network.spawn(owned, sys.executable, HTTP, network.KERNEL, str(PORT))
        server.wait_for_line("ready")
        done = execute(network, owned, busybox, "sh", "-c",
                       f"{busybox} nslookup jacinth.test; "
                       f"{busybox} wget -q -O - http://jacinth.test:{PORT}/2000000 | wc -c",
                       name_server=network.KERNEL)
        expect(f"Address: {network.KERNEL}" in done.stdout, f"nslookup said:\n{done.stdout}")
        expect_equal(done.stdout.split()[-1], "2000000", "bytes that wget got")


@case
def a_kernels_client_reads_from_busybox():
    busybox = static_busybox()
    require_program("nc")
    with resources() as owned:
        network = TapNetwork(owned)
        server = start(network, owned, busybox, "sh", "-c",
                       f"echo ready; head -c 3000000 /dev/zero | {busybox} nc -l -p {PORT}")
        server.wait_for_line("ready")

        def reads():
            done = network.run("sh", "-c", f"nc -d {network.NETSTACK} {PORT} | wc -c")
            return done.stdout.strip() == "3000000"
        wait_until(reads, "busybox to send everything")
        finish(server, "the server")


def go_program(owned, **environment):
    require_interception()
    require_program("go")
    folder = Package(owned).path
    path = os.path.join(folder, "go_sockets")
    run("go", "build", "-o", path, GO, timeout=4 * PATIENCE, cwd=folder,
        env=dict(os.environ, GO111MODULE="off", GOFLAGS="", GOCACHE=os.path.join(folder, "cache"), **environment))
    return path


@case
def a_go_program_serves_and_asks():
    with resources() as owned:
        program = go_program(owned, CGO_ENABLED="0")
        network = TapNetwork(owned)
        server = network.spawn(owned, sys.executable, HTTP, network.KERNEL, str(PORT))
        server.wait_for_line("ready")
        done = execute(network, owned, "sh", "-c", f'exec {program} "$0"', f"http://{network.KERNEL}:{PORT}/5000000", timeout=2 * PATIENCE)
        expect_equal(done.stdout, "5000000\n", "bytes it fetched")


main()
