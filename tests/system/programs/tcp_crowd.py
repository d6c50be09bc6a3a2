"""Many connections at once, by asyncio.

    tcp_crowd.py server ADDRESS PORT COUNT     echoes on each of COUNT connections, then ends
    tcp_crowd.py client ADDRESS PORT COUNT     makes COUNT, all open at once, and checks what each gets back

With a further argument, a file with certificate and key, both speak TLS.
"""

import asyncio
import resource
import ssl
import sys

role, address, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
certificate = sys.argv[5] if len(sys.argv) > 5 else None
ROUNDS = 3


def tls():
    """The context of our role; None: plain text."""
    if not certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if role == "server" else ssl.PROTOCOL_TLS_CLIENT)
    if role == "server":
        context.load_cert_chain(certificate)
    else:
        context.check_hostname = False
        context.load_verify_locations(certificate)  # it has signed itself
    return context


async def serve():
    served = 0
    done = asyncio.Event()

    async def echo(reader, writer):
        nonlocal served
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
        writer.close()
        await writer.wait_closed()
        served += 1
        if served == count:
            done.set()

    server = await asyncio.start_server(echo, address, port, backlog=1024, ssl=tls())
    print("ready", flush=True)
    await done.wait()
    server.close()


async def ask():
    connected = 0
    context = tls()
    everybody = asyncio.Event()

    async def one(number):
        nonlocal connected
        reader, writer = await asyncio.open_connection(address, port, ssl=context)
        connected += 1
        if connected == count:
            everybody.set()
        await everybody.wait()
        for turn in range(ROUNDS):
            line = f"{number} {turn}\n".encode() * 20
            writer.write(line)
            assert await reader.readexactly(len(line)) == line
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(one(number) for number in range(count)))
    print("all", count, flush=True)


hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8 * count + 256), hard))
asyncio.run(serve() if role == "server" else ask())
