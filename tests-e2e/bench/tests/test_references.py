"""The references run in the services' environments, and so they do here."""

import json
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from actors import eventually
from bench.site import REFERENCES
from bench.web import Answer, Caller
from infra.local import bootstrap
from infra.local.parts import answers
from infra.local.ports import free


@pytest.fixture(scope="module", autouse=True)
def _environments() -> None:
    bootstrap.install(bootstrap.RUN, develop=False)


def python(service: str) -> str:
    return str(bootstrap.ROOT / "services" / service / ".venv/bin/python")


def evaluated(expression: str) -> object:
    """Of a name in queries.py."""
    code = f"import json, queries; print(json.dumps({expression}, default=str))"
    done = subprocess.run(
        [python("expenses"), "-c", code], cwd=REFERENCES, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_values_are_read_as_postgres_writes_them() -> None:
    kinds = {
        "uuid": "01a21522-9dc0-704a-b241-e823c1479049", "int8": "-7", "jsonb": '{"a": 1}',
        "timestamptz": "2026-11-24 23:55:21.5+00", "date": "2999-12-31", "bool": "t",
        "text[]": r'{a,"b,\"c\"",NULL,""}', "int8[]": "{}",
    }  # fmt: skip
    read = f"[queries.reader(kind)(text) for kind, text in {kinds!r}.items()]"
    assert evaluated(read) == [
        kinds["uuid"], -7, '{"a": 1}', "2026-11-24 23:55:21.500000+00:00", "2999-12-31", True,
        ["a", 'b,"c"', None, ""], [],
    ]  # fmt: skip


def test_places_are_filled_anew_and_all_else_is_made_once() -> None:
    values = {"@key@": "k1", "@lock@": "12"}
    made = "[queries.maker(kind, text)({!r}) for kind, text in {!r}]"
    given = [("text", "of @key@"), ("int8", "@lock@"), ("text", None), ("bytea", r"\x4142")]
    assert evaluated(made.format(values, given)) == ["of k1", 12, None, "b'AB'"]


def test_the_bare_application_answers_everything_with_the_same_bytes(tmp_path: Path) -> None:
    answer = Answer(
        200, (("content-type", "application/json"), ("content-length", "8"), ("etag", '"x"')), '{"a": 1}', 0
    )
    file, port = tmp_path / "answer.json", free()
    file.write_text(json.dumps({"headers": answer.headers, "body": answer.body}))
    command = [python("expenses"), str(REFERENCES / "bare.py"), str(port), str(file)]
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command) as process:
        try:
            eventually(lambda: answers(url))
            with closing(Caller(url, {})) as caller:
                got = [caller.get(path) for path in ("/", "/api/v1/expenses?limit=1")]
        finally:
            process.terminate()
    assert [(one.headers, one.body) for one in got] == [(answer.headers, answer.body)] * 2


def test_passwords_are_verified_one_after_the_other_in_each_thread() -> None:
    done = subprocess.run(
        [python("auth"), str(REFERENCES / "passwords.py"), "64", "1", "2", "1"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert float(done.stdout) > 0
