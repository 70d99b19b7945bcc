"""What each part is: its command, its environment and how it shows that it is ready."""

import os
import signal
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPResponse
from pathlib import Path

from infra.local import servers
from infra.local.bootstrap import ROOT

HOST = "127.0.0.1"
ORDER = ("postgres", "sessions", "cache", "auth", "expenses", "gateway")
# The gateway asks auth at a port of its own, which nobody else uses, and tells Prometheus at another.
PORTS = (*ORDER, "exchange", "metrics")
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")
OTLP = "OTEL_EXPORTER_OTLP_ENDPOINT"  # of a collector of traces, for all who make spans
ANSWER_SECONDS = 2.0
# Our own parts are asked directly, whatever proxy this machine's environment names, and whatever
# certificate the gateway has: the question is whether it answers.
_ANY_CERTIFICATE = ssl.create_default_context()
_ANY_CERTIFICATE.check_hostname = False
_ANY_CERTIFICATE.verify_mode = ssl.CERT_NONE
_DIRECT = urllib.request.build_opener(
    urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=_ANY_CERTIFICATE)
)


@dataclass(frozen=True)
class Part:
    """How to start one part."""

    name: str
    command: Sequence[str]
    ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path = ROOT
    stop: signal.Signals = signal.SIGTERM


@dataclass(frozen=True)
class Place:
    """Where a stack keeps its data and on which ports it listens."""

    data: Path
    ports: Mapping[str, int]
    tls: bool = False
    replicas: Mapping[str, Sequence[int]] = field(default_factory=dict)
    releases: Mapping[str, Path] = field(default_factory=dict)
    """The tree of the release that a service, or the gateway, is of, if not of this one."""

    def code(self, service: str) -> Path:
        """The folder of a service's code, with its environment in it."""
        return self.releases.get(service, ROOT) / "services" / service

    @property
    def gateway(self) -> Path:
        """The folder of the gateway's files."""
        return self.releases.get("gateway", ROOT) / "gateway"

    @property
    def secrets(self) -> Path:
        """The secret files, each in the folder of who reads it."""
        return self.data / "secrets"

    @property
    def certificate(self) -> Path:
        """The gateway's certificate, with `key.pem` beside it, when it speaks TLS."""
        return self.data / "tls/certificate.pem"

    @property
    def origin(self) -> str:
        """The gateway's address, as browsers use it."""
        return f"{'https' if self.tls else 'http'}://localhost:{self.ports['gateway']}"

    def url(self, name: str) -> str:
        """The HTTP address of a part."""
        return f"http://{HOST}:{self.ports[name]}"

    def urls(self, name: str) -> str:
        """The addresses of all replicas of a service, as the gateway takes them."""
        return " ".join(f"http://{HOST}:{port}" for port in self.replicas.get(name, [self.ports[name]]))


def base_environment(data: Path, prefixes: Sequence[str] = ()) -> dict[str, str]:
    """What every part gets of this process's environment, and the settings with these prefixes."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    settings = {k: v for k, v in os.environ.items() if prefixes and k.startswith(tuple(prefixes))}
    return kept | settings | {"EXPENSE_DATA": str(data)}


def build(name: str, place: Place) -> Part:
    """The part `name` of the stack at `place`."""
    return _BUILDERS[name](place)


def _postgres(place: Place) -> Part:
    port, data = str(place.ports["postgres"]), place.data / "postgres"
    settings = {"listen_addresses": HOST, "port": port, "unix_socket_directories": ""}
    settings |= {"max_connections": "100", "shared_buffers": "128MB", "timezone": "UTC"}
    flags = [text for key, value in settings.items() for text in ("-c", f"{key}={value}")]
    command = [*servers.not_as_root(), str(servers.postgres("postgres")), "-D", str(data), *flags]
    is_ready = [str(servers.postgres("pg_isready")), "-q", "-h", HOST, "-p", port, "-U", "postgres"]
    return Part("postgres", command, lambda: _succeeds(is_ready), stop=signal.SIGINT)


def _succeeds(command: Sequence[str]) -> bool:
    return subprocess.run(command, check=False).returncode == 0


def _valkey(name: str) -> Callable[[Place], Part]:
    def build_one(place: Place) -> Part:
        port, folder = place.ports[name], place.data / name
        _private(folder)
        acl = place.secrets / f"redis-{name}/users.acl"
        command = [str(servers.valkey()), str(ROOT / f"infra/redis/{name}.conf")]
        command += ["--bind", HOST, "--port", str(port), "--dir", str(folder), "--aclfile", str(acl)]
        return Part(name, command, lambda: _pongs(port))

    return build_one


def _private(folder: Path) -> None:
    """Make a folder that no other user reads, whatever the umask: sessions are on disk in one."""
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)


def _pongs(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=ANSWER_SECONDS) as connection:
            connection.sendall(b"AUTH health any\r\nPING\r\n")
            answer = b""
            while answer.count(b"\r\n") < 2:  # noqa: PLR2004 - one line for each command
                received = connection.recv(64)
                if not received:
                    return False
                answer += received
            return answer.endswith(b"+PONG\r\n")
    except OSError:
        return False


def _service(place: Place, name: str, settings: Mapping[str, str]) -> Part:
    folder = place.code(name)
    prefix = name.upper()
    ours = {
        "PYTHONPATH": "src",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOST": HOST,
        "PORT": str(place.ports[name]),
        "FORWARDED_ALLOW_IPS": ",".join(filter(None, (HOST, os.environ.get("GATEWAY_TRUSTED_PROXIES")))),
        f"{prefix}_PUBLIC_ORIGIN": place.origin,
        f"{prefix}_DATABASE_URL": f"postgresql://{name}_app@{HOST}:{place.ports['postgres']}/{name}",
        f"{prefix}_DATABASE_PASSWORD_FILE": str(place.secrets / f"{name}/database_password"),
    }
    command = [str(folder / ".venv/bin/python"), "-m", f"{name}_service"]
    environment = {**base_environment(place.data, [f"{prefix}_", OTLP]), **ours, **settings}
    ready = lambda: answers(f"{place.url(name)}/readyz")  # noqa: E731 - the parts' checks side by side
    return Part(name, command, ready, environment, folder)


def _auth(place: Place) -> Part:
    secrets = place.secrets / "auth"
    return _service(place, "auth", {
        "AUTH_REDIS_URL": f"redis://auth@{HOST}:{place.ports['sessions']}/0",
        "AUTH_REDIS_PASSWORD_FILE": str(secrets / "redis_password"),
        "AUTH_KEY_ENCRYPTION_KEY_FILE": str(secrets / "key_encryption_key"),
    })  # fmt: skip


def _expenses(place: Place) -> Part:
    secrets = place.secrets / "expenses"
    return _service(place, "expenses", {
        "EXPENSES_CACHE_URL": f"redis://expenses@{HOST}:{place.ports['cache']}/0",
        "EXPENSES_CACHE_PASSWORD_FILE": str(secrets / "cache_password"),
        "EXPENSES_JWKS_URL": f"{place.url('auth')}/.well-known/jwks.json",
        "EXPENSES_REVOCATIONS_URL": f"{place.url('auth')}/internal/v1/revocations",
        "EXPENSES_CURSOR_KEY_FILE": str(secrets / "cursor_key"),
    })  # fmt: skip


def _gateway(place: Place) -> Part:
    state = place.data / "gateway"
    _private(state)
    environment = {
        **base_environment(place.data, ["GATEWAY_", OTLP]),
        "GATEWAY_ADDRESS": f"{HOST}:{place.ports['gateway']}",
        "GATEWAY_EXCHANGE_ADDRESS": f"{HOST}:{place.ports['exchange']}",
        "GATEWAY_METRICS_ADDRESS": f"{HOST}:{place.ports['metrics']}",
        "GATEWAY_PUBLIC_ORIGIN": place.origin,
        "GATEWAY_STATE": str(state),
        "TRAEFIK_BIN": str(servers.TRAEFIK),
        "AUTH_URL": place.urls("auth"),
        "EXPENSES_URL": place.urls("expenses"),
    }
    if place.tls:
        environment["TLS_CERT_FILE"] = str(place.certificate)
        environment["TLS_KEY_FILE"] = str(place.certificate.with_name("key.pem"))
    ready = lambda: answers(f"{place.origin}/healthz")  # noqa: E731 - as above
    return Part("gateway", [str(place.gateway / "start")], ready, environment)


def get(url: str | urllib.request.Request, seconds: float) -> HTTPResponse:
    """The answer of one of our own parts. Raises OSError, of which urllib's HTTPError is one."""
    response: HTTPResponse = _DIRECT.open(url, timeout=seconds)
    return response


def answers(url: str) -> bool:
    """Whether a GET of `url` is a 200."""
    try:
        with get(url, ANSWER_SECONDS) as response:
            return bool(response.status == 200)  # noqa: PLR2004 - OK
    except (OSError, urllib.error.URLError):
        return False


_BUILDERS: Mapping[str, Callable[[Place], Part]] = {
    "postgres": _postgres,
    "sessions": _valkey("sessions"),
    "cache": _valkey("cache"),
    "auth": _auth,
    "expenses": _expenses,
    "gateway": _gateway,
}
