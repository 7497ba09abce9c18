"""The static check: a mapping that contradicts its datasets is refused while the DAG file is parsed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

import lienthong.mapping
from lienthong.datasets import Catalogue
from lienthong.errors import InvalidExchange, LienThongError, UnknownName
from lienthong.mapping import CompiledMapping, Mapping
from lienthong.records import digest

Build = Callable[..., CompiledMapping]
EACH = [{"to": "ten", "from": "title"}]

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"to": "ten", "from": "nam"}, "'nam'"),
    ({"to": "tenn", "from": "name"}, "'tenn'"),
    ({"to": "giay[].ten", "from": "name"}, r"giay\[\]"),
    ({"to": "ten"}, "exactly one"),
    ({"from": "name"}, "exactly one"),
    ({"to": "ten", "from": "name", "constant": "x"}, "exactly one"),
    ({"to": "ten", "from": "name", "join": ["id"]}, "exactly one"),
    ({"to": "ten", "from": "name", "uper": True}, "uper"),
    ({"to": "ma", "from": "name"}, "earlier rule"),
    ({"to": "so", "from": "name"}, "makes string"),
    ({"to": "ten", "from": "number"}, "makes integer"),
    ({"to": "ten", "from": "papers"}, "makes array"),
    ({"to": "so", "from": "name", "text": ["upper"]}, "makes string"),
    ({"to": "so", "join": ["name"]}, "makes string"),
    ({"to": "so", "from": "number", "as": "text"}, "makes string"),
    ({"to": "so", "from": "name", "codes": "a.to.b"}, "makes string"),
    ({"to": "so", "from": "day", "date": {"from": "iso", "to": "yyyy"}}, "makes string"),
    ({"to": "so", "constant": "x"}, "makes string"),
    ({"to": "kieu", "constant": "C"}, "does not fit"),
    ({"to": "so", "from": "number", "default": "x"}, "does not fit"),
    ({"to": "kieu", "from": "name", "codes": "none.to.none"}, "none.to.none"),
    ({"to": "ngay", "from": "day", "date": {"from": "isoo", "to": "iso"}}, "isoo"),
    ({"to": "ngay", "from": "day", "date": {"from": "iso", "to": "iso", "zone": "Mars"}}, "Mars"),
    ({"to": "ngay", "from": "day", "date": {"from": ["iso"], "to": ["iso", "yyyy"]}}, "rule 2"),
    ({"to": "ngay", "from": "day", "date": {"to": "iso"}}, "from"),
    ({"to": "ten", "from": "name", "text": ["shout"]}, "shout"),
    ({"to": "ten", "from": "name", "as": "colour"}, "colour"),
    ({"to": "ten", "from": "name", "split": {"by": "-"}}, "part"),
    ({"to": "ten", "from": "name", "split": "name"}, "Ho, ChuDem, Ten"),
    ({"to": {"Ten": "ten"}, "from": "name"}, "Ho, ChuDem, Ten"),
    ({"to": {"Ten": "ho.Tenn"}, "from": "name", "split": "name"}, "ho.Tenn"),
    ({"to": {"Alias": "ten"}, "from": "name", "split": "name"}, "Ho, ChuDem, Ten"),
    ({"to": "ten", "from": "name", "when": {"field": "name"}}, "when needs"),
    ({"to": "ten", "from": "name", "when": {"field": "nam", "is": 1}}, "'nam'"),
    ({"to": "giay", "from": "name", "each": EACH}, "list"),
    ({"to": "giay", "from": "papers", "each": [{"to": "ten", "from": "titel"}]}, r"rule 2\.1 .*'titel'"),
    ({"to": "giay", "from": "papers", "each": [{"to": "so", "from": "count"}]}, "required field 'ten'"),
    ({"to": "giay", "from": "papers", "each": [{"to": "ten", "from": "count"}]}, "makes integer"),
    ({"drop": ["nam"]}, "'nam'"),
    ({"drop": ["name"], "to": "ten"}, "drop"),
    ({"to": "ten", "from": "secret"}, "personal data would become internal"),
    ({"to": "ten", "join": ["name", "secret"]}, "personal data would become internal"),
    ({"to": "ten", "call": "smallschemas.functions:record"}, "personal data would become internal"),
    ({"to": "ten", "from": "name", "call": "os:system"}, "registered schemas package"),
    ({"to": "ten", "from": "name", "call": "smallschemas.functions:_private"}, "registered schemas package"),
    ({"to": "ten", "from": "name", "call": "smallschemas.functions:none"}, "cannot be loaded"),
    ({"to": "ten", "from": "name", "call": "smallschemas.none:x"}, "cannot be loaded"),
    ({"to": "ten", "from": "name", "call": "smallschemas.functions:not_callable"}, "no function"),
]


@pytest.mark.parametrize(("rule", "named"), WRONG)
def test_a_wrong_rule_is_refused_with_mapping_rule_and_field(
    build: Build, rule: dict[str, Any], named: str
) -> None:
    """Every contradiction is an `InvalidExchange` that says where it is."""
    with pytest.raises(InvalidExchange, match=named) as caught:
        build(rule)
    assert "mapping 'small/1'" in str(caught.value)
    assert "rule 2" in str(caught.value)


def test_a_required_target_field_that_no_rule_makes_is_named(build: Build) -> None:
    """The target requires ma, and nothing makes it."""
    with pytest.raises(InvalidExchange, match="required field 'ma'"):
        build({"to": "ten", "from": "name"}, key=False)
    with pytest.raises(InvalidExchange, match="required field 'ngay'"):
        build(to="small.target/2")


def test_lowering_a_class_needs_a_reason(build: Build) -> None:
    """A result that is no longer personal may be declared so, with words."""
    mapping = build(
        {
            "to": "ten",
            "from": "secret",
            "declassified": "only whether there is one",
            "split": {"by": "|", "part": 0},
        }
    )
    assert mapping.apply({"id": "1", "name": "n", "secret": "x|y"}) == {"ma": "1", "ten": "x"}


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ({"from": 3}, "'from'"),
        ({"title": {"vi": "Thử"}}, "title"),
        ({"rules": {}}, "rules"),
        ({"extra": 1}, "nothing else"),
        ({"lookup": {"into": "x"}}, "into and dataset"),
        ({"lookup": {"into": "home", "dataset": "small.target/1"}}, "'home'"),
    ],
)
def test_a_malformed_head_is_refused(build: Build, words: dict[str, Any], named: str) -> None:
    """What stands around the rules is checked as well."""
    with pytest.raises(InvalidExchange, match=named):
        build(**words)


@pytest.mark.parametrize(
    "words",
    [{"from": "small.none/1"}, {"to": "small.target/9"}, {"lookup": {"into": "x", "dataset": "no/1"}}],
)
def test_datasets_must_exist(build: Build, words: dict[str, Any]) -> None:
    """A dataset that is not there is an `UnknownName`."""
    with pytest.raises(UnknownName):
        build(**words)


def test_answers_of_a_lookup_are_fields_of_the_source(build: Build) -> None:
    """Paths below ``into`` are checked against the answer's dataset and read from the record."""
    lookup = {"into": "answer", "dataset": "small.target/1"}
    mapping = build({"to": "ten", "from": "answer.ho.Ten"}, lookup=lookup)
    assert mapping.lookup_into == "answer"
    assert mapping.lookup_dataset == "small.target/1"
    record = {"id": "1", "name": "n", "answer": {"ho": {"Ten": "x"}}}
    assert mapping.apply(record) == {"ma": "1", "ten": "x"}
    with pytest.raises(InvalidExchange, match=r"answer\.none"):
        build({"to": "ten", "from": "answer.none"}, lookup=lookup)


def test_a_mapping_round_trips_and_has_a_digest(schemas: Catalogue) -> None:
    """``as_dict`` compiles to the same mapping, and any change of a rule changes the digest."""
    for ref in schemas.mappings():
        mapping = schemas.mapping(ref)
        again = Mapping.compile(mapping.as_dict(), schemas, ref)
        assert again.digest == mapping.digest == digest(mapping.as_dict())
        changed = {**mapping.as_dict(), "title": {"vi": "Khác", "en": "Other"}}
        assert Mapping.compile(changed, schemas, ref).digest != mapping.digest
        assert mapping is schemas.mapping(ref)


def test_every_source_field_of_our_mappings_is_used_or_dropped(schemas: Catalogue) -> None:
    """No field of a source is forgotten: what is not mapped stands in a drop rule."""
    for ref in schemas.mappings():
        if ref.startswith("bench"):
            continue
        mapping = schemas.mapping_file(ref)
        named = {path.split(".")[0].split("[")[0] for path in _named(mapping.data["rules"])}
        fields = {
            path for path in schemas.dataset(mapping.source).fields() if "[" not in path and "." not in path
        }
        assert fields - named == set(), ref


def _named(rules: list[dict[str, Any]]) -> Any:
    for rule in rules:
        for word in ("from", "join", "drop"):
            value = rule.get(word, [])
            yield from [value] if isinstance(value, str) else value
        when = rule.get("when", [])
        yield from (condition["field"] for condition in (when if isinstance(when, list) else [when]))


@pytest.mark.parametrize(
    "word",
    ["to", "from", "join", "codes", "date", "text", "as", "split", "when", "call", "each", "drop", "with"],
)
def test_nonsense_is_answered_by_one_of_our_errors(build: Build, word: str) -> None:
    """Whatever nonsense a rule's word holds, the answer is a mapping or one of our errors."""
    for nonsense in (3, None, True, [], {}, "x", [3], {"x": 1}, [{}], {"from": 1, "to": 2}):
        for rule in ({"to": "ten", "from": "name", word: nonsense}, {word: nonsense}, nonsense):
            with contextlib.suppress(LienThongError):
                build(rule)


def test_the_public_surface_is_what_it_was() -> None:
    """Names that others import do not vanish unnoticed."""
    assert lienthong.mapping.__all__ == ["CompiledMapping", "Mapping"]
