"""The stack over https that these tests drive, and clients that trust it."""

import shutil
import ssl
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from actors import AUTH, PASSWORD, new_email
from infra.local import bootstrap
from infra.local.stack import Stack

PROXY = "127.0.0.2"  # an outer proxy that the gateway trusts


@pytest.fixture(scope="package")
def secure() -> Iterator[Stack]:
    """A stack started with TLS that trusts the outer proxy."""
    bootstrap.install(bootstrap.RUN, develop=False)
    data = Path(tempfile.mkdtemp(prefix="e2e-tls-"))
    settings = {"GATEWAY_TRUSTED_PROXIES": PROXY, "AUTH_ROTATION_INTERVAL_SECONDS": "0.5"}
    with pytest.MonkeyPatch.context() as environment:
        for name, value in settings.items():
            environment.setenv(name, value)
        try:
            with Stack(data, port=0, tls=True) as stack:
                yield stack
        finally:
            shutil.rmtree(data, ignore_errors=True)


@pytest.fixture
def browser(secure: Stack) -> Iterator[Callable[..., httpx.Client]]:
    """Makes clients that trust the stack's own certificate and no other."""
    trust = ssl.create_default_context(cafile=secure.place.certificate)
    clients: list[httpx.Client] = []

    def make(address: str = "127.0.0.1", **headers: str) -> httpx.Client:
        transport = httpx.HTTPTransport(verify=trust, local_address=address)
        clients.append(
            httpx.Client(base_url=secure.base_url, transport=transport, headers=headers, timeout=20)
        )
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def signed_in(browser: Callable[..., httpx.Client]) -> Callable[..., httpx.Client]:
    """Makes people who have signed in, from an address and with what they say in headers at it."""

    def make(address: str = "127.0.0.1", **said: str) -> httpx.Client:
        client, form = browser(address), {"email": new_email(), "password": PASSWORD}
        assert client.post(f"{AUTH}/register", json=form).status_code == 201
        assert client.post(f"{AUTH}/login", json=form, headers=said).status_code == 200
        return client

    return make


@pytest.fixture
def ada(signed_in: Callable[..., httpx.Client]) -> httpx.Client:
    """Somebody who signed in."""
    return signed_in()
