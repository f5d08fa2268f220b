"""The broker's certificate is looked at, by Celery and by the cache: who has none of ours hears no password."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from threading import Thread

import pytest
from celery import Celery
from django.core.cache.backends.redis import RedisCache
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as NoConnection

from tests.certificates import server_context
from vault import env


class Listener:
    """A server that notes what it hears behind TLS, and hangs up."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self.heard: list[bytes] = []
        self._tls = tls
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _address = self._socket.accept()
            except OSError:
                return
            with connection:
                try:
                    with self._tls.wrap_socket(connection, server_side=True) as encrypted:
                        self.heard.append(encrypted.recv(1_000))
                except OSError:
                    continue  # the client did not like the certificate

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)


@pytest.fixture
def listener(tmp_path) -> Iterator[Listener]:
    listener = Listener(server_context(tmp_path))
    yield listener
    listener.close()


def connect_celery(url: str) -> None:
    app = Celery("of-this-test", set_as_current=False)
    app.conf.update(broker_url=url, **env.broker_tls(url))
    with app.connection_for_write() as connection, pytest.raises(OperationalError):
        connection.ensure_connection(max_retries=1)


def connect_cache(url: str) -> None:
    cache = RedisCache(url, {})
    with pytest.raises(NoConnection):
        cache.get("x")
    cache.close()


@pytest.mark.parametrize("connect", [connect_celery, connect_cache])
def test_a_broker_with_a_strange_certificate_hears_no_password(listener, tmp_path, connect):
    address = f"rediss://:secret@127.0.0.1:{listener.port}/0"

    strange = tmp_path / "strange"
    strange.mkdir()
    server_context(strange)

    connect(address)
    connect(f"{address}?ssl_ca_certs={strange}/ca.pem")
    assert listener.heard == []

    connect(f"{address}?ssl_ca_certs={tmp_path}/ca.pem")
    assert any(b"secret" in heard for heard in listener.heard)


def test_a_broker_without_encryption_needs_none():
    assert env.broker_tls("redis://127.0.0.1:6379/0") == {}
