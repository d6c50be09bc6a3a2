"""The life of a datagram to a kernel and back: every trace point of the three processes, in the order of the design."""

import re

from systest import (Package, TapNetwork, case, expect, expect_equal, jacinth, main, python_command, python_program,
                     resources, stack)

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
        manifest = stack(Package(owned), "life", python_program("udp_ask.py", network.KERNEL, PORT, 50))
        done = network.run(jacinth(), "run", "--life", manifest)
        check_life(recorded_steps(done.stdout, "Life of a datagram sent"), SENDING, 16)
        check_life(recorded_steps(done.stdout, "Life of a datagram received"), RECEIVING, 26)


main()
