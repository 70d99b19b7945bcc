"""infra/k8s without a cluster: what is named is there, settings are taken, nobody has a right too many."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from infra.local import bootstrap
from infra.local.bootstrap import ROOT
from kubernetes.manifests import (
    FOLDER,
    OVERLAYS,
    Document,
    container,
    environment,
    named,
    overlay,
    pods,
    selects,
    ways,
)

SERVICES = ("auth", "expenses")
MOUNTED = "/run/secrets/"
DRAIN_SECONDS = 3 + 30  # …_DRAIN_SECONDS of the image, GRACEFUL_SECONDS of the service
TALK = {
    ("gateway", "auth", 8000),
    ("gateway", "expenses", 8000),
    ("expenses", "auth", 8000),
}
TALK_TO_DATA = {
    ("auth", "redis-sessions", 6379),
    ("expenses", "redis-cache", 6379),
    *((name, "postgres", 5432) for name in (*SERVICES, "auth-migrate", "expenses-migrate", "databases")),
}
SETTINGS = """
import json, sys
from {service}_service import settings
kind = getattr(settings, sys.argv[1])
print(json.dumps([f"{{kind.model_config['env_prefix']}}{{name}}".upper() for name in kind.model_fields]))
settings.load(kind)
"""


@pytest.fixture(scope="module", params=OVERLAYS)
def found(request: pytest.FixtureRequest) -> list[Document]:
    return overlay(request.param)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("secrets")
    subprocess.run([str(ROOT / "infra/secrets/generate.sh"), str(folder)], check=True)
    return folder


def test_no_file_is_forgotten() -> None:
    listed = {
        (folder / name).resolve()
        for folder in (FOLDER / "base", *(FOLDER / "overlays" / name for name in OVERLAYS))
        for name in yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    }
    there = {path for path in FOLDER.rglob("*.yaml") if path.name != "kustomization.yaml"}
    assert there == {path for path in listed if path.suffix == ".yaml"}
    assert all(path.exists() for path in listed)


def test_the_gateway_has_all_of_its_files_where_it_looks(found: list[Document]) -> None:
    pod = pods(found)["gateway"]
    (files,) = (each["configMap"] for each in pod["spec"]["volumes"] if "configMap" in each)
    data = named(found, "ConfigMap")["gateway"]["data"]
    placed = {item["path"]: data[item["key"]] for item in files["items"]}
    dynamic = {f"dynamic/{path.name}" for path in (ROOT / "gateway/dynamic").iterdir()}
    assert placed.keys() == {"start", "traefik.yml"} | dynamic
    assert all(text == (ROOT / "gateway" / path).read_text() for path, text in placed.items())
    (mount,) = (each for each in container(pod)["volumeMounts"] if each["name"] == "files")
    assert f"{mount['mountPath']}/start" in container(pod)["command"]


@pytest.mark.parametrize("service", SERVICES)
def test_the_gateway_knows_each_replica_by_a_name_that_leads_to_it(
    found: list[Document], service: str
) -> None:
    replicas = named(found, "StatefulSet")[service]["spec"]
    names = named(found, "Service")[replicas["serviceName"]]["spec"]
    assert (names["clusterIP"], names["publishNotReadyAddresses"]) == ("None", True)
    urls = environment(pods(found)["gateway"], found)[f"{service.upper()}_URL"].split()
    assert len(urls) == replicas["replicas"] >= 2
    assert urls == [
        f"http://{service}-{number}.{replicas['serviceName']}:8000" for number in range(len(urls))
    ]
    assert replicas["template"]["spec"]["terminationGracePeriodSeconds"] > DRAIN_SECONDS


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(("job", "kind"), [("", "Settings"), ("-migrate", "MigrationSettings")])
def test_the_service_takes_its_settings(
    found: list[Document], secrets: Path, service: str, job: str, kind: str
) -> None:
    bootstrap.install(bootstrap.RUN, develop=False)
    pod, folder = pods(found)[service + job], ROOT / "services" / service
    (mounted,) = (each["secret"]["secretName"] for each in pod["spec"]["volumes"] if "secret" in each)
    given = environment(pod, found)
    local = {name: re.sub(f"^{MOUNTED}", f"{secrets}/{mounted}/", value) for name, value in given.items()}
    own = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [str(folder / ".venv/bin/python"), "-c", SETTINGS.format(service=service), kind],
        env=own | local,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ours = {name for name in given if name.startswith(f"{service.upper()}_")}
    assert ours
    assert ours <= set(json.loads(done.stdout)), "a setting that the service does not know"


def test_what_a_pod_names_is_there(found: list[Document], secrets: Path) -> None:
    for name, pod in pods(found).items():
        volumes = {each["name"]: each for each in pod["spec"].get("volumes", [])}
        for each in volumes.values():
            if "configMap" in each:
                assert each["configMap"]["name"] in named(found, "ConfigMap"), name
            if "secret" in each:
                assert (secrets / each["secret"]["secretName"]).is_dir(), name
        claims = named(found, "StatefulSet").get(name, {}).get("spec", {}).get("volumeClaimTemplates", [])
        mounts = {each["name"] for each in container(pod).get("volumeMounts", [])}
        assert mounts == volumes.keys() | {claim["metadata"]["name"] for claim in claims}, name
    for name, service in named(found, "Service").items():
        behind = [pod for pod in pods(found).values() if selects({"matchLabels": service["spec"]["selector"]},
                                                                 pod["metadata"]["labels"])]  # fmt: skip
        assert len(behind) == 1, name
        ports = {port["name"] for port in container(behind[0])["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports, name
    assert not named(found, "Secret"), "secrets are made from files, and are in no file of ours"


def test_no_pod_has_a_right_too_many(found: list[Document]) -> None:
    """The Pod Security Standard "restricted", a root that nobody writes to, and no token of the cluster's."""
    (namespace,) = named(found, "Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for name, pod in pods(found).items():
        spec, inside = pod["spec"], container(pod)
        outer, inner = spec["securityContext"], inside["securityContext"]
        assert outer["runAsNonRoot"] is True, name
        assert outer["runAsUser"] > 0, name
        assert outer["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert inner == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name
        assert spec["automountServiceAccountToken"] is spec["enableServiceLinks"] is False, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), name
        kinds = {kind for volume in spec.get("volumes", []) for kind in volume if kind != "name"}
        assert kinds <= {"secret", "configMap", "emptyDir"}, name
        assert inside["resources"]["requests"].keys() == inside["resources"]["limits"].keys(), name
        assert {"cpu", "memory"} <= inside["resources"]["limits"].keys(), name


@pytest.mark.parametrize("name", [*SERVICES, "gateway"])
def test_who_serves_is_asked_for_its_health_and_never_goes_all_at_once(
    found: list[Document], name: str
) -> None:
    inside = container(pods(found)[name])
    ports = {port["name"]: port["containerPort"] for port in inside["ports"]}
    probes = {kind: inside[f"{kind}Probe"]["httpGet"] for kind in ("startup", "readiness", "liveness")}
    assert {each["port"] for each in probes.values()} <= ports.keys()
    paths = ["/livez", "/readyz", "/livez"] if name in SERVICES else ["/ping"] * 3
    assert [each["path"] for each in probes.values()] == paths
    budget = named(found, "PodDisruptionBudget")[name]["spec"]
    assert budget["maxUnavailable"] == 1
    assert selects(budget["selector"], pods(found)[name]["metadata"]["labels"])


def test_images_are_of_a_version(found: list[Document], request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.params["found"]
    said = yaml.safe_load((FOLDER / "overlays" / name / "kustomization.yaml").read_text())
    ours = {image["name"]: image["newTag"] for image in said["images"]}
    assert ours.keys() == set(SERVICES)
    for pod in pods(found).values():
        image = container(pod)["image"]
        tag = ours[image] if image in ours else image.partition(":")[2]
        assert re.fullmatch(r"v?\d[\w.]*", tag), image


def test_nobody_reaches_whom_they_need_not() -> None:
    assert ways(overlay("trial")) == TALK | TALK_TO_DATA
    assert ways(overlay("managed")) == TALK


def test_prometheus_is_let_in_where_metrics_are_and_nowhere_else() -> None:
    monitoring = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    policies = named(overlay("trial"), "NetworkPolicy")
    open_to_it = {
        (name, port["port"])
        for name, policy in policies.items()
        for rule in policy["spec"].get("ingress", [])
        for port in rule["ports"]
        if monitoring in rule.get("from", [])
    }
    assert open_to_it == {("auth", 8000), ("expenses", 8000), ("gateway", 8077)}
