"""Bochs' COM2 as a Unix socket: Bochs connects by TCP once, clients of the socket come and go, one at a time."""

import select
import socket
import threading
from contextlib import suppress
from pathlib import Path

CHUNK = 65536


def listen(path: Path) -> socket.socket:
    """At `path`, in place of what an earlier machine has left there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(1)
    return listener


def bridge(listener: socket.socket, machine: socket.socket) -> None:
    """In a thread of its own, until the machine ends."""
    threading.Thread(target=serve, args=(listener, machine), daemon=True).start()


def serve(listener: socket.socket, machine: socket.socket) -> None:
    with listener, machine, suppress(OSError):
        while True:
            client, _ = listener.accept()
            with client:
                if not pump(client, machine):
                    return


def pump(client: socket.socket, machine: socket.socket) -> bool:
    """Until the client leaves; False at the machine's end."""
    while True:
        ready = select.select([client, machine], [], [])[0]
        if machine in ready:
            chunk = machine.recv(CHUNK)
            if not chunk:
                return False
            with suppress(ConnectionError):
                client.sendall(chunk)
        if client in ready:
            try:
                chunk = client.recv(CHUNK)
            except ConnectionError:
                return True
            if not chunk:
                return True
            machine.sendall(chunk)
