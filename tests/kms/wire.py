"""A wire to a real server that can be cut, or goes dead, when a test says so."""

from __future__ import annotations

import socket
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

PASS = "pass"
CUT = "cut"  # connections end before the server has heard anything
DEAD = "dead"  # connections are taken, and nothing ever comes back


class Wire:
    """Carries bytes to a server and back; ``state`` says how it does, from the next connection on."""

    def __init__(self, host: str, port: int) -> None:
        self.state = PASS
        self.seen: list[str] = []
        self._open: list[socket.socket] = []
        wire = self

        class Carrier(BaseRequestHandler):
            def handle(self) -> None:
                wire.seen.append(wire.state)
                wire._open.append(self.request)
                if wire.state == PASS:
                    with socket.create_connection((host, port)) as there:
                        for end in (there, self.request):
                            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        Thread(target=carry, args=(there, self.request), daemon=True).start()
                        carry(self.request, there)
                elif wire.state == DEAD:
                    while self.request.recv(65536):
                        pass

        self._server = ThreadingTCPServer(("127.0.0.1", 0), Carrier)
        self._server.daemon_threads = True
        self.address = f"https://127.0.0.1:{self._server.server_address[1]}"

    def become(self, state: str) -> None:
        """Change, and end the connections that there are."""
        self.state = state
        while self._open:
            shut(self._open.pop())

    def __enter__(self) -> Wire:
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self.become(CUT)
        self._server.shutdown()
        self._server.server_close()


def carry(source: socket.socket, target: socket.socket) -> None:
    """Pass bytes on until either side ends."""
    try:
        while octets := source.recv(65536):
            target.sendall(octets)
    except OSError:
        pass
    finally:
        shut(target)


def shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
