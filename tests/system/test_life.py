"""The life of a datagram to a kernel and back: every trace point of the three processes, in the order of the design."""

import os
import re
import sys
import tempfile

from systest import (ROOT, Package, TapNetwork, case, expect, expect_equal, jacinth, main, python_command,
                     python_program, require_program, resources, run, stack)

APPLICATION, NETSTACK, DRIVER = "main", "netstack", "ethernet"
SOCKET = "SynchronousDatagramSocket"
PORT = 7777

SENDING = [
    (APPLICATION, "fdio.sendto"),
    (APPLICATION, "zxio.sendmsg"),
    (APPLICATION, f"proxy.{SOCKET}.SendMsg"),
    (NETSTACK, f"stub.{SOCKET}.SendMsg"),
    (NETSTACK, "netstack.SendMsg"),
    (NETSTACK, "udp.send"),
    (NETSTACK, "ip.output"),
    (NETSTACK, "link.tx"),
    (DRIVER, "driver.tx"),
    (DRIVER, "wire.tx"),
    (NETSTACK, "udp.send.done"),
    (NETSTACK, "netstack.SendMsg.done"),
    (NETSTACK, f"stub.{SOCKET}.SendMsg.reply"),
    (APPLICATION, f"proxy.{SOCKET}.SendMsg.done"),
    (APPLICATION, "zxio.sendmsg.done"),
    (APPLICATION, "fdio.sendto.done"),
]
RECEIVING_REQUEST = [
    (APPLICATION, "zxio.recvmsg"),
    (APPLICATION, f"proxy.{SOCKET}.RecvMsg"),
    (NETSTACK, f"stub.{SOCKET}.RecvMsg"),
    (NETSTACK, "netstack.RecvMsg"),
    (NETSTACK, "udp.recv"),
]
RECEIVING_REPLY = [
    (NETSTACK, f"stub.{SOCKET}.RecvMsg.reply"),
    (APPLICATION, f"proxy.{SOCKET}.RecvMsg.done"),
    (APPLICATION, "zxio.recvmsg.done"),
]
RECEIVING = [
    (APPLICATION, "fdio.recvfrom"), *RECEIVING_REQUEST, (NETSTACK, "udp.recv.would_block"), *RECEIVING_REPLY,
    (APPLICATION, "fdio.wait"),
    (DRIVER, "driver.rx"),
    (NETSTACK, "link.rx"),
    (NETSTACK, "ip.input"),
    (NETSTACK, "udp.input"),
    (NETSTACK, "netstack.incoming"),
    (APPLICATION, "fdio.wait.done"), *RECEIVING_REQUEST, (NETSTACK, "udp.recv.done"), *RECEIVING_REPLY,
    (APPLICATION, "fdio.recvfrom.done"),
]
# What happens beside the call, and where its way crosses the call's.
BESIDE = ("driver.tx", "wire.tx", "driver.rx", "link.rx", "ip.input", "udp.input", "netstack.incoming")
CROSSINGS = [
    ("link.tx", "driver.tx"),
    ("udp.recv.would_block", "udp.input"),
    ("netstack.incoming", "fdio.wait.done"),
]

STEP = re.compile(r"^\s*([\d-]+)\s+(-?[\d.]+) us\s+(\S+)\s+(\d+)\s+(\S+)", re.MULTILINE)


def recorded_steps(output, title):
    """Returns [(number, microseconds, process, pid, point)] of one of the two lives."""
    expect(title in output, f"no {title!r} in:\n{output}")
    text = output.split(title, 1)[1].split("Life of", 1)[0]
    return [(number, float(time), process, int(pid), point) for number, time, process, pid, point in
            STEP.findall(text)]


def check_life(steps, wanted, last):
    expect_equal([(process, point) for _, _, process, _, point in steps], wanted, "the steps")
    # The numbers of the design's list, none left out.
    numbers = set()
    for number, *_ in steps:
        ends = [int(end) for end in number.split("-")]
        numbers.update(range(ends[0], ends[-1] + 1))
    expect_equal(numbers, set(range(1, last + 1)), "the numbers")
    # Each in its process.
    pids = {process: {pid for _, _, found, pid, _ in steps if found == process} for process in {p for p, _ in wanted}}
    expect(all(len(found) == 1 for found in pids.values()), f"more processes than three: {pids}")
    expect_equal(len(set.union(*pids.values())), len(pids), "distinct processes")
    # And each in time, in two lanes: the frame's own way goes on beside the call.
    for lane in (True, False):
        times = [time for _, time, _, _, point in steps if (point in BESIDE) == lane]
        expect_equal(times, sorted(times), "the times of a lane")
    first, last_time = {}, {}
    for _, time, _, _, point in steps:
        first.setdefault(point, time)
        last_time[point] = time
    for before, after in CROSSINGS:
        if before in first:
            expect(first[before] <= last_time[after], f"{after} came before {before}: {steps}")


@case
def steps_of_sending_and_receiving_come_in_order_across_the_processes():
    with resources() as owned:
        network = TapNetwork(owned)
        server = network.spawn(owned, *python_command("udp_echo_server.py", network.KERNEL, PORT))
        server.wait_for_line("ready")
        manifest = stack(Package(owned), "life", python_program("udp_ask.py", network.KERNEL, PORT, 50),
                         netstack="netstack_synchronous")
        done = network.run(jacinth(), "run", "--life", manifest)
        check_life(recorded_steps(done.stdout, "Life of a datagram sent"), SENDING, 16)
        check_life(recorded_steps(done.stdout, "Life of a datagram received"), RECEIVING, 26)


# The same as a file for Perfetto

PROTO = os.path.join(ROOT, "components/component_manager/cli/perfetto.proto")
DEMO = os.path.join(ROOT, "manifests/udp-echo.cml")
BEGIN, END, INSTANT = "TYPE_SLICE_BEGIN", "TYPE_SLICE_END", "TYPE_INSTANT"


def parse_trace(path):
    """The packets of a trace as nested dictionaries, each field a list, by the same description of the format that it was
    written with."""
    require_program("protoc")
    text = run("sh", "-c", 'exec protoc --decode=perfetto.Trace -I"$0" "$1" <"$2"', os.path.dirname(PROTO), PROTO, path).stdout
    inside = [{}]
    for line in text.splitlines():
        name, _, value = line.strip().partition(" ")
        if name == "}":
            inside.pop()
        elif value == "{":
            inside[-1].setdefault(name, []).append({})
            inside.append(inside[-1][name][-1])
        else:
            inside[-1].setdefault(name.rstrip(":"), []).append(int(value) if value.isdigit() else value.strip('"'))
    return inside[0]["packet"]


def events_of(packets):
    """Returns [(process, name, type, flow)] in the order of time. Ends have the name of what they end: slices must nest."""
    processes, threads, open_slices, events = {}, {}, {}, []
    for descriptor in (packet["track_descriptor"][0] for packet in packets if "track_descriptor" in packet):
        (uuid,) = descriptor["uuid"]
        if "process" in descriptor:
            (process,) = descriptor["process"]
            expect(process["pid"][0] > 0, "a process without a number")
            (processes[uuid],) = process["process_name"]
        else:
            threads[uuid] = processes[descriptor["parent_uuid"][0]]
    expect_equal(set(processes.values()), {"client", "netstack", "ethernet"}, "the processes")
    moments = [packet for packet in packets if "track_event" in packet]
    times = [packet["timestamp"][0] for packet in moments]
    expect_equal(times, sorted(times), "the times")
    for event in (packet["track_event"][0] for packet in moments):
        (track,), (kind,) = event["track_uuid"], event["type"]
        slices = open_slices.setdefault(track, [])
        if kind == BEGIN:
            slices.append(event["name"][0])
        name = slices.pop() if kind == END else event["name"][0]
        events.append((threads[track], name, kind, event.get("flow_ids", [])))
    expect(not any(open_slices.values()), f"slices without an end: {open_slices}")
    return events


def check_flows(events):
    """Every arrow leads from one of these to the other, and there is one of each kind."""
    ways, arrows = {}, set()
    for process, name, kind, flows in events:
        for flow in flows:
            ways.setdefault(flow, []).append((process, name, kind))
    for way in ways.values():
        expect_equal(len(way), 2, f"events of a flow: {way}")
        arrows.add(tuple(way))
    proxy, stub = f"proxy.{SOCKET}.SendMsg", f"stub.{SOCKET}.SendMsg"
    for wanted in ((("client", proxy, BEGIN), ("netstack", stub, BEGIN)),
                   (("netstack", stub, END), ("client", proxy, END)),
                   (("netstack", "link.tx", INSTANT), ("ethernet", "driver.tx", INSTANT)),
                   (("ethernet", "driver.rx", INSTANT), ("netstack", "link.rx", INSTANT))):
        expect(wanted in arrows, f"no arrow {wanted} among {sorted(arrows)}")


@case
def a_trace_shows_slices_and_what_led_to_what():
    with tempfile.TemporaryDirectory(prefix="jacinth-test-") as folder:
        path = os.path.join(folder, "trace")
        said = run(jacinth(), "run", "--quiet", "--trace", path, DEMO).stderr
        expect(re.search(r"\d+ events in " + re.escape(path), said), said)
        events = events_of(parse_trace(path))
        for name in ("fdio.sendto", "zxio.sendmsg", "udp.send", "netstack.SendMsg"):
            kinds = [kind for _, found, kind, _ in events if found == name]
            expect(kinds and kinds.count(BEGIN) == kinds.count(END), f"{name} is no slice: {kinds}")
        check_flows(events)


@case
def a_trace_tells_how_much_it_lacks():
    program = "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\nfor i in range(20000): s.getsockname()"
    with tempfile.TemporaryDirectory(prefix="jacinth-test-") as folder:
        path = os.path.join(folder, "trace")
        said = run(jacinth(), "exec", "--trace", path, "--", sys.executable, "-c", program).stderr
        expect(re.search(r"\d+ events in .*; [1-9]\d+ older ones found no room", said), said)


@case
def a_trace_that_cannot_be_written_is_told_before_anything_starts():
    done = run(jacinth(), "run", "--trace=/nowhere/trace", DEMO, check=False)
    expect_equal((done.returncode, done.stdout), (1, ""), "status and output")
    expect("cannot write a trace to /nowhere/trace: No such file" in done.stderr, done.stderr)
    done = run(jacinth(), "run", "--quiet", "--trace=/dev/full", DEMO, check=False)
    expect_equal(done.returncode, 1, "status of a trace on a full disk")
    expect("cannot write the trace to /dev/full: No space left" in done.stderr, done.stderr)


main()
