"""Unmodified programs over the unprivileged wire, whose gateway makes its connections in a network namespace of each case's
own: the hosts beyond it are addresses of that namespace's loopback device."""

import json
import os
import shlex
import subprocess
import sys
import tempfile

from systest import (ROOT, SANITIZED, Namespace, Package, Skip, case, expect, expect_equal, jacinth, kill, main, process_named,
                     require_program, resources, stack, wait_until)

PORT = 7910
HTTP = os.path.join(ROOT, "tests/system/programs/http_bytes.py")
CROWD = os.path.join(ROOT, "tests/system/programs/tcp_crowd.py")
HOST, HOST6, OTHER = "192.0.2.1", "2001:db8::1", "192.0.2.2"
GATEWAY, GATEWAY6, SERVER = "10.0.2.2", "fec0::2", "10.0.2.3"


class World(Namespace):
    """A namespace with hosts outside, ours to answer for, and some that nobody can reach."""

    def __init__(self, owned):
        require_program("ip")
        super().__init__(owned)
        self.run("ip", "address", "add", f"{HOST}/32", "dev", "lo")
        self.run("ip", "address", "add", f"{OTHER}/32", "dev", "lo")
        self.run("ip", "address", "add", f"{HOST6}/128", "dev", "lo", "nodad")
        for kind, host, host6 in (("unreachable", "198.51.100.1", "2001:db8:1::1"), ("prohibit", "198.51.100.2", "2001:db8:1::2")):
            self.run("ip", "route", "add", kind, host)
            self.run("ip", "-6", "route", "add", kind, host6)

    def serve(self, owned, script, *arguments):
        server = self.spawn(owned, sys.executable, script, *map(str, arguments))
        server.wait_for_line("ready")
        return server

    def serve_inline(self, owned, script, *arguments):
        server = self.spawn(owned, sys.executable, "-c", script, *map(str, arguments))
        server.wait_for_line("ready")
        return server

    def execute(self, *command, **options):
        return self.run(jacinth(), "exec", "--", *command, **options)

    def start(self, owned, *command, **options):
        return self.spawn(owned, jacinth(), "exec", "--", *command, **options)


@case
def curl_fetches_and_sends_over_both_families_outside_and_from_the_gateways_host():
    require_program("curl")
    with resources() as owned:
        world = World(owned)
        for address in (HOST, HOST6, "127.0.0.1", "::1"):
            world.serve(owned, HTTP, address, PORT)
        hosts = (HOST, f"[{HOST6}]", GATEWAY, f"[{GATEWAY6}]")
        script = "head -c 1000000 /dev/zero >/tmp/sent; sha256sum </tmp/sent; for host; do " \
                 f"curl -sS -g http://$host:{PORT}/1000000 | sha256sum; curl -sS -g -T /tmp/sent http://$host:{PORT}/x; echo; done"
        sent, *rest = world.execute("sh", "-c", script, "sh", *hosts).stdout.replace("-", "").split()
        expect_equal(rest[1::2], [sent] * len(hosts), "what the servers got")
        direct = world.run("sh", "-c", f"curl -sS http://{HOST}:{PORT}/1000000 | sha256sum").stdout.split()[0]
        expect_equal(rest[0::2], [direct] * len(hosts), "what curl got")


@case
def iperf3_measures_both_directions_of_streams_and_datagrams():
    require_program("iperf3")
    with resources() as owned:
        world = World(owned)
        server = world.spawn(owned, "iperf3", "-s", "-B", HOST, "-p", str(PORT), "--forceflush")
        server.wait_for_line("Server listening")
        iperf = f"iperf3 -J -c {HOST} -p {PORT}"
        script = "; echo ,; ".join(f"{iperf} {options}" for options in
                                   ("-n 100M", "-n 100M -R", "-n 20M -P 4", "-u -b 20M -l 1200 -n 2M", "-u -b 20M -l 1200 -n 2M -R"))
        said = world.execute("sh", "-c", script).stdout
        for result in json.loads(f"[{said}]"):
            expect("error" not in result, f"iperf3 says: {result.get('error')}")


@case
def streams_that_take_all_they_can_get_leave_room_for_a_word():
    """iperf3's client tells its server by another connection when it is to stop."""
    require_program("iperf3")
    with resources() as owned:
        world = World(owned)
        server = world.spawn(owned, jacinth(), "exec", "-p", f"{PORT}:{PORT}", "--", "iperf3", "-s", "-p", str(PORT), "--forceflush")
        server.wait_for_line("Server listening")
        for direction in ((), ("-R",)):
            result = json.loads(world.run("iperf3", "-J", "-c", "127.0.0.1", "-p", str(PORT), "-P", "4", "-t", "1", *direction).stdout)
            expect("error" not in result, f"iperf3 says: {result.get('error')}")
            server.wait_for_line("Server listening")


def name_server(world, owned, address, answer):
    """A name server that says that everything is `answer`."""
    require_program("dnsmasq")
    server = world.spawn(owned, "dnsmasq", "--no-daemon", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--user=root",
                         "--pid-file=", "--bind-interfaces", f"--listen-address={address}", "--except-interface=none",
                         f"--address=/#/{answer}")
    server.wait_for_line("started")


@case
def names_are_asked_of_the_hosts_name_server_whichever_it_is_now():
    require_program("dig")
    if SANITIZED:
        raise Skip("dig's allocator makes system calls through libfdio.so before the address sanitizer in that is ready")
    with resources() as owned:
        world = World(owned)
        name_server(world, owned, HOST, "203.0.113.1")
        name_server(world, owned, OTHER, "203.0.113.2")
        folder = owned.enter_context(tempfile.TemporaryDirectory(prefix="jacinth-test-"))
        os.chmod(folder, 0o755)
        file = os.path.join(folder, "resolv.conf")
        with open(file, "w", encoding="ascii") as resolver:
            resolver.write(f"# of nobody\n\nnameserver nonsense\nnameserver {HOST}\nnameserver {OTHER}\n")
        os.chmod(file, 0o666)
        if not os.path.exists("/etc/resolv.conf"):
            raise Skip("the host has no /etc/resolv.conf to mount one over")
        # One port asks throughout, as a resolver with one socket does.
        dig = f"dig @{SERVER} +short +tries=5 +time=5 name.test"
        script = f"{dig} -b 0.0.0.0#5300; {dig} +tcp; {dig} AAAA; echo nameserver {OTHER} >resolv.conf; {dig} -b 0.0.0.0#5300"
        done = world.run("sh", "-c", f"cd {folder} && mount --bind resolv.conf /etc/resolv.conf && exec \"$@\"", "sh",
                         jacinth(), "exec", "--", "sh", "-c", script)
        expect_equal(done.stdout.split(), ["203.0.113.1", "203.0.113.1", "203.0.113.2"], "answers")


@case
def pings_go_as_far_as_the_host_lets_programs_ping():
    require_program("ping")
    with resources() as owned:
        world = World(owned)
        world.run("sysctl", "-q", "-w", "net.ipv4.ping_group_range=0 2147483647")
        script = f"for host in {GATEWAY} {HOST} {GATEWAY6} {HOST6}; do ping -n -c 2 -i 0.01 -W 20 $host; done"
        said = world.execute("sh", "-c", script).stdout
        expect_equal(said.count("2 received, 0% packet loss"), 4, f"complete pings in\n{said}\n")
        said = world.execute("ping", "-n", "-c", "1", "-W", "20", "198.51.100.1", check=False).stdout
        expect("Destination Host Unreachable" in said, said)
        world.run("sysctl", "-q", "-w", "net.ipv4.ping_group_range=1 0")
        for host in (HOST, HOST6):
            done = world.execute("ping", "-n", "-c", "1", "-W", "20", host, check=False)
            expect(done.returncode == 1 and "100% packet loss" in done.stdout, done.stdout)
            expect("Packet filtered" in done.stdout or "Administratively prohibited" in done.stdout, done.stdout)


ERRORS = """
import contextlib, errno, json, socket, sys
IP_RECVERR, IPV6_RECVERR = 11, 25
def told(kind, host, port):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as s:
        try:
            if kind == socket.SOCK_STREAM:
                s.settimeout(40)
                s.connect((host, port))
                return "none"
            s.settimeout(1)
            if ":" in host:
                s.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
            else:
                s.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)  # else only some errors are pending (udp(7))
            s.connect((host, port))
            for _ in range(40):  # there is a limit to how often ICMP tells
                s.send(b"question")
                with contextlib.suppress(TimeoutError):
                    s.recv(10)
                    return "none"
            return "silence"
        except TimeoutError as error:
            return errno.errorcode.get(error.errno, "silence")
        except OSError as error:
            return errno.errorcode[error.errno]
print(json.dumps([[told(kind, host, int(sys.argv[1])) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)] for host in sys.argv[2:]]))
"""


@case
def what_the_host_says_against_it_reaches_the_program_as_from_a_router():
    with resources() as owned:
        world = World(owned)
        # A router says for EACCES that it is prohibited, which is EHOSTUNREACH to those who hear of it over IPv4.
        wanted = {HOST: "ECONNREFUSED", HOST6: "ECONNREFUSED", GATEWAY: "ECONNREFUSED", GATEWAY6: "ECONNREFUSED", SERVER: "ECONNREFUSED",
                  "198.51.100.1": "EHOSTUNREACH", "2001:db8:1::1": "EHOSTUNREACH",
                  "198.51.100.2": "EHOSTUNREACH", "2001:db8:1::2": "EACCES",
                  "203.0.113.1": "ENETUNREACH", "2001:db8:2::1": "ENETUNREACH"}
        said = json.loads(world.execute(sys.executable, "-c", ERRORS, str(PORT), *wanted).stdout)
        expect_equal(dict(zip(wanted, said)), {host: [error, error] for host, error in wanted.items()}, "errors of TCP and UDP")


# Answers with the length of what it was sent, once that has ended; resets the connections of the second port instead.
ENDS = """
import socket, struct, sys
host, port = sys.argv[1], int(sys.argv[2])
answering = socket.create_server((host, port))
resetting = socket.create_server((host, port + 1))
print("ready", flush=True)
for _ in range(2):
    with answering.accept()[0] as s:
        count = 0
        while piece := s.recv(65536):
            count += len(piece)
        s.sendall(b"%d\\n" % count)
with resetting.accept()[0] as s:
    s.recv(1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
"""

RESET = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as s:
    s.sendall(b"x")
    try:
        print(s.recv(1))
    except OSError as error:
        print(type(error).__name__)
"""


@case
def streams_end_one_way_at_a_time_or_by_reset():
    require_program("nc")
    require_program("socat")
    with resources() as owned:
        world = World(owned)
        world.serve_inline(owned, ENDS, HOST, PORT)
        script = f"head -c 3000000 /dev/zero | nc -N {HOST} {PORT}; head -c 3000000 /dev/zero | socat -t 60 - TCP:{HOST}:{PORT}; " \
                 f"exec {shlex.quote(sys.executable)} -c {shlex.quote(RESET)} {HOST} {PORT + 1}"
        said = world.execute("sh", "-c", script).stdout
        expect_equal(said.split(), ["3000000", "3000000", "ConnectionResetError"], "what the clients got")


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


@case
def a_thousand_connections_at_once_and_their_descriptors_come_back():
    with resources() as owned:
        world = World(owned)
        server = world.spawn(owned, sys.executable, CROWD, "server", HOST, str(PORT), "1000")
        server.wait_for_line("ready")
        with open(CROWD, encoding="utf-8") as file:
            program = file.read()  # whose folder need not be visible
        script = f"{shlex.quote(sys.executable)} -c \"$0\" client {HOST} {PORT} 1000; echo done; read line"
        client = world.start(owned, "sh", "-c", script, program, stdin=subprocess.PIPE)
        client.wait_for_line("done")
        driver = process_named(world, "ethernet_slirp")
        server.finish()
        expect_equal(server.returncode, 0, "status of the server")
        wait_until(lambda: descriptors(driver) < 100, "the driver's descriptors back")


# Keeps a connection open, and makes another for each line.
AGAIN = """
import socket, sys
address = (sys.argv[1], int(sys.argv[2]))
def ask(s):
    s.sendall(b"x")
    return s.recv(1)
kept = socket.create_connection(address)
print("open", ask(kept), flush=True)
for line in sys.stdin:
    try:
        print("kept", ask(kept), flush=True)
    except OSError as error:
        print("lost", type(error).__name__, flush=True)
    with socket.create_connection(address) as s:
        print("again", ask(s), flush=True)
"""

ECHO = """
import socket, sys, threading
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
print("ready", flush=True)
def echo(s, number):
    try:
        while piece := s.recv(100):
            s.sendall(piece)
        print("end of", number, flush=True)
    except OSError as error:
        print("reset of", number, flush=True)
number = 0
while True:
    s = listener.accept()[0]
    threading.Thread(target=echo, args=(s, number), daemon=True).start()
    number += 1
"""


@case
def a_netstack_that_is_killed_leaves_the_driver_in_order():
    with resources() as owned:
        world = World(owned)
        world.serve_inline(owned, ECHO, HOST, PORT)
        client = world.start(owned, sys.executable, "-c", AGAIN, HOST, str(PORT), stdin=subprocess.PIPE)
        client.wait_for_line("open b'x'")
        driver = process_named(world, "ethernet_slirp")
        for _ in range(3):
            kill(process_named(world, "netstack"))
            client.say("go")
            client.wait_for_line("lost")
            client.wait_for_line("again b'x'")
        expect_equal(process_named(world, "ethernet_slirp"), driver, "the driver's process")
        expect(descriptors(driver) < 100, "the driver has many descriptors")


LAST_WORDS = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as s:
    s.sendall(bytes(3_000_000))
print("sent", flush=True)
"""

READS_LATER = """
import socket, sys
with socket.socket() as listener:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listener.bind((sys.argv[1], int(sys.argv[2])))
    listener.listen()
    print("ready", flush=True)
    stream, _ = listener.accept()
    sys.stdin.readline()
    total = 0
    while data := stream.recv(8192):
        total += len(data)
    print("got", total, flush=True)
"""


@case
def what_a_program_wrote_before_it_ended_arrives():
    with resources() as owned:
        world = World(owned)
        server = world.spawn(owned, sys.executable, "-c", READS_LATER, HOST, str(PORT), stdin=subprocess.PIPE)
        server.wait_for_line("ready")
        program = world.start(owned, sys.executable, "-c", LAST_WORDS, HOST, str(PORT))
        program.wait_for_line("sent")
        wait_until(lambda: not process_named(world, "netstack"), "the end of the netstack")
        server.say("now")
        server.wait_for_line("got 3000000")
        program.finish()


SERVE = """
import http.server, socket, sys, threading
class Tells(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.client_address[0].encode())
    def log_message(self, *arguments):
        pass
def echo(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("0.0.0.0", port))
        s.sendto(b"I am here", (sys.argv[1], int(sys.argv[2])))
        while True:
            data, sender = s.recvfrom(2000)
            s.sendto(sender[0].encode() + b" " + data, sender)
for port in (53, 54):
    threading.Thread(target=echo, args=[port], daemon=True).start()
server = http.server.ThreadingHTTPServer(("0.0.0.0", 80), Tells)
print("ready", flush=True)
server.serve_forever()
"""

ASK = """
import socket, sys
for place in sys.argv[1:]:
    address, port = place.split(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(20)
        s.bind((address, 0))
        s.sendto(b"hello", (address, int(port)))
        data, sender = s.recvfrom(2000)
        print(data.decode(), sender == (address, int(port)))
"""


@case
def published_ports_lead_to_a_program_that_sees_who_calls():
    require_program("curl")
    with resources() as owned:
        world = World(owned)
        listener = world.serve_inline(owned, "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
                                      f"s.bind(('{HOST}', {PORT})); print('ready', flush=True);"
                                      "print(s.recv(100).decode(), flush=True)")
        server = world.spawn(owned, jacinth(), "exec", "-p", f"0.0.0.0:{PORT}:80", "-p", f"[::1]:{PORT}:80",
                             "--publish", f"{PORT + 1}:53/udp", "--publish", f"0.0.0.0:{PORT + 2}:54/udp", "--",
                             sys.executable, "-c", SERVE, HOST, str(PORT))
        server.wait_for_line("ready")
        curl = f"curl -sS -g --retry 5 --retry-connrefused http://{{}}:{PORT}/"
        seen = {"127.0.0.1": GATEWAY, "[::1]": GATEWAY, HOST: HOST}
        for address, caller in seen.items():
            interface = [] if address.startswith("[") else ["--interface", address]
            expect_equal(world.run(*curl.format(address).split(), *interface).stdout, caller, f"who called at {address}")
        places = (f"127.0.0.1:{PORT + 1}", f"127.0.0.1:{PORT + 2}", f"{OTHER}:{PORT + 2}")
        said = world.run(sys.executable, "-c", ASK, *places).stdout
        expect_equal(said.splitlines(), [f"{GATEWAY} hello True"] * 2 + [f"{OTHER} hello True"], "answers to datagrams")
        listener.wait_for_line("I am here")


@case
def what_cannot_be_published_is_said_before_anything_starts():
    with resources() as owned:
        world = World(owned)
        world.serve(owned, HTTP, "127.0.0.1", PORT)
        done = world.run(jacinth(), "exec", "-p", "53:53/udp", "-p", "54:53/udp", "--", "echo", "started", check=False)
        expect("twice" in done.stderr and done.returncode == 1 and not done.stdout, f"{done.stdout}{done.stderr}")
        for what, why in ((f"{PORT}:80", "Address already in use"), ("203.0.113.1:80:80", "Cannot assign requested address"),
                          ("80", "no port to publish")):
            done = world.run(jacinth(), "exec", "--publish", what, "--", "echo", "started", check=False)
            expect_equal(done.returncode, 1, f"status with --publish {what}")
            expect(why in done.stdout + done.stderr and "started" not in done.stdout, f"{what}: {done.stdout}{done.stderr}")


@case
def the_hosts_loopback_can_be_closed_to_programs():
    with resources() as owned:
        world = World(owned)
        world.serve_inline(owned, ECHO, "0.0.0.0", PORT)
        program = {"runner": "posix", "binary": sys.executable, "args": ["-c", ERRORS, str(PORT), GATEWAY]}
        manifest = stack(Package(owned), "closed", program, wire="slirp", driver=["--no-host-loopback"])
        said = world.run(jacinth(), "run", "--quiet", manifest).stdout
        expect_equal(json.loads(said), [["ECONNREFUSED", "ECONNREFUSED"]], "errors of TCP and UDP")


main()
