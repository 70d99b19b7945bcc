"""The alert rules of infra/prometheus: their form, when they fire, and that what they watch is there.

`promtool` says when they fire; it comes with Prometheus, and `.ci/promtool` gets it for these tests alone.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from actors import Person, eventually, new_client
from infra.local.bootstrap import ROOT
from infra.local.stack import Stack

FOLDER = ROOT / "infra/prometheus"
PROMTOOL = shutil.which("promtool", path=f"{os.environ['PATH']}:{ROOT}/.tools/usr/bin")
OF_PROMETHEUS = {"up"}
OF_TLS = {"traefik_tls_certs_not_after"}  # tls/test_certificate.py has a gateway that tells it
STEPS = 300  # of 15 s: an hour and a quarter
WINDOW = 1800  # of the longest rate, which is lower until there is as much
Series = Mapping[str, str]

# Of each alert: series at its limit, which it bears for as long as it lasts, and series just past it.
# A value alone stays; `+n` grows by n each 15 s.
CASES: Mapping[str, tuple[list[Series], Series]] = {
    "ServiceDown": ([{'up{job="auth"}': "1"}, {'up{job="another"}': "0"}], {'up{job="auth"}': "0"}),
    "ErrorsOfAService": (
        [{'http_requests_total{status="503"}': "+2", 'http_requests_total{status="200"}': "+98"}],
        {'http_requests_total{status="503"}': "+2", 'http_requests_total{status="200"}': "+97"},
    ),
    "UnexpectedError": (
        [{'http_requests_total{job="a",route="/x",status="500"}': "3"}],
        {'http_requests_total{job="a",route="/x",status="500"}': "+1"},
    ),
    "LogLinesLost": (
        [{'log_lines_lost_total{job="a"}': "7"}],
        {'log_lines_lost_total{job="a"}': "+1"},
    ),
    "SlowReads": (
        [
            {
                'http_request_duration_seconds_bucket{job="a",method="GET",route="/x",le="0.5"}': "+95",
                'http_request_duration_seconds_bucket{job="a",method="GET",route="/x",le="+Inf"}': "+100",
            },
            {
                'http_request_duration_seconds_bucket{job="a",method="GET",route="/export",le="0.5"}': "+0",
                'http_request_duration_seconds_bucket{job="a",method="GET",route="/export",le="+Inf"}': "+9",
            },
        ],
        {
            'http_request_duration_seconds_bucket{job="a",method="GET",route="/x",le="0.5"}': "+94",
            'http_request_duration_seconds_bucket{job="a",method="GET",route="/x",le="1"}': "+100",
            'http_request_duration_seconds_bucket{job="a",method="GET",route="/x",le="+Inf"}': "+100",
        },
    ),
    "ErrorsAtTheGateway": (
        [
            {
                'traefik_entrypoint_requests_total{entrypoint="web",code="504"}': "+2",
                'traefik_entrypoint_requests_total{entrypoint="web",code="200"}': "+98",
                'traefik_entrypoint_requests_total{entrypoint="exchange",code="500"}': "+50",
            }
        ],
        {
            'traefik_entrypoint_requests_total{entrypoint="web",code="504"}': "+2",
            'traefik_entrypoint_requests_total{entrypoint="web",code="200"}': "+97",
            'traefik_entrypoint_requests_total{entrypoint="exchange",code="200"}': "+50",
        },
    ),
    "NoServerReady": (
        [
            {
                'traefik_service_server_up{service="auth-servers@file",url="http://a:1"}': "0",
                'traefik_service_server_up{service="auth-servers@file",url="http://a:2"}': "1",
            },
            {'traefik_service_server_up{service="exchange-servers@file",url="http://a:1"}': "0"},
        ],
        {
            'traefik_service_server_up{service="auth-servers@file",url="http://a:1"}': "0",
            'traefik_service_server_up{service="auth-servers@file",url="http://a:2"}': "0",
            'traefik_service_server_up{service="expenses-servers@file",url="http://e:1"}': "1",
        },
    ),
    "ServerNotReady": (
        [{'traefik_service_server_up{service="expenses-servers@file",url="http://e:1"}': "1"}],
        {
            'traefik_service_server_up{service="expenses-servers@file",url="http://e:1"}': "1",
            'traefik_service_server_up{service="expenses-servers@file",url="http://e:2"}': "0",
        },
    ),
    "RoutesMissing": (
        [
            {
                'up{job="gateway"}': "1",
                'traefik_service_server_up{service="auth-servers@file"}': "0",
                'traefik_service_server_up{service="expenses-servers@file"}': "1",
            },
            {'up{job="gateway"}': "0"},
        ],
        {'up{job="gateway"}': "1", 'traefik_service_server_up{service="auth-servers@file"}': "1"},
    ),
    "OpenFilesUsedUp": (
        [{'process_open_fds{job="a"}': "8", 'process_max_fds{job="a"}': "10"}],
        {'process_open_fds{job="a"}': "9", 'process_max_fds{job="a"}': "10"},
    ),
    "CertificateEnds": (
        [{"traefik_tls_certs_not_after": str(14 * 86400 + STEPS * 15)}],
        {"traefik_tls_certs_not_after": str(14 * 86400)},
    ),
    "ConnectionsUsedUp": (
        [{'database_pool_connections{job="a",state="in_use"}': "9", 'database_pool_size{job="a"}': "10"}],
        {'database_pool_connections{job="a",state="in_use"}': "10", 'database_pool_size{job="a"}': "10"},
    ),
    "CacheSkipped": ([{"cache_usable": "1"}], {"cache_usable": "0"}),
    "CacheUseless": (
        [
            {'cache_replies_total{source="miss"}': "+19", 'cache_replies_total{source="hit"}': "+1"},
            {'cache_replies_total{source="miss"}': "+15", 'cache_replies_total{source="hit"}': "+0"},
        ],
        {'cache_replies_total{source="miss"}': "+20", 'cache_replies_total{source="hit"}': "+1"},
    ),
    "RevocationListOld": ([{"revocation_list_age_seconds": "30"}], {"revocation_list_age_seconds": "31"}),
    "NoRevocationList": ([{"revocation_list_held": "1"}], {"revocation_list_held": "0"}),
    "KeySetOld": ([{"key_set_age_seconds": "1800"}], {"key_set_age_seconds": "1801"}),
    "SigningKeyNotRotated": (
        [{"auth_signing_key_rotation_seconds": "-3600"}],
        {"auth_signing_key_rotation_seconds": "-3601"},
    ),
    "NoSigningKey": (
        [{'auth_signing_keys{state="current"}': "1", 'auth_signing_keys{state="next"}': "0"}],
        {'auth_signing_keys{state="current"}': "0"},
    ),
    "GuessingPasswords": (
        [{'throttle_refusals_total{policy="address"}': "+15"}],
        {'throttle_refusals_total{policy="address"}': "+16"},
    ),
    "SignInsBusy": ([{"password_turns_free": "1"}], {"password_turns_free": "0"}),
}


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def waits(rule: Mapping[str, Any]) -> int:
    """Seconds that what the rule watches must last."""
    text = str(rule.get("for", "0m"))
    assert text.endswith("m")
    return int(text[:-1]) * 60


def test_each_rule_says_how_urgent_it_is_what_happened_and_what_to_do() -> None:
    assert len({rule["alert"] for rule in rules()}) == len(rules()) > 10
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "ticket"}, rule["alert"]
        assert rule["annotations"].keys() == {"summary", "runbook"}, rule["alert"]
        for text in rule["annotations"].values():
            assert re.fullmatch(r"[^\n]{20,}\.", text), rule["alert"]


def test_each_rule_has_its_case() -> None:
    assert [rule["alert"] for rule in rules()] == list(CASES)


def selectors(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Of each metric that an expression reads: its name and the labels it asks of it."""
    bare = re.sub(r"\b(?:by|on)\s*\([^)]*\)|\[[^\]]*\]", "", expression)
    for name, matchers in re.findall(r"\b([a-z_][a-z0-9_]*)\b(?!\s*\()(\{[^}]*\})?(?![^{]*\})", bare):
        if name not in {"and", "or", "unless"}:
            yield name, set(re.findall(r"(\w+)\s*(?:=|!)", matchers)) - {"job", "instance"}


def test_selectors_are_found() -> None:
    found = list(selectors('sum by (x) (rate(a_total{job="j",q!~"b.*"}[5m])) / on (k) (c) > 2 and d{e="f"}'))
    assert found == [("a_total", {"q"}), ("c", set()), ("d", {"e"})]
    assert list(selectors("a == 1 unless on (k) b or c")) == [("a", set()), ("b", set()), ("c", set())]


@pytest.mark.own_stack
def test_what_the_rules_read_is_exposed(stack: Stack, ada: Person) -> None:
    ada.list()
    watch = new_client(stack.place.url("metrics"))
    eventually(lambda: "traefik_service_server_up" in watch.get("/metrics").text)  # once it was asked
    exposed: dict[str, set[str]] = {}
    for part in ("auth", "expenses", "metrics"):
        text = new_client(stack.place.url(part)).get("/metrics").text
        for name, labels in re.findall(r"^(\w+)(\{.*\})? ", text, re.MULTILINE):
            exposed.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    for rule in rules():
        for name, labels in selectors(rule["expr"]):
            assert name in exposed.keys() | OF_PROMETHEUS | OF_TLS, rule["alert"]
            assert labels <= exposed.get(name, set()), rule["alert"]


def promtool(*arguments: str) -> None:
    if PROMTOOL is None:
        pytest.skip("promtool is not installed (.ci/promtool)")
    done = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_accepts_the_rules_and_where_to_look() -> None:
    promtool("check", "config", str(FOLDER / "prometheus.yml"))


def unit(rule: Mapping[str, Any], series: Series, asked: Mapping[int, int]) -> dict[str, Any]:
    """A test of promtool's: of `series`, how many alerts of the rule fire at each second."""
    values = {name: f"0{text}" if text[0] == "+" else f"{text}+0" for name, text in series.items()}
    fires = f'count(ALERTS{{alertname="{rule["alert"]}",alertstate="firing"}})'
    counted = {at: [{"labels": "{}", "value": count}] if count else [] for at, count in asked.items()}
    return {
        "interval": "15s",
        "input_series": [{"series": name, "values": f"{text}x{STEPS}"} for name, text in values.items()],
        "promql_expr_test": [
            {"expr": fires, "eval_time": f"{at}s", "exp_samples": samples} for at, samples in counted.items()
        ],
    }


@pytest.mark.parametrize("alert", CASES)
def test_it_fires_past_its_limit_after_its_time(tmp_path: Path, alert: str) -> None:
    rule = next(rule for rule in rules() if rule["alert"] == alert)
    bearable, past = CASES[alert]
    soon, late = waits(rule) - 30, waits(rule) + WINDOW + 60
    units = [unit(rule, series, {late: 0, STEPS * 15: 0}) for series in bearable]
    units.append(unit(rule, past, {late: 1} if soon < 0 else {soon: 0, late: 1}))
    document = {"rule_files": [str(FOLDER / "alerts.yml")], "evaluation_interval": "15s", "tests": units}
    file = tmp_path / "alert_test.yml"
    file.write_text(json.dumps(document))
    promtool("test", "rules", str(file))
