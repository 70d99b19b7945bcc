"""Whether one JSON Schema (2020-12) allows something that another does not, as far as these documents go.

Decided for what pydantic writes: types, enumerations, limits, arrays, objects, alternatives, references. What
cannot be compared, such as two patterns, is beyond the other unless it is the same.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Json = Any
ANNOTATIONS = frozenset({"title", "description", "example", "examples", "default", "deprecated"})
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
# Compared part by part; every other keyword has to be the same.
COMPARED = frozenset({"$ref", "anyOf", "oneOf", "type", "enum", "const", "items", "required", "properties",
                      "additionalProperties", *LOWER, *UPPER})  # fmt: skip


def resolved(document: Json, part: Json) -> Json:
    """The part that a reference stands for, with what stands beside the reference."""
    while "$ref" in part:
        found = document
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step.replace("~1", "/").replace("~0", "~")]
        part = {**found, **{name: value for name, value in part.items() if name != "$ref"}}
    return part


class Comparison:
    """Schemas of one document against those of another; with their defaults, where these mean something."""

    def __init__(self, document: Json, other_document: Json, *, defaults: bool) -> None:
        self._document = document
        self._other_document = other_document
        self._defaults = defaults
        self._open: list[tuple[Json, Json]] = []

    def beyond(self, where: str, schema: Json, other: Json) -> Iterator[str]:
        """A sentence for each thing that `schema` allows and `other` does not."""
        if (schema, other) in self._open:
            return  # a schema within itself: compared already, further out
        self._open.append((schema, other))
        yield from self._compare(where, self._plain(self._document, schema), self._other(other))
        self._open.pop()

    def _compare(self, where: str, schema: Json, others: list[Json]) -> Iterator[str]:
        for alternative in schema:
            found = [list(self._one(where, alternative, other)) for other in others]
            if all(found):  # none of the others allows all of it
                yield from min(found, key=len)

    def _plain(self, document: Json, schema: Json) -> list[Json]:
        """The alternatives of a schema, each without alternatives or references of its own."""
        schema = resolved(document, {} if schema is True else schema)
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                rest = {name: value for name, value in schema.items() if name != keyword}
                options = (self._plain(document, option) for option in schema[keyword])
                return [{**rest, **option} for group in options for option in group]
        if isinstance(schema.get("type"), list):
            return [{**schema, "type": kind} for kind in schema["type"]]
        return [schema]

    def _other(self, schema: Json) -> list[Json]:
        return self._plain(self._other_document, schema)

    def _one(self, where: str, schema: Json, other: Json) -> Iterator[str]:
        kind, other_kind = schema.get("type"), other.get("type")
        if other_kind not in {None, kind} and (kind, other_kind) != ("integer", "number"):
            yield f"{where}: {kind or 'anything'} in place of {other_kind}"
            return
        yield from self._values(where, schema, other)
        yield from self._limits(where, schema, other)
        if "items" in other:
            yield from self.beyond(f"{where}[]", schema.get("items", True), other["items"])
        yield from self._members(where, schema, other)
        if self._defaults and "default" in schema and schema["default"] != other.get("default"):
            yield f"{where}: the default is another"
        for keyword in sorted(other.keys() - COMPARED - ANNOTATIONS):
            if schema.get(keyword) != other[keyword]:
                yield f"{where}: another {keyword}"

    def _values(self, where: str, schema: Json, other: Json) -> Iterator[str]:
        allowed, others = _enumerated(schema), _enumerated(other)
        if others is not None:
            if allowed is None:
                yield f"{where}: more than the values of an enumeration"
            else:
                yield from (f"{where}: {value!r} is no value" for value in allowed if value not in others)

    def _limits(self, where: str, schema: Json, other: Json) -> Iterator[str]:
        for keywords, sign in ((LOWER, 1), (UPPER, -1)):
            for keyword in keywords:
                if keyword in other and (
                    keyword not in schema or sign * schema[keyword] < sign * other[keyword]
                ):
                    yield f"{where}: {keyword} {other[keyword]}, not {schema.get(keyword)}"

    def _members(self, where: str, schema: Json, other: Json) -> Iterator[str]:
        for name in sorted(set(other.get("required", ())) - set(schema.get("required", ()))):
            yield f"{where}: {name} is required"
        mine, theirs = schema.get("properties", {}), other.get("properties", {})
        rest, other_rest = schema.get("additionalProperties", True), other.get("additionalProperties", True)
        for name in sorted(mine.keys() | theirs.keys()):
            member, other_member = mine.get(name, rest), theirs.get(name, other_rest)
            if member is False:
                continue
            if other_member is False:
                yield f"{where}: {name} is not known"
            elif other_member is not True:
                yield from self.beyond(f"{where}/{name}", member, other_member)
        if other_rest is False and rest is not False:
            yield f"{where}: other members are not allowed"
        elif isinstance(other_rest, Mapping) and rest is not False:
            yield from self.beyond(f"{where}/*", rest, other_rest)


def _enumerated(schema: Json) -> list[Json] | None:
    if "const" in schema:
        return [schema["const"]]
    values: list[Json] | None = schema.get("enum")
    return values
