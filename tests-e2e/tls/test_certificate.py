"""Where the gateway's certificate comes from: an operator's own files, or one that is signed by itself."""

import re
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from infra.local import bootstrap
from infra.local.failure import Failure
from infra.local.stack import Stack

pytestmark = pytest.mark.own_stack


def run(folder: Path, origin: str) -> str:
    """What the step that `make run TLS=1` and the containers take prints."""
    python, script = "services/auth/.venv/bin/python", "infra/tls/certificate.py"
    command = [python, script, str(folder), origin]
    done = subprocess.run(command, cwd=bootstrap.ROOT, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize(
    ("certificate", "key", "said"),
    [
        (
            "certificate.pem",
            "other/key.pem",
            "The key in TLS_KEY_FILE is not that of TLS_CERT_FILE.",
        ),
        ("text", "key.pem", "TLS_CERT_FILE and TLS_KEY_FILE hold no certificate and key in PEM."),
        (
            "certificate.pem",
            "text",
            "TLS_CERT_FILE and TLS_KEY_FILE hold no certificate and key in PEM.",
        ),
        (
            "certificate.pem",
            "none",
            "HERE/none, of TLS_CERT_FILE and TLS_KEY_FILE: No such file or directory.",
        ),
        ("certificate.pem", "", "TLS_CERT_FILE and TLS_KEY_FILE belong together: set both."),
    ],
)
def test_own_files_that_cannot_be_used_stop_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certificate: str, key: str, said: str
) -> None:
    run(tmp_path, "https://localhost")
    run(tmp_path / "other", "https://localhost")
    (tmp_path / "text").write_text("no PEM")
    monkeypatch.setenv("TLS_CERT_FILE", str(tmp_path / certificate))
    monkeypatch.setenv("TLS_KEY_FILE", str(tmp_path / key) if key else "")
    with pytest.raises(Failure) as raised, Stack(tmp_path / "data", port=0, tls=True):
        pass
    assert str(raised.value) == f"certificate failed:\n{said.replace('HERE', str(tmp_path))}"


def test_own_files_are_served(secure: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, "https://localhost")
    own = tmp_path / "certificate.pem"
    monkeypatch.setenv("TLS_CERT_FILE", str(own))
    monkeypatch.setenv("TLS_KEY_FILE", str(tmp_path / "key.pem"))
    said = run(secure.place.certificate.parent, secure.base_url)
    assert said == "The certificate is the one in TLS_CERT_FILE.\n"
    assert secure.place.certificate.read_bytes() == own.read_bytes()
    secure.stop("gateway")
    secure.start("gateway")
    trust = ssl.create_default_context(cafile=own)
    assert httpx.get(f"{secure.base_url}/healthz", verify=trust).status_code == 200


def test_prometheus_is_told_when_the_certificate_ends(secure: Stack) -> None:
    certificate = x509.load_pem_x509_certificate(secure.place.certificate.read_bytes())
    told = httpx.get(f"{secure.place.url('metrics')}/metrics").text
    ends = re.findall(r'^traefik_tls_certs_not_after{.*sans="(.*?)".*} (\S+)$', told, re.MULTILINE)
    assert [(names.split(",")[0], float(end)) for names, end in ends] == [
        ("localhost", certificate.not_valid_after_utc.timestamp())
    ]


def test_a_self_signed_certificate_is_kept_while_it_is_good(tmp_path: Path) -> None:
    def certificate(origin: str) -> bytes:
        run(tmp_path / "tls", origin)
        assert {file.stat().st_mode & 0o777 for file in (tmp_path / "tls").iterdir()} == {0o600}
        return (tmp_path / "tls/certificate.pem").read_bytes()

    first = certificate("https://localhost:8443")
    assert certificate("https://127.0.0.1:9443") == first  # one certificate for all names of this machine
    other = certificate("https://expenses.example")
    assert other != first
    (tmp_path / "tls/key.pem").write_text("lost")
    assert certificate("https://expenses.example") != other
