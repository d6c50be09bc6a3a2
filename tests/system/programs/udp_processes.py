"""udp_processes.py ADDRESS PORT: sockets across fork and in threads, as servers have them, against an echo server.

Prints "ok" and ends with status 0 if each process and thread got exactly its own.
"""

import os
import socket
import subprocess
import sys
import threading

PROCESSES = 4
EACH = 25


def talk(one, target, name):
    for number in range(EACH):
        data = f"{name}-{number}".encode()
        one.sendto(data, target)
        if one.recv(100) != data:
            return False
    return True


def children_share_nothing_but_what_they_inherit(target):
    inherited = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    inherited.bind(("0.0.0.0", 0))
    pids = []
    for child in range(PROCESSES):
        pid = os.fork()
        if pid == 0:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
                good = talk(own, target, f"child {child}")
            with inherited:
                good = good and inherited.getsockname()[1] != 0
            os._exit(0 if good else 1)
        pids.append(pid)
    statuses = [os.waitpid(pid, 0)[1] for pid in pids]
    return not any(statuses) and talk(inherited, target, "parent")


def a_child_takes_over(target):
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.connect(target)
    name = one.getsockname()
    pid = os.fork()
    if pid == 0:
        one.send(b"from the child")
        os._exit(0 if one.recv(100) == b"from the child" and one.getsockname() == name else 1)
    one.close()
    return os.waitpid(pid, 0)[1] == 0


def parent_and_child_wait_on_one_socket(target):
    shared = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    shared.connect(target)
    for _ in range(5):
        pids = []
        for _ in range(3):
            pid = os.fork()
            if pid == 0:
                os._exit(0 if shared.recv(100) == b"for one of us" else 1)
            pids.append(pid)
        for _ in range(4):
            shared.send(b"for one of us")
        if shared.recv(100) != b"for one of us" or any(os.waitpid(pid, 0)[1] for pid in pids):
            return False
    return talk(sender, target, "bystander")


def threads_do_not_mix(target):
    results = []

    def run(number):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            results.append(talk(own, target, f"thread {number}"))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results == [True] * 8


def programs_started_meanwhile_disturb_nothing(target):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.settimeout(60)
        for _ in range(3):
            subprocess.run(["true"], check=True, close_fds=True)
            os.system("exec 3<&- 4<&- 5<&-; true")
        return talk(own, target, "after programs")


def timeouts_are_kept(target):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.settimeout(0.05)
        try:
            own.recv(1)
        except TimeoutError:
            return talk(own, target, "after a timeout")
    return False


def main(address, port):
    target = (address, int(port))
    for check in (children_share_nothing_but_what_they_inherit, a_child_takes_over,
                  parent_and_child_wait_on_one_socket, threads_do_not_mix,
                  programs_started_meanwhile_disturb_nothing, timeouts_are_kept):
        if not check(target):
            sys.exit(f"{check.__name__} does not hold")
    print("ok", flush=True)


main(*sys.argv[1:])
