"""Unmodified programs with stream sockets over the whole stack, against a real kernel over a TAP device in a network
namespace of each case's own."""

import hashlib
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from systest import (PATIENCE, ROOT, Namespace, Package, TapNetwork, case, execute, expect, expect_equal, finish, jacinth,
                     kill, main, process_named, require_program, resources, run, start, wait_until)

PORT = 7900
MANY = 10_000_000
PROGRAMS = os.path.join(ROOT, "tests/system/programs")
HTTP = os.path.join(PROGRAMS, "http_bytes.py")
CROWD = os.path.join(PROGRAMS, "tcp_crowd.py")
POSIX = os.path.join(PROGRAMS, "tcp_posix.py")
PEER = os.path.join(PROGRAMS, "tcp_peer.py")


def content(size):
    return random.Random(size).randbytes(size)


def temporary_folder(owned):
    """One that programs under `jacinth exec` can write to, for /tmp is theirs, too."""
    folder = owned.enter_context(tempfile.TemporaryDirectory(prefix="jacinth-test-"))
    os.chmod(folder, 0o755)
    return folder


def digest(data):
    return hashlib.sha256(data).hexdigest()


def kernel_server(owned, network, script, *arguments):
    server = network.spawn(owned, sys.executable, script, *map(str, arguments))
    server.wait_for_line("ready")
    return server


def netstack_server(owned, network, script, *arguments):
    server = start(network, owned, sys.executable, script, *map(str, arguments))
    server.wait_for_line("ready")
    return server


# Web


@case
def curl_and_wget_fetch_from_the_kernel():
    require_program("curl")
    require_program("wget")
    with resources() as owned:
        network = TapNetwork(owned)
        for address, host in ((network.KERNEL, network.KERNEL), (network.KERNEL6, f"[{network.KERNEL6}]")):
            kernel_server(owned, network, HTTP, address, PORT)
            url = f"http://{host}:{PORT}/{MANY}"
            done = execute(network, owned, "sh", "-c", f"curl -sS -g '{url}' | sha256sum")
            expect_equal(done.stdout.split()[0], digest(content(MANY)), f"what curl got from {host}")
            done = execute(network, owned, "sh", "-c", f"wget -q -O - '{url}' | sha256sum")
            expect_equal(done.stdout.split()[0], digest(content(MANY)), f"what wget got from {host}")


@case
def curl_fetches_over_the_unprivileged_wire():
    require_program("curl")
    with resources() as owned:
        network = Namespace(owned)
        kernel_server(owned, network, HTTP, "127.0.0.1", PORT)
        done = network.run("sh", "-c", f"{jacinth()} exec -- curl -sS http://10.0.2.2:{PORT}/{MANY} | sha256sum")
        expect_equal(done.stdout.split()[0], digest(content(MANY)), "what curl got")


@case
def curl_sends_to_the_kernel():
    require_program("curl")
    with resources() as owned:
        network = TapNetwork(owned)
        folder = temporary_folder(owned)
        kernel_server(owned, network, HTTP, network.KERNEL, PORT)
        url = f"http://{network.KERNEL}:{PORT}"
        done = execute(network, owned, "sh", "-c",
                       f"cd {folder}; head -c {MANY} /dev/urandom >sent; sha256sum <sent; curl -sS -T sent {url}/x")
        there, back = done.stdout.replace("-", "").split()
        expect_equal(back, there, "what the server got")


@case
def curl_of_the_kernel_fetches_from_the_netstack_and_sends_to_it():
    require_program("curl")
    with resources() as owned:
        network = TapNetwork(owned)
        netstack_server(owned, network, HTTP, "0.0.0.0", PORT)
        url = f"http://{network.NETSTACK}:{PORT}"
        done = network.run("sh", "-c", f"curl -sS {url}/{MANY} | sha256sum", timeout=2 * PATIENCE)
        expect_equal(done.stdout.split()[0], digest(content(MANY)), "what curl got")
        path = os.path.join(Package(owned).path, "sent")
        with open(path, "wb") as file:
            file.write(content(MANY + 1))
        done = network.run("curl", "-sS", "-T", path, f"{url}/x", timeout=2 * PATIENCE)
        expect_equal(done.stdout, digest(content(MANY + 1)), "what the server got")


def certificate_of(owned):
    """A file with a certificate and its key."""
    require_program("openssl")
    folder = Package(owned).path
    key, certificate = os.path.join(folder, "key.pem"), os.path.join(folder, "both.pem")
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=jacinth.test",
        "-keyout", key, "-out", certificate)
    with open(certificate, "a", encoding="utf-8") as file, open(key, encoding="utf-8") as secret:
        file.write(secret.read())
    return certificate


@case
def https_works_both_ways():
    require_program("curl")
    with resources() as owned:
        network = TapNetwork(owned)
        certificate = certificate_of(owned)
        kernel_server(owned, network, HTTP, network.KERNEL, PORT, certificate)
        done = execute(network, owned, "sh", "-c", f"curl -sSk https://{network.KERNEL}:{PORT}/1000000 | sha256sum")
        expect_equal(done.stdout.split()[0], digest(content(1000000)), "what curl got")
        netstack_server(owned, network, HTTP, "0.0.0.0", PORT, certificate)
        done = network.run("sh", "-c", f"curl -sSk https://{network.NETSTACK}:{PORT}/1000000 | sha256sum")
        expect_equal(done.stdout.split()[0], digest(content(1000000)), "what curl of the kernel got")


# As many fetches as there are numbers, all at once.
FETCHES = range(10000, 10200)


def fetch_all(host):
    return ("curl", "-sS", "-Z", "--parallel-immediate", "--parallel-max", str(len(FETCHES)), "-o", "/dev/null", "-w",
            "%{response_code} %{size_download}\n", f"http://{host}:{PORT}/[{FETCHES.start}-{FETCHES.stop - 1}]")


@case
def two_hundred_fetches_at_once_both_ways():
    require_program("curl")
    with resources() as owned:
        network = TapNetwork(owned)
        wanted = [f"200 {size}" for size in FETCHES]
        kernel_server(owned, network, HTTP, network.KERNEL, PORT)
        done = execute(network, owned, *fetch_all(network.KERNEL), timeout=3 * PATIENCE)
        expect_equal(sorted(done.stdout.splitlines()), wanted, "what curl got")
        netstack_server(owned, network, HTTP, "0.0.0.0", PORT)
        done = network.run(*fetch_all(network.NETSTACK), timeout=3 * PATIENCE)
        expect_equal(sorted(done.stdout.splitlines()), wanted, "what curl of the kernel got")


@case
def asyncio_speaks_tls_on_many_connections_both_ways():
    with resources() as owned:
        network = TapNetwork(owned)
        crowd = (PORT, 100, certificate_of(owned))
        server = kernel_server(owned, network, CROWD, "server", network.KERNEL, *crowd)
        execute(network, owned, sys.executable, CROWD, "client", network.KERNEL, *map(str, crowd), timeout=3 * PATIENCE)
        finish(server, "the kernel's server")
        server = netstack_server(owned, network, CROWD, "server", "0.0.0.0", *crowd)
        network.run(sys.executable, CROWD, "client", network.NETSTACK, *map(str, crowd), timeout=3 * PATIENCE)
        finish(server, "the netstack's server")


@case
def nginx_serves_with_several_workers():
    require_program("nginx")
    require_program("curl")
    with resources() as owned:
        network = TapNetwork(owned)
        folder = temporary_folder(owned)
        config = f"""
            user root; worker_processes 3; daemon off; master_process on; pid {folder}/nginx.pid; error_log stderr warn;
            events {{ worker_connections 256; }}
            http {{
              access_log off; sendfile on;
              client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
              uwsgi_temp_path {folder}; scgi_temp_path {folder};
              server {{ listen {PORT}; listen [::]:{PORT}; root {folder}/www; }}
            }}"""
        script = (f"cd {folder} && mkdir www && head -c 3000000 /dev/urandom >www/big && "
                  f"sha256sum <www/big >www/sum && chmod -R a+rX www && "
                  f"printf '%s' '{config}' >nginx.conf && echo ready && exec nginx -c {folder}/nginx.conf")
        server = start(network, owned, "sh", "-c", script)
        server.wait_for_line("ready")
        url = f"http://{network.NETSTACK}:{PORT}"

        def answers():
            expect(server.poll() is None, "nginx ended")
            return network.run("curl", "-sS", f"{url}/sum", check=False).stdout
        wanted = wait_until(answers, "nginx to answer").split()[0]
        fetches = [network.spawn(owned, "sh", "-c", f"curl -sS -g {address}/big | sha256sum")
                   for address in [url, f"http://[{network.NETSTACK6}]:{PORT}"] * 8]
        for fetch in fetches:
            expect_equal(fetch.finish(2 * PATIENCE).split()[0], wanted, "what curl got")


@case
def the_demo_serves_a_page_from_one_program_to_another():
    done = run(jacinth(), "run", os.path.join(ROOT, "manifests/web.cml"))
    expect(re.search(r"^200 OK \d+ bytes$", done.stdout, re.MULTILINE), f"it said:\n{done.stdout}{done.stderr}")


# nc, socat, iperf3


@case
def nc_closes_halfway_in_either_direction():
    require_program("nc")
    with resources() as owned:
        network = TapNetwork(owned)
        listener = network.spawn(owned, "sh", "-c", f"echo answer | nc -l -N {network.KERNEL} {PORT}")
        wait_until(lambda: f":{PORT}" in network.run("ss", "-ltn").stdout, "nc to listen")
        done = execute(network, owned, "sh", "-c", f"echo question | nc -N {network.KERNEL} {PORT}")
        expect_equal(done.stdout, "answer\n", "what nc on the netstack got")
        expect_equal(listener.finish(), "question\n", "what nc of the kernel got")


@case
def socat_executes_a_program_for_each_connection():
    require_program("socat")
    with resources() as owned:
        network = TapNetwork(owned)
        server = start(network, owned, "socat", "-d", "-d", "-t", str(PATIENCE),
                       f"TCP4-LISTEN:{PORT},fork,reuseaddr", "EXEC:tr a-z A-Z")
        server.wait_for_line("listening")
        for text in ("one", "two", "three"):
            done = network.run("sh", "-c", f"echo {text} | socat -t {PATIENCE} - TCP4:{network.NETSTACK}:{PORT}")
            expect_equal(done.stdout, text.upper() + "\n", "what came back")


def expect_measured(done):
    """iperf3 ends when its sender has written all; what the receiver has read by then may be any part of it."""
    result = json.loads(done.stdout)
    expect("error" not in result, result.get("error"))
    sent, received = (result["end"][name]["bytes"] for name in ("sum_sent", "sum_received"))
    expect(4 << 20 <= sent and 0 < received <= sent, f"sent {sent} bytes of 4 MiB, received {received}")


@case
def iperf3_measures_in_all_roles():
    require_program("iperf3")
    with resources() as owned:
        network = TapNetwork(owned)
        server = network.spawn(owned, "iperf3", "-s", "-B", network.KERNEL, "--forceflush")
        for direction in ((), ("-R",)):
            server.wait_for_line("listening")  # said again before each test: who comes earlier is sent away
            done = execute(network, owned, "iperf3", "-J", "-c", network.KERNEL, "-n", "4M", *direction)
            expect_measured(done)
    with resources() as owned:
        network = TapNetwork(owned)
        server = start(network, owned, "iperf3", "-s", "--forceflush")
        for direction in (("-P", "4"), ("-R",)):
            server.wait_for_line("listening")
            done = network.run("iperf3", "-J", "-c", network.NETSTACK, "-n", "4M", *direction)
            expect_measured(done)


# POSIX, and numbers


@case
def posix_checks_hold_on_the_netstack_and_on_the_kernel():
    with resources() as owned:
        network = TapNetwork(owned)
        for address, kernels in ((network.NETSTACK, network.KERNEL), (network.NETSTACK6, network.KERNEL6)):
            network.run(sys.executable, POSIX, kernels, timeout=2 * PATIENCE)
            execute(network, owned, sys.executable, POSIX, address, timeout=3 * PATIENCE)


@case
def a_thousand_connections_to_the_netstack():
    with resources() as owned:
        network = TapNetwork(owned)
        server = netstack_server(owned, network, CROWD, "server", "0.0.0.0", PORT, 1000)
        network.run(sys.executable, CROWD, "client", network.NETSTACK, str(PORT), "1000", timeout=3 * PATIENCE)
        finish(server, "the server")


@case
def a_thousand_connections_from_the_netstack():
    with resources() as owned:
        network = TapNetwork(owned)
        server = kernel_server(owned, network, CROWD, "server", network.KERNEL, PORT, 1000)
        execute(network, owned, sys.executable, CROWD, "client", network.KERNEL, str(PORT), "1000",
                timeout=3 * PATIENCE)
        finish(server, "the server")


# Names


NAMES = """
import socket
print(sorted({item[4][0] for item in socket.getaddrinfo("jacinth.test", 80, type=socket.SOCK_STREAM)}))
print(socket.getaddrinfo("jacinth.test", "http", socket.AF_INET, socket.SOCK_STREAM))
print(socket.gethostbyname("jacinth.test"))
print(socket.getnameinfo(("192.0.2.7", 80), 0))
print(socket.gethostbyaddr("192.0.2.7")[0])
print(socket.gethostbyname("localhost"))
try:
    socket.getaddrinfo("nonesuch.test", 80)
except socket.gaierror as error:
    print(error.errno == socket.EAI_NONAME)
print(sorted(name for _, name in socket.if_nameindex()))
"""
ANSWERS = """['192.0.2.7', '2001:db8::7']
[(<AddressFamily.AF_INET: 2>, <SocketKind.SOCK_STREAM: 1>, 6, '', ('192.0.2.7', 80))]
192.0.2.7
('jacinth.test', 'http')
jacinth.test
127.0.0.1
True
['eth0', 'lo']
"""


def name_server(owned, network, *options):
    require_program("dnsmasq")
    server = network.spawn(owned, "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
                           "--user=root", "--bind-interfaces", f"--listen-address={network.KERNEL}", "--local=/test/",
                           *options)

    def listens():
        expect(server.poll() is None, "dnsmasq ended")
        return f"{network.KERNEL}:53" in network.run("ss", "-lun").stdout
    wait_until(listens, "dnsmasq to listen")


@case
def names_are_resolved_by_the_programs_name_server():
    with resources() as owned:
        network = TapNetwork(owned)
        name_server(owned, network, "--host-record=jacinth.test,192.0.2.7,2001:db8::7")
        done = execute(network, owned, sys.executable, "-c", NAMES, name_server=network.KERNEL)
        expect_equal(done.stdout, ANSWERS, "what the resolver said")


@case
def curl_finds_a_server_by_its_name():
    require_program("curl")
    with resources() as owned:
        network = TapNetwork(owned)
        name_server(owned, network, f"--host-record=www.test,{network.KERNEL},{network.KERNEL6}")
        kernel_server(owned, network, HTTP, network.KERNEL, PORT)
        done = execute(network, owned, "curl", "-sS", f"http://www.test:{PORT}/1000", "-o", "/dev/null", "-w",
                       "%{size_download}", name_server=network.KERNEL)
        expect_equal(done.stdout, "1000", "bytes")


# When things go wrong


@case
def connecting_in_vain_says_why():
    with resources() as owned:
        network = TapNetwork(owned)
        network.run("ip", "route", "add", "unreachable", "198.51.100.0/24")
        network.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        for address, wanted in ((network.KERNEL, "ECONNREFUSED"), ("198.51.100.1", "EHOSTUNREACH"),
                                ("10.0.2.99", "EHOSTUNREACH")):
            done = execute(network, owned, sys.executable, PEER, address, str(PORT), "connect")
            expect_equal(done.stdout.strip(), wanted, f"connecting to {address}")


@case
def a_peer_that_vanishes_times_out():
    with resources() as owned:
        network = TapNetwork(owned)
        kernel_server(owned, network, HTTP, network.KERNEL, PORT)
        client = start(network, owned, sys.executable, PEER, network.KERNEL, str(PORT), "impatient",
                       stdin=subprocess.PIPE)
        client.wait_for_line("connected")
        network.run("ip", "address", "del", f"{network.KERNEL}/24", "dev", network.device)
        client.say("go")
        client.wait_for_line("ETIMEDOUT")


def bytes_to_the_netstack(network):
    """What the kernel's end of the device has sent."""
    return int(network.run("cat", f"/sys/class/net/{network.device}/statistics/tx_bytes").stdout)


@case
def a_killed_driver_interrupts_no_connection():
    require_program("curl")
    with resources() as owned:
        network = TapNetwork(owned)
        kernel_server(owned, network, HTTP, network.KERNEL, PORT)
        url = f"http://{network.KERNEL}:{PORT}/30000000"
        client = start(network, owned, "sh", "-c", f"echo started; curl -sS --limit-rate 10M '{url}' | sha256sum")
        client.wait_for_line("started")
        for share in (1, 2):
            wait_until(lambda: bytes_to_the_netstack(network) >= share * 5_000_000, "the transfer to go on")
            # On a machine that was away for long all may have come meanwhile.
            driver = wait_until(lambda: process_named(network, "ethernet_tap") or client.poll() is not None, "a driver")
            if driver is not True:
                kill(driver)
        client.wait_for_line(digest(content(30000000)))


@case
def a_killed_netstack_resets_connections_and_comes_back():
    with resources() as owned:
        network = TapNetwork(owned)
        kernel_server(owned, network, HTTP, network.KERNEL, PORT)
        client = start(network, owned, sys.executable, PEER, network.KERNEL, str(PORT), "wait")
        client.wait_for_line("connected")
        kill(process_named(network, "netstack"))
        client.wait_for_line("ECONNRESET")
        client.wait_for_line("again ok")


# Makes sockets of both kinds for each line that it reads.
MAKER = """
import socket, sys
for line in sys.stdin:
    for kind in [socket.SOCK_STREAM, socket.SOCK_DGRAM] * 20:
        socket.socket(socket.AF_INET, kind).close()
    print("made", flush=True)
"""


@case
def sockets_are_made_while_the_netstack_is_killed_again_and_again():
    with resources() as owned:
        network = TapNetwork(owned)
        maker = start(network, owned, sys.executable, "-c", MAKER, stdin=subprocess.PIPE)
        for _ in range(20):
            maker.say("more")
            kill(wait_until(lambda: process_named(network, "netstack"), "a netstack"))
            maker.wait_for_line("made")
        finish(maker, "the program")


@case
def what_a_program_wrote_before_it_ended_arrives():
    # It ends, and its netstack with it, while nearly all of it is still on the way to a slow reader with a small window.
    size = 200_000
    with resources() as owned:
        network = TapNetwork(owned)
        with network.entered():
            listener = owned.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind((network.KERNEL, PORT))
        listener.listen()
        listener.settimeout(PATIENCE)
        client = start(network, owned, sys.executable, "-c",
                       "import socket, sys; program = socket.create_connection((sys.argv[1], int(sys.argv[2])));"
                       "program.sendall(bytes(int(sys.argv[3]))); print('written', flush=True)",
                       network.KERNEL, str(PORT), str(size))
        with listener.accept()[0] as connection:
            connection.settimeout(PATIENCE)
            client.wait_for_line("written")
            arrived = 0
            while received := connection.recv(4096):
                arrived += len(received)
                time.sleep(0.01)
        expect_equal(arrived, size, "bytes that arrived")
        finish(client, "the program")


@case
def a_killed_program_ends_its_connections():
    with resources() as owned:
        network = TapNetwork(owned)
        kernel_server(owned, network, HTTP, network.KERNEL, PORT)
        client = start(network, owned, sys.executable, PEER, network.KERNEL, str(PORT), "wait")
        client.wait_for_line("connected")

        def established():
            return re.findall(rf"ESTAB.*:{PORT}", network.run("ss", "-tn").stdout)
        expect(established(), "the kernel knows of no connection")
        client.stop()
        wait_until(lambda: not established(), "the kernel's end to be closed")


if shutil.which("ip"):
    main()
else:
    print("1..0 # SKIP needs the program ip")
