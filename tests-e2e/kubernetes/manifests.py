"""What `kubectl kustomize` makes of an overlay of infra/k8s, but for patches; and who may talk to whom."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from infra.local.bootstrap import ROOT

FOLDER = ROOT / "infra/k8s"
OVERLAYS = ("managed", "trial")
RUNS = {"Deployment", "StatefulSet", "Job"}
Document = dict[str, Any]


def documents(folder: Path) -> Iterator[Document]:
    """All of a kustomization and of those that it builds upon."""
    said = yaml.safe_load((folder / "kustomization.yaml").read_text())
    for name in said.get("resources", []):
        path = (folder / name).resolve()
        yield from documents(path) if path.is_dir() else yaml.safe_load_all(path.read_text())
    for made in said.get("configMapGenerator", []):
        files = {Path(name).name: (folder / name).read_text() for name in made.get("files", [])}
        literals = dict(line.split("=", 1) for line in made.get("literals", []))
        yield {"kind": "ConfigMap", "metadata": {"name": made["name"]}, "data": files | literals}


def overlay(name: str) -> list[Document]:
    """All documents of an overlay."""
    return list(documents(FOLDER / "overlays" / name))


def named(found: list[Document], kind: str) -> dict[str, Document]:
    """Those of a kind, by name."""
    return {each["metadata"]["name"]: each for each in found if each["kind"] == kind}


def pods(found: list[Document]) -> dict[str, Document]:
    """The specifications of pods, by what makes them."""
    return {each["metadata"]["name"]: each["spec"]["template"] for each in found if each["kind"] in RUNS}


def container(pod: Document) -> Document:
    """Its only one."""
    (only,) = pod["spec"]["containers"]
    assert not pod["spec"].get("initContainers")
    specification: Document = only
    return specification


def environment(pod: Document, found: list[Document]) -> dict[str, str]:
    """What its process finds in its environment."""
    maps, values = named(found, "ConfigMap"), {}
    for each in container(pod).get("env", []):
        if "value" in each:
            values[each["name"]] = each["value"]
        else:
            reference = each["valueFrom"]["configMapKeyRef"]
            data = maps[reference["name"]]["data"]
            if not reference.get("optional"):
                assert reference["key"] in data, reference
            values |= {each["name"]: data[reference["key"]]} if reference["key"] in data else {}
    return values


def selects(selector: Document, labels: Mapping[str, str]) -> bool:
    """Whether a selector of labels is about these."""
    wanted: Mapping[str, str] = selector.get("matchLabels", {})
    expressions = selector.get("matchExpressions", [])
    assert all(each["operator"] == "In" for each in expressions)
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        labels.get(each["key"]) in each["values"] for each in expressions
    )


def ways(found: list[Document]) -> set[tuple[str, str, int]]:
    """Who reaches whom at which port, as the policies of both sides let them."""
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(found).items()}
    ports = {
        (name, port["containerPort"])
        for name, pod in pods(found).items()
        for port in container(pod).get("ports", [])
    }
    policies = [each["spec"] for each in found if each["kind"] == "NetworkPolicy"]
    return {
        (client, server, port)
        for client in labels
        for server, port in ports
        if _lets(policies, "Egress", labels[client], labels[server], port)
        and _lets(policies, "Ingress", labels[server], labels[client], port)
    }


def _lets(
    policies: list[Document], direction: str, own: Mapping[str, str], other: Mapping[str, str], port: int
) -> bool:
    """Whether any policy of `own` pods has a rule for `other`; without any policy all may."""
    about = [
        each for each in policies if direction in each["policyTypes"] and selects(each["podSelector"], own)
    ]
    peers = {"Egress": "to", "Ingress": "from"}[direction]
    rules = [rule for each in about for rule in each.get(direction.lower(), [])]
    return not about or any(
        any(allowed["port"] == port for allowed in rule["ports"])
        and (peers not in rule or any(_is(peer, other) for peer in rule[peers]))
        for rule in rules
    )


def _is(peer: Document, labels: Mapping[str, str]) -> bool:
    """Whether a peer is these pods of the same namespace."""
    return peer.keys() == {"podSelector"} and selects(peer["podSelector"], labels)
