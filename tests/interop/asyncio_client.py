"""Talks to the echo server on the port given, over 100 connections at once: 20 messages on each, of
any size up to 64 KiB, sent and received side by side; then each ends its half and sees the end.
"""

import asyncio
import random
import sys

CONNECTIONS = 100
MESSAGES = 20


async def send(writer, messages):
    for message in messages:
        writer.write(message)
        await writer.drain()
    writer.write_eof()


async def receive(reader, messages):
    for message in messages:
        assert await reader.readexactly(len(message)) == message
    assert await reader.read() == b""


async def converse(port, seed):
    source = random.Random(seed)
    messages = [source.randbytes(source.choice([1, 100, 5000, 65536])) for _ in range(MESSAGES)]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.gather(send(writer, messages), receive(reader, messages))
    writer.close()
    await writer.wait_closed()
    return len(messages)


async def main(port):
    counts = await asyncio.gather(*(converse(port, seed) for seed in range(CONNECTIONS)))
    print(f"{len(counts)} connections, {sum(counts)} messages")


asyncio.run(main(int(sys.argv[1])))
