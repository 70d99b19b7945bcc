import pytest
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from expenses_service.errors import MalformedJson, ServiceError, ValidationFailed
from expenses_service.json_text import parse_json
from expenses_service.problems import STATUS, status_of
from expenses_service.requests import query
from expenses_service.validation import validate


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=3)
    number: int = 0
    inner: "Form | None" = None


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "line 1, column 1"),
        (b'{"a": 1,}', "line 1"),
        (b"\xff", "not UTF-8 at byte 0"),
        (b"\xef\xbb\xbf{}", "line 1, column 1"),
        (b'{"a": 1, "a": 2}', "two members of one name"),
        (b"[NaN]", "NaN is not a JSON number"),
        (b"[-Infinity]", "-Infinity is not"),
        (b"[" * 100_000, "nested too deeply"),
        (b"1" * 5000, "The body has a number of too many digits."),
        (b"[1e9999999999999999999]", "The body has a number of too many digits."),
        (b'{"a": -1e-9999999999999999999}', "The body has a number of too many digits."),
        (b"{" + b",".join(b'"%d": 1' % n for n in range(1001)) + b"}", "more than 1000"),
    ],
)
def test_what_is_not_strict_json_is_malformed(body: bytes, detail: str) -> None:
    with pytest.raises(MalformedJson) as refused:
        parse_json(body)
    assert detail in refused.value.detail


def test_numbers_are_kept_by_value() -> None:
    assert str(parse_json(b"[0.10, 1e400]")) == "[Decimal('0.10'), Decimal('1E+400')]"


def test_each_error_has_its_pointer_and_unknown_names_a_suggestion() -> None:
    with pytest.raises(ValidationFailed) as refused:
        validate(Form, {"nmae": "x", "number": "x", "inner": {"name": "long", "a/b~c": 1}})
    found = {(error.pointer, error.code, error.suggestion) for error in refused.value.errors}
    assert found == {
        ("/name", "required", None),
        ("/nmae", "unknown_field", "name"),
        ("/number", "int_parsing", None),
        ("/inner/name", "string_too_long", None),
        ("/inner/a~1b~0c", "unknown_field", None),
    }
    assert not any(error.detail == "long" for error in refused.value.errors)


@pytest.mark.parametrize(
    ("value", "pointer"), [([], ""), ("x", ""), (None, ""), ({"name": "x", "inner": 1}, "/inner")]
)
def test_what_is_no_object_is_told_in_words_of_json(value: object, pointer: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        validate(Form, value)
    found = [(error.pointer, error.detail) for error in refused.value.errors]
    assert found == [(pointer, "must be a JSON object")]


def test_of_very_many_errors_the_first_are_told() -> None:
    """What is near to an unknown name takes a while to find: ten times at most."""
    with pytest.raises(ValidationFailed) as refused:
        validate(Form, {"name": "x"} | {f"numbe{n}": 1 for n in range(999)})
    errors = refused.value.errors
    assert [error.pointer for error in errors] == [f"/numbe{n}" for n in range(50)]
    assert [error.suggestion for error in errors] == ["number"] * 10 + [None] * 40


def test_every_error_has_a_status() -> None:
    assert {status_of(kind()) for kind in STATUS} == set(STATUS.values())
    assert status_of(ServiceError()) == 500
    assert {status_of(kind()) for base in STATUS for kind in base.__subclasses__()} <= set(
        STATUS.values()
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name=a&name=b", [("name", "duplicate_parameter")]),
        ("name=a" + "&x=1" * 63, [("x", "duplicate_parameter")]),
        ("name=a" + "&x=1" * 64, [("", "too_long")]),
        ("name=a&" + "&".join(f"x{n}=1" for n in range(63)), [("x0", "unknown_parameter")]),
    ],
)
async def test_a_query_has_so_many_parameters(text: str, expected: list[tuple[str, str]]) -> None:
    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    with pytest.raises(ValidationFailed) as refused:
        await query(Form)(Request({**scope, "query_string": text.encode()}))
    assert [(error.parameter, error.code) for error in refused.value.errors][:1] == expected
