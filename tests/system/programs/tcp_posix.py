"""What POSIX programs may expect of stream sockets, as a list of small checks that end with an exception or pass.

    tcp_posix.py ADDRESS [CHECK...]

ADDRESS is this host's own (127.0.0.1, ::1 or an interface's): both ends of every connection are made here. The program
knows nothing of Jacinth; on the kernel's own stack all checks pass, too, which the test that runs it makes sure of.
"""

import array
import contextlib
import ctypes
import errno
import faulthandler
import fcntl
import os
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
import traceback

ADDRESS = sys.argv[1]
FAMILY = socket.AF_INET6 if ":" in ADDRESS else socket.AF_INET
PATIENCE = 60
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def equal(actual, wanted, what=""):
    assert actual == wanted, f"{what}: expected {wanted!r}, got {actual!r}"


def fails(wanted, function, *arguments):
    try:
        result = function(*arguments)
    except OSError as error:
        equal(errno.errorcode.get(error.errno), errno.errorcode[wanted], f"error of {function}")
    else:
        raise AssertionError(f"{function} gave {result!r} instead of {errno.errorcode[wanted]}")


def stream():
    return socket.socket(FAMILY, socket.SOCK_STREAM)


def listener(backlog=16, **options):
    made = stream()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((ADDRESS, options.get("port", 0)))
    made.listen(backlog)
    return made


def pair():
    with listener() as server:
        client = stream()
        client.connect(server.getsockname())
        accepted, _ = server.accept()
    return client, accepted


NAMES = {"IN": select.POLLIN, "PRI": select.POLLPRI, "OUT": select.POLLOUT, "ERR": select.POLLERR,
         "HUP": select.POLLHUP, "RDHUP": select.POLLRDHUP}


def shown(sock, timeout=0):
    """What poll shows of a socket, by names."""
    poll = select.poll()
    poll.register(sock, select.POLLIN | select.POLLOUT | select.POLLPRI | select.POLLRDHUP)
    ready = poll.poll(timeout * 1000)
    return {name for name, bit in NAMES.items() if ready and ready[0][1] & bit}


def wait_for(sock, *names):
    deadline = time.monotonic() + PATIENCE
    while not set(names) <= (seen := shown(sock)):
        assert time.monotonic() < deadline, f"waited in vain for {names}, last seen {seen}"
        time.sleep(0.002)
    return seen


def drain(sock):
    data = bytearray()
    while piece := sock.recv(65536):
        data += piece
    return bytes(data)


# Making connections


@check
def a_connection_carries_bytes_both_ways():
    client, server = pair()
    with client, server:
        equal(client.getpeername(), server.getsockname())
        equal(server.getpeername(), client.getsockname())
        client.sendall(b"question")
        equal(server.recv(100), b"question")
        server.sendall(b"answer")
        equal(client.recv(100), b"answer")
        equal(shown(client), {"OUT"})


@check
def much_data_goes_both_ways_at_once():
    client, server = pair()
    data = os.urandom(1 << 20) * 4
    got = {}

    def run(name, sock):
        sender = threading.Thread(target=lambda: (sock.sendall(data), sock.shutdown(socket.SHUT_WR)))
        sender.start()
        got[name] = drain(sock)
        sender.join()

    with client, server:
        threads = [threading.Thread(target=run, args=item) for item in (("client", client), ("server", server))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert got["client"] == data and got["server"] == data, "what was received differs from what was sent"


@check
def states_before_a_connection():
    with stream() as fresh:
        assert "OUT" in shown(fresh)
        fails(errno.ENOTCONN, fresh.recv, 1)
        fails(errno.EPIPE, fresh.send, b"x")
        fails(errno.ENOTCONN, fresh.getpeername)
        fails(errno.ENOTCONN, fresh.shutdown, socket.SHUT_WR)
        fails(errno.EINVAL, fresh.accept)
        equal(fresh.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN), 0)
        equal(fresh.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE), socket.SOCK_STREAM)
        equal(fresh.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL), socket.IPPROTO_TCP)


@check
def a_refused_connection_says_so():
    with listener() as server:
        name = server.getsockname()
    with stream() as client:
        fails(errno.ECONNREFUSED, client.connect, name)
        fails(errno.ECONNREFUSED, client.connect, name)  # a socket may try again
    with stream() as client:
        client.setblocking(False)
        result = client.connect_ex(name)
        assert result in (errno.EINPROGRESS, errno.ECONNREFUSED), errno.errorcode[result]
        if result == errno.EINPROGRESS:
            wait_for(client, "OUT", "IN")
            equal(client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), errno.ECONNREFUSED)
            equal(client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 0)


@check
def a_socket_that_was_refused_connects_later():
    with listener() as server:
        name = server.getsockname()
    with stream() as client:
        fails(errno.ECONNREFUSED, client.connect, name)
        with listener(port=name[1]) as server:
            client.connect(name)
            client.sendall(b"now")
            accepted, _ = server.accept()
            with accepted:
                equal(accepted.recv(10), b"now")


@check
def connecting_without_waiting():
    with listener() as server, stream() as client:
        client.setblocking(False)
        assert client.connect_ex(server.getsockname()) in (0, errno.EINPROGRESS)
        wait_for(client, "OUT")
        equal(client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 0)
        assert client.connect_ex(server.getsockname()) in (0, errno.EISCONN)
        equal(client.connect_ex(server.getsockname()), errno.EISCONN)
        fails(errno.EAGAIN, client.recv, 1)
        equal(client.send(b"x"), 1)
        accepted, _ = server.accept()
        with accepted:
            equal(accepted.recv(2), b"x")


@check
def a_listener_shows_who_waits():
    with listener() as server:
        equal(shown(server), set())
        equal(server.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN), 1)
        server.setblocking(False)
        fails(errno.EAGAIN, server.accept)
        fails(errno.ENOTCONN, server.recv, 1)
        with stream() as first, stream() as second:
            first.connect(server.getsockname())
            wait_for(server, "IN")
            second.connect(server.getsockname())
            accepted = [server.accept()[0], None]
            wait_for(server, "IN")
            accepted[1] = server.accept()[0]
            equal(shown(server), set())
            fails(errno.EAGAIN, server.accept)
            equal({sock.getpeername() for sock in accepted}, {first.getsockname(), second.getsockname()})
            for sock in accepted:
                equal(sock.getblocking(), True)
                sock.close()


@check
def accept_waits_and_gives_up():
    with listener() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 100000))
        fails(errno.EAGAIN, server.accept)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 0))
        client = stream()
        later = threading.Timer(0.05, client.connect, [server.getsockname()])
        later.start()
        accepted, name = server.accept()
        later.join()
        equal(name, client.getsockname())
        client.close()
        accepted.close()


@check
def ports_in_use_cannot_be_bound():
    with listener() as server, stream() as other:
        fails(errno.EADDRINUSE, other.bind, server.getsockname())
    with listener() as server, stream() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        fails(errno.EADDRINUSE, other.bind, server.getsockname())
    with listener() as server:
        name = server.getsockname()
    for _ in range(20):  # closing is done when close returns
        with stream() as again:
            again.bind(name)
            again.listen(1)


@check
def many_connections_wait_for_acceptance():
    count = 100
    with listener(backlog=count) as server, contextlib.ExitStack() as clients:
        for _ in range(count):
            clients.enter_context(stream()).connect(server.getsockname())
        server.setblocking(False)
        for _ in range(count):
            wait_for(server, "IN")
            server.accept()[0].close()
        equal(shown(server), set())


# The end of a connection


@check
def half_closing():
    client, server = pair()
    with client, server:
        client.sendall(b"all I have to say")
        client.shutdown(socket.SHUT_WR)
        equal(drain(server), b"all I have to say")
        wait_for(server, "IN", "OUT", "RDHUP")
        assert "HUP" not in shown(server)
        fails(errno.EPIPE, client.send, b"more")
        server.sendall(b"the answer")
        equal(client.recv(100), b"the answer")
        server.shutdown(socket.SHUT_WR)
        equal(client.recv(100), b"")
        equal(client.recv(100), b"")
        wait_for(client, "IN", "HUP")


@check
def closing_with_everything_read_ends_the_stream():
    client, server = pair()
    with client, server:
        server.sendall(b"x" * 100000)
        server.close()
        equal(len(drain(client)), 100000)
        equal(client.recv(1), b"")


@check
def closing_with_bytes_unread_resets():
    client, server = pair()
    with client, server:
        client.sendall(b"never read")
        wait_for(server, "IN")
        server.close()
        wait_for(client, "HUP")
        fails(errno.ECONNRESET, client.recv, 1)
        equal(client.recv(1), b"")
        fails(errno.EPIPE, client.send, b"x")


@check
def lingering_for_no_time_resets():
    client, server = pair()
    with client, server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        server.close()
        wait_for(client, "HUP")
        equal(client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), errno.ECONNRESET)
        equal(client.recv(1), b"")


@check
def lingering_waits_until_all_has_been_taken():
    client, server = pair()
    with client, server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, PATIENCE))
        server.sendall(b"y" * 50000)
        received = []
        reader = threading.Thread(target=lambda: received.append(drain(client)))
        reader.start()
        server.close()
        reader.join()
        equal(len(received[0]), 50000)


@check
def what_is_written_to_one_who_has_closed_is_a_broken_pipe():
    client, server = pair()
    with client, server:
        server.sendall(b"bye")
        server.close()
        wait_for(client, "RDHUP")
        client.send(b"is lost")
        wait_for(client, "HUP")
        equal(client.recv(100), b"bye")
        equal(client.recv(1), b"")  # the end had come before
        fails(errno.EPIPE, client.send, b"x")
    client, server = pair()
    with client, server:
        server.close()
        equal(client.recv(1), b"")
        client.send(b"is lost")
        wait_for(client, "HUP")
        equal(client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), errno.EPIPE)


@check
def a_connection_that_is_reset_in_the_queue_is_accepted():
    with listener() as server, stream() as client:
        client.connect(server.getsockname())
        name = client.getsockname()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wait_for(server, "IN")
        client.close()
        with stream() as second:  # once this one is there, the reset is, too
            second.connect(server.getsockname())
        accepted, peer = server.accept()
        with accepted:
            equal(peer, name)
            fails(errno.ECONNRESET, accepted.recv, 1)


@check
def what_comes_after_shutting_down_both_ways_is_reset():
    for steps in ([socket.SHUT_RDWR], [socket.SHUT_RD, socket.SHUT_WR], [socket.SHUT_WR, socket.SHUT_RD]):
        client, server = pair()
        with client, server:
            for step in steps:
                client.shutdown(step)
                if step == socket.SHUT_WR:  # what comes next is another event
                    equal(server.recv(1), b"")
            equal(server.recv(1), b"")
            server.send(b"nobody reads it")
            wait_for(server, "HUP")
            fails(errno.EPIPE, server.send, b"x")


@check
def a_write_to_a_reset_connection_fails_and_signals():
    client, server = pair()
    with client, server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        server.close()
        wait_for(client, "HUP")
        fails(errno.ECONNRESET, client.send, b"x")
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        with stream() as fresh:
            with contextlib.suppress(OSError):
                fresh.send(b"x", socket.MSG_NOSIGNAL)
            with contextlib.suppress(OSError):
                os.write(fresh.fileno(), b"x")
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGPIPE, f"status {status}"


@check
def shutting_down_a_listener_wakes_who_waits():
    with listener() as server:
        later = threading.Timer(0.1, server.shutdown, [socket.SHUT_RDWR])
        later.start()
        fails(errno.EINVAL, server.accept)
        later.join()


# Flow


@check
def a_reader_that_stalls_stops_the_writer():
    client, server = pair()
    with client, server:
        client.setblocking(False)
        sent = 0
        quiet_since = time.monotonic()
        piece = os.urandom(65536)
        while time.monotonic() - quiet_since < 0.3 or "OUT" in shown(client):
            try:
                sent += client.send(piece)
                quiet_since = time.monotonic()
            except BlockingIOError:
                time.sleep(0.01)
        assert 65536 < sent < 64 << 20, sent
        client.setblocking(True)
        client.shutdown(socket.SHUT_WR)
        equal(len(drain(server)), sent)


@check
def flags_of_receiving():
    client, server = pair()
    with client, server:
        client.sendall(b"0123456789")
        wait_for(server, "IN")
        equal(server.recv(4, socket.MSG_PEEK), b"0123")
        equal(fcntl.ioctl(server, termios.FIONREAD, struct.pack("i", 0)), struct.pack("i", 10))
        equal(server.recv(4), b"0123")
        server.recv(3, socket.MSG_TRUNC)  # thrown away
        later = threading.Timer(0.05, client.sendall, [b"abcdef"])
        later.start()
        equal(server.recv(9, socket.MSG_WAITALL), b"789abcdef")
        later.join()
        fails(errno.EAGAIN, server.recv, 1, socket.MSG_DONTWAIT)
        client.sendmsg([b"scattered ", b"bytes"])
        wait_for(server, "IN")
        buffers = [bytearray(10), bytearray(10)]
        count = server.recvmsg_into(buffers)[0]
        equal((count, bytes(buffers[0]), bytes(buffers[1][:5])), (15, b"scattered ", b"bytes"))


@check
def timeouts_of_receiving_and_sending():
    client, server = pair()
    with client, server:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 50000))
        before = time.monotonic()
        fails(errno.EAGAIN, client.recv, 1)
        assert 0.04 < time.monotonic() - before < PATIENCE
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, 200000))

        def fill():
            while True:
                client.send(b"z" * 65536)
        fails(errno.EAGAIN, fill)


@check
def urgent_data():
    client, server = pair()
    with client, server:
        client.sendall(b"abc")
        client.send(b"!", socket.MSG_OOB)
        wait_for(server, "PRI", "IN")
        equal(server.recv(1, socket.MSG_OOB), b"!")
        equal(server.recv(10), b"abc")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        server.sendall(b"uvw")
        server.send(b"?", socket.MSG_OOB)
        server.sendall(b"xyz")
        got = b""
        while len(got) < 7:
            got += client.recv(10)
        equal(got, b"uvw?xyz")
        client.sendall(b"def")
        equal(server.recv(10), b"def")


@check
def files_are_sent_within_the_kernel():
    client, server = pair()
    content = os.urandom(300000)
    with client, server, open("/proc/self/exe", "rb"):
        descriptor = os.memfd_create("content")
        os.write(descriptor, content)
        sent = []

        def send():
            offset = 0
            while offset < len(content):
                offset += os.sendfile(client.fileno(), descriptor, offset, len(content) - offset)
            client.shutdown(socket.SHUT_WR)
            sent.append(offset)
        sender = threading.Thread(target=send)
        sender.start()
        equal(drain(server) == content, True)
        sender.join()
        os.close(descriptor)


# Waiting


@check
def edges_come_with_each_arrival():
    client, server = pair()
    with client, server, select.epoll() as epoll:
        server.setblocking(False)
        epoll.register(server, select.EPOLLIN | select.EPOLLET)
        for round_ in range(50):
            client.sendall(b"x" * (round_ + 1))
            got = 0
            while got < round_ + 1:
                equal(epoll.poll(PATIENCE), [(server.fileno(), select.EPOLLIN)])
                with contextlib.suppress(BlockingIOError):
                    while True:
                        got += len(server.recv(7))
        equal(epoll.poll(0), [])


@check
def edges_of_a_listener():
    with listener() as server, select.epoll() as epoll, contextlib.ExitStack() as others:
        server.setblocking(False)
        epoll.register(server, select.EPOLLIN | select.EPOLLET)
        for _ in range(10):
            others.enter_context(stream()).connect(server.getsockname())
            equal(epoll.poll(PATIENCE), [(server.fileno(), select.EPOLLIN)])
        for _ in range(10):
            others.enter_context(server.accept()[0])
        fails(errno.EAGAIN, server.accept)


@check
def a_signal_interrupts_accept_and_connects_nothing():
    with listener() as server:

        class Interrupted(Exception):
            pass

        def handler(_signal, _frame):
            raise Interrupted
        signal.signal(signal.SIGALRM, handler)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            server.accept()
            raise AssertionError("accepted nobody")
        except Interrupted:
            pass
        with stream() as client:
            client.connect(server.getsockname())
            server.accept()[0].close()


# Processes


def run_child(function):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            function()
            status = 0
        except BaseException as error:
            print("in the child:", repr(error), file=sys.stderr)
        finally:
            os._exit(status)
    equal(os.waitpid(child, 0)[1], 0, "status of the child")


@check
def a_child_accepts_and_serves():
    with listener() as server:
        with stream() as client:
            client.connect(server.getsockname())

            def serve():
                accepted, name = server.accept()
                equal(name, client.getsockname())
                accepted.sendall(b"from the child")
                accepted.close()
                server.close()
            run_child(serve)
            equal(drain(client), b"from the child")
        with stream() as client:  # the parent goes on
            client.connect(server.getsockname())
            accepted, _ = server.accept()
            accepted.close()
            equal(drain(client), b"")


@check
def a_connection_is_shared_with_a_child():
    client, server = pair()
    with client, server:
        def use():
            equal(client.getpeername(), server.getsockname())
            client.sendall(b"child ")
        run_child(use)
        client.sendall(b"parent")
        client.shutdown(socket.SHUT_WR)
        equal(drain(server), b"child parent")


@check
def a_child_keeps_a_connection_that_its_parent_closes():
    client, server = pair()
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        server.close()
        os.read(ready, 1)
        client.sendall(b"still here")
        os._exit(0)
    client.close()
    with server:
        fails(errno.EAGAIN, server.recv, 1, socket.MSG_DONTWAIT)
        os.write(go, b"x")
        equal(drain(server), b"still here")
    os.waitpid(child, 0)
    os.close(ready)
    os.close(go)


@check
def a_child_keeps_a_listener_that_its_parent_closes():
    server = listener()
    name = server.getsockname()
    child = os.fork()
    if child == 0:
        accepted, _ = server.accept()
        accepted.sendall(b"served")
        os._exit(0)
    server.close()
    time.sleep(0.05)
    with stream() as client:
        client.connect(name)
        equal(drain(client), b"served")
    os.waitpid(child, 0)


@check
def an_executed_program_has_the_connection_as_its_standard_streams():
    client, server = pair()
    with client, server:
        child = subprocess.Popen(["cat"], stdin=server, stdout=server)
        server.close()
        client.sendall(b"through cat")
        client.shutdown(socket.SHUT_WR)
        equal(drain(client), b"through cat")
        equal(child.wait(), 0)


EXECUTED = """
import os, socket, sys
server = socket.socket(fileno=int(sys.argv[1]))
assert server.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1, "no listener"
accepted, name = server.accept()
assert accepted.getpeername()[:2] == name[:2]
accepted.sendall(repr(server.getsockname()[1]).encode())
"""


@check
def an_executed_program_accepts_on_an_inherited_listener():
    with listener() as server:
        child = subprocess.Popen([sys.executable, "-c", EXECUTED, str(server.fileno())], pass_fds=[server.fileno()])
        name = server.getsockname()
        server.close()
        with stream() as client:
            client.connect(name)
            equal(drain(client), repr(name[1]).encode())
        equal(child.wait(), 0)


@check
def a_connection_is_passed_to_another_process():
    client, server = pair()
    ours, theirs = socket.socketpair()
    with client, server, ours, theirs:
        def receive():
            client.close()
            server.close()
            _, control, _, _ = theirs.recvmsg(1, socket.CMSG_SPACE(4))
            passed = socket.socket(fileno=array.array("i", control[0][2])[0])
            equal(passed.getpeername()[1], int(theirs.recv(10)))
            passed.sendall(b"passed on")
        socket.send_fds(ours, [b"x"], [client.fileno()])
        ours.sendall(str(server.getsockname()[1]).encode())
        run_child(receive)
        equal(server.recv(100), b"passed on")


# Options


@contextlib.contextmanager
def limit_of_descriptors(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def streams_until_error():
    made = []
    try:
        while True:
            made.append(stream())
    except OSError as error:
        return made, error.errno


@check
def beyond_the_limit_of_descriptors_there_are_no_more_sockets():
    for _ in range(2):  # nothing is left behind
        near, far = pair()
        with near, far, listener() as waiting, stream() as client, limit_of_descriptors(200):
            client.connect(waiting.getsockname())
            made, error = streams_until_error()
            equal(error, errno.EMFILE, "error of the one too many")
            assert len(made) >= 50, f"only {len(made)} of them"
            fails(errno.EMFILE, waiting.accept)
            near.sendall(b"what there was goes on")
            equal(far.recv(100), b"what there was goes on", "what came")
            for one in made:
                one.close()
            accepted, address = waiting.accept()
            with accepted:
                equal(address, client.getsockname(), "who was accepted")
                accepted.sendall(b"at last")
                equal(client.recv(100), b"at last", "what came")


@check
def connections_may_have_all_descriptors_but_a_few():
    with contextlib.ExitStack() as opened, listener(backlog=4) as server:
        with limit_of_descriptors(256):
            pairs = []
            for _ in range(100):
                client = opened.enter_context(stream())
                client.connect(server.getsockname())
                accepted = opened.enter_context(server.accept()[0])
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                pairs.append((client, accepted))
            for number, (client, accepted) in enumerate(pairs):
                equal(client.getpeername(), server.getsockname())
                equal(accepted.getpeername(), client.getsockname())
                equal(bool(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)), True)
                client.sendall(b"%d" % number)
                client.shutdown(socket.SHUT_WR)
                equal(drain(accepted), b"%d" % number)
                accepted.sendall(b"answer")
                equal(client.recv(100), b"answer")


@check
def threads_ask_about_connections_while_descriptors_are_short():
    with contextlib.ExitStack() as opened, listener(backlog=4) as server, limit_of_descriptors(128):
        ended, failures = threading.Event(), []
        pairs = []
        for _ in range(30):
            client = opened.enter_context(stream())
            client.connect(server.getsockname())
            pairs.append((client, opened.enter_context(server.accept()[0])))

        def ask(mine):
            try:
                while not ended.is_set():
                    for client, accepted in mine:
                        equal(client.getpeername(), server.getsockname())
                        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                        accepted.sendall(b"x")
                        equal(client.recv(1), b"x")
            except (OSError, AssertionError) as failure:
                failures.append(failure)

        threads = [threading.Thread(target=ask, args=(pairs[first::3],)) for first in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(100):
                with stream() as client:
                    client.connect(server.getsockname())
                    with server.accept()[0] as accepted:
                        accepted.sendall(b"y")
                        equal(client.recv(1), b"y")
        finally:
            ended.set()
            for thread in threads:
                thread.join()
        equal(failures, [])


@check
def options_are_kept():
    client, server = pair()
    with client, server:
        for level, name, value in (
                (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
                (socket.IPPROTO_TCP, socket.TCP_CORK, 1), (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 77),
                (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 7), (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
                (socket.IPPROTO_TCP, socket.TCP_SYNCNT, 4), (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 12345),
                (socket.SOL_SOCKET, socket.SO_OOBINLINE, 1), (socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)):
            client.setsockopt(level, name, value)
            equal(client.getsockopt(level, name), value, f"option {level}/{name}")
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
        equal(client.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0"), b"reno")
        fails(errno.ENOENT, client.setsockopt, socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"nonesuch")
        equal(client.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8), struct.pack("ii", 0, 0))
        info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        equal((len(info), info[0]), (104, 1), "TCP_INFO")


# What Python has no words for

libc = ctypes.CDLL(None, use_errno=True)


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class Message(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("name_length", ctypes.c_uint32), ("iov", ctypes.POINTER(Iovec)),
                ("iov_count", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t),
                ("flags", ctypes.c_int)]


class MessageOfMany(ctypes.Structure):
    _fields_ = [("message", Message), ("length", ctypes.c_uint)]


def pieces(*memory):
    """An array of pieces of memory; None is one that nobody may read."""
    made = (Iovec * len(memory))()
    for piece, buffer in zip(made, memory):
        piece.base = ctypes.addressof(buffer) if buffer else 8
        piece.length = len(buffer) if buffer else 10
    return made


@check
def no_message_follows_one_that_was_sent_in_part():
    client, server = pair()
    with client, server:
        first, second = ctypes.create_string_buffer(b"a" * 100000, 100000), ctypes.create_string_buffer(b"b" * 10, 10)
        torn, whole = pieces(first, None), pieces(second)
        messages = (MessageOfMany * 2)(MessageOfMany(Message(iov=torn, iov_count=2)),
                                       MessageOfMany(Message(iov=whole, iov_count=1)))
        equal(libc.sendmmsg(client.fileno(), messages, 2, 0), 1)
        client.shutdown(socket.SHUT_WR)
        equal(drain(server), b"a" * messages[0].length)
        assert messages[0].length > 0


@check
def what_is_thrown_away_comes_without_name_and_control():
    client, server = pair()
    with client, server:
        client.sendall(b"rubbish")
        wait_for(server, "IN")
        room = ctypes.create_string_buffer(64)
        message = Message(name=ctypes.addressof(room), name_length=16, iov=pieces(room), iov_count=1,
                          control=ctypes.addressof(room), control_length=64)
        equal(libc.recvmsg(server.fileno(), ctypes.byref(message), socket.MSG_TRUNC), 7)
        equal((message.name_length, message.control_length), (0, 0))


@check
def accept_needs_no_address_to_go_with_its_length():
    with listener() as server, stream() as client:
        client.connect(server.getsockname())
        length = ctypes.c_uint32(16)
        fd = libc.accept(server.fileno(), None, ctypes.byref(length))
        assert fd >= 0, os.strerror(ctypes.get_errno())
        os.close(fd)


@check
def shutting_down_after_the_peer_resets_nothing():
    client, server = pair()
    with client, server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.shutdown(socket.SHUT_WR)
        wait_for(server, "RDHUP")
        server.sendall(bytes(200000))
        server.shutdown(socket.SHUT_WR)
        equal(len(drain(client)), 200000)


@check
def options_of_a_listener_are_inherited():
    with listener() as server:
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 5))
        with stream() as client:
            client.connect(server.getsockname())
            accepted, _ = server.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                equal(accepted.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8), struct.pack("ii", 1, 5))


def main():
    wanted = sys.argv[2:]
    failed = 0
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    for function in CHECKS:
        if wanted and function.__name__ not in wanted:
            continue
        started = time.monotonic()
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        try:
            function()
        except BaseException as error:  # pylint: disable=broad-except # the next checks are worth their while
            traceback.print_exc()
            print(f"FAILED {function.__name__}: {error}", flush=True)
            failed += 1
            if isinstance(error, KeyboardInterrupt):
                raise
        else:
            print(f"passed {function.__name__} ({time.monotonic() - started:.2f} s)", flush=True)
    print("all passed" if not failed else f"{failed} failed", flush=True)
    sys.exit(1 if failed else 0)


main()
