"""`make rollout` on the containers: one container takes the place of another, as Compose documents scaling.

The name of a service leads to all of its containers, also to one that is not ready. So the gateway is sent to
the old one by that one's own name, then to the new one while the old one drains, and to the service's name
again when the old one is gone.
"""

import secrets
import time
from collections.abc import Callable, Sequence

from infra.local.compose import Compose, Container
from infra.local.failure import Failure

MOVE_SECONDS = 60.0  # each look takes the engine a second, and several when the machine is busy
# As rollout.TRIAL_SECONDS; what the gateway took before it moved is done long before.
TRIAL_SECONDS = 10.0

# From inside, where no published port and no proxy is in between; with TLS, whatever the certificate.
ASK = """
import ssl, sys, urllib.request
def ask(scheme):
    headers = {'X-Request-ID': sys.argv[2]}
    request = urllib.request.Request(f'{scheme}://gateway:8080{sys.argv[1]}', headers=headers)
    urllib.request.urlopen(request, timeout=5, context=ssl._create_unverified_context()).read()
try:
    ask('https')
except OSError:
    ask('http')
"""


def rollout(compose: Compose, service: str, say: Callable[[str], None]) -> None:
    """Replace the one container of `service`; the old one goes on if the new one fails. Raises Failure."""
    old = _running(compose, service)
    if len(old) != 1:
        raise Failure(f"{service} has {len(old)} containers, and one is replaced: make up first.")
    compose.run("build", "--quiet", service)
    compose.run("run", "--rm", "--no-deps", "-T", f"{service}-migrate")
    say(f"Starting the new {service} …")
    scale = ("up", "--detach", "--wait", "--no-deps", "--no-recreate", "--scale")
    try:
        _move(compose, service, old[0].name)
        compose.run(*scale, f"{service}=2", service)
        (new,) = [one for one in _running(compose, service) if one.id != old[0].id]
        _move(compose, service, new.name)
        say(f"The old {service} finishes what it has begun …")
        _watch(compose, new)
    except Failure as failure:
        _move(compose, service, old[0].name)
        _remove(compose, [one for one in _all(compose, service) if one.id != old[0].id])
        _move(compose, service, service)
        raise Failure(f"{failure}\nThe old {service} serves, as before.") from None
    _remove(compose, old)
    compose.run(*scale, f"{service}=1", service)
    _move(compose, service, service)
    say(f"{service} is replaced.")


def _all(compose: Compose, service: str) -> Sequence[Container]:
    return [one for one in compose.list() if one.service == service]


def _running(compose: Compose, service: str) -> Sequence[Container]:
    return [one for one in _all(compose, service) if one.state == "running"]


def _watch(compose: Compose, new: Container) -> None:
    """Wait; all along it has to run and be healthy. Raises Failure with the end of its log."""
    end = time.monotonic() + TRIAL_SECONDS
    while True:
        now = [(one.state, one.health) for one in compose.list() if one.id == new.id]
        if now not in ([("running", "healthy")], [("running", "")]):
            how = ", ".join(now[0]).rstrip(", ") if now else "gone"
            said = compose.run("logs", "--no-color", "--tail", "15", new.service).splitlines()
            own = [line for line in said if new.name.endswith(line.partition(" ")[0])]
            raise Failure("\n".join([f"{new.name} is not healthy any more ({how}); its log ends:", *own]))
        if time.monotonic() > end:
            return
        time.sleep(0.5)


def _remove(compose: Compose, containers: Sequence[Container]) -> None:
    """By SIGTERM, in the time that the service has for it (`stop_grace_period`)."""
    for one in containers:
        compose.engine("stop", one.id)
        compose.engine("rm", one.id)


def _move(compose: Compose, service: str, host: str) -> None:
    """Have the gateway send what it gets for `service` there, and see that it does. Raises Failure."""
    url = f"{service.upper()}_URL=http://{host}:8000"
    compose.run("exec", "-T", "-e", url, "gateway", "sh", "/etc/traefik/start", "servers")
    deadline = time.monotonic() + MOVE_SECONDS
    while not _arrives(compose, service, host):
        if time.monotonic() > deadline:
            raise Failure(f"The gateway does not send to {host}; what was there goes on.")
        time.sleep(0.2)


def _arrives(compose: Compose, service: str, host: str) -> bool:
    """Whether a request comes out there, by the gateway's own log, which names it and the server."""
    name, other = f"rollout-{secrets.token_hex(8)}", "expenses" if service == "auth" else "auth"
    try:
        compose.run("exec", "-T", other, "python", "-c", ASK, f"/api/v1/{service}/openapi.json", name)
    except Failure:
        return False
    time.sleep(0.2)
    said = compose.run("logs", "--no-log-prefix", "--tail", "20000", "gateway")
    return any(name in line and f'"ServiceAddr":"{host}:8000"' in line for line in said.splitlines())
