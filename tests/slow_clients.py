#!/usr/bin/env python3
"""10,000 connections that send nothing, half a head or half a body, and one healthy client meanwhile.

Usage: tests/slow_clients.py [COUNT], with `repass` built. Starts a sidecar of its own.
"""

import itertools
import json
import os
import resource
import select
import socket
import subprocess
import sys
import time

count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 100), hard))

repass = os.environ.get("REPASS", "target/debug/repass")
server = subprocess.Popen([repass, "--sandbox", "serve", "--listen", "127.0.0.1:0", *sys.argv[2:]], stdout=subprocess.PIPE)
host, port = json.loads(server.stdout.readline())["listening"].removeprefix("http://").split(":")
address = (host, int(port))



def request_for(number):
    body = json.dumps({"user": "alice@example.com", "new_password": f"Slow-Passw0rd-{number}"}).encode()
    head = (
        b"POST /v1/providers/zoom/password-changes HTTP/1.1\r\nhost: localhost\r\n"
        b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    )
    return head + body


numbers = itertools.count()
request = request_for(0)


def change():
    start = time.monotonic()
    with socket.create_connection(address, timeout=10) as client:
        client.sendall(request_for(next(numbers)))
        answer = client.recv(4096)
    assert answer.startswith(b"HTTP/1.1 200"), answer
    return (time.monotonic() - start) * 1000


try:
    slow, times = [], []
    for number in range(count):
        client = socket.create_connection(address, timeout=10)
        try:
            client.sendall([b"", request[:20], request[:-5]][number % 3])
        except OSError:
            pass  # It had to go already.
        slow.append(client)
        if number % (count // 100) == 0:
            times.append(change())
    poll = select.poll()
    for client in slow:
        poll.register(client, select.POLLIN)
    open_now = count - len(poll.poll(0))
    times.extend(change() for _ in range(100))
    times.sort()
    print(f"{count} slow connections made, {open_now} of them still open")
    print(f"{len(times)} healthy changes: all applied, median {times[len(times) // 2]:.1f} ms, longest {times[-1]:.1f} ms")
finally:
    server.terminate()
    server.wait()
