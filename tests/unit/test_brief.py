"""Work in words: what is asked for, as a form, as a schema and as a check of what is brought."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from agents.brief import TEXT_MOST, BriefInputs, answer_schema, check_answer
from models.errors import Invalid

FIELDS: dict[str, Any] = {
    "summary": {"type": "text", "about": "in one sentence"},
    "mood": {"type": "integer", "least": 1, "most": 5},
    "share": {"type": "number", "least": 0},
    "paid": {"type": "boolean"},
    "kind": {"type": "choice", "choices": ["praise", "complaint"]},
}
GOOD = {"summary": "Late.", "mood": 4, "share": 0.5, "paid": True, "kind": "praise"}


def brief(**fields: Any) -> BriefInputs:
    return BriefInputs.model_validate({"instructions": "Sum up.", **({"answer": fields} if fields else {})})


def test_an_answer_that_fits_is_returned_as_it_is() -> None:
    assert check_answer(brief(**FIELDS), GOOD) == GOOD


def test_without_fields_one_text_named_answer_is_asked_for() -> None:
    assert list(brief().answer) == ["answer"]
    assert check_answer(brief(), {"answer": "x"}) == {"answer": "x"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"summary": 3}, "summary is not text"),
        ({"summary": "x" * (TEXT_MOST + 1)}, "summary is not text of 50000"),
        ({"summary": None}, "summary is not text"),
        ({"mood": 0}, "mood is less than 1"),
        ({"mood": 6}, "mood is more than 5"),
        ({"mood": 2.0}, "mood is not of type integer"),
        ({"mood": True}, "mood is not of type integer"),
        ({"mood": "4"}, "mood is not of type integer"),
        ({"share": -0.1}, "share is less than 0"),
        ({"share": float("nan")}, "share is not of type number"),
        ({"share": float("inf")}, "share is not of type number"),
        ({"share": True}, "share is not of type number"),
        ({"paid": 1}, "paid is not of type boolean"),
        ({"kind": "Praise"}, "kind is not one of praise, complaint"),
        ({"kind": ["praise"]}, "kind is not one of"),
        ({"colour": "red"}, "colour was not asked for"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_with_the_field_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid, match="does not fit") as refused:
        check_answer(brief(**FIELDS), GOOD | change)
    assert said in str(refused.value)


def test_every_wrong_and_missing_field_is_named_at_once() -> None:
    with pytest.raises(Invalid, match="paid is missing; kind is missing; mood is more than 5"):
        check_answer(brief(**FIELDS), {"summary": "", "mood": 9, "share": 1})


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ({"type": "choice"}, "needs choices"),
        ({"type": "text", "choices": ["a"]}, "needs choices"),
        ({"type": "text", "least": 1}, "least and most are for numbers"),
        ({"type": "boolean", "most": 1}, "least and most are for numbers"),
        ({"type": "date"}, "type"),
        ({"type": "choice", "choices": [""]}, "choices"),
        ({"type": "choice", "choices": ["a"] * 101}, "choices"),
        ({"about": "x" * 501}, "about"),
        ({"colour": 1}, "colour"),
    ],
)
def test_a_field_that_contradicts_itself_is_refused(field: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        brief(x=field)


@pytest.mark.parametrize(
    "change",
    [
        {"instructions": ""},
        {"instructions": "x" * 20_001},
        {"data": {"bad name": 1}},
        {"files": {"a": "text"}},
        {"answer": {}},
        {"answer": {"1x": {}}},
        {"answer": {f"a{n}": {} for n in range(51)}},
        {"more": 1},
    ],
)
def test_a_brief_has_limits(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        BriefInputs.model_validate({"instructions": "Sum up."} | change, context={"references": True})


def test_the_schema_names_every_field_and_allows_no_other() -> None:
    schema = answer_schema(brief(**FIELDS))
    Draft202012Validator.check_schema(schema)
    assert schema["required"] == list(FIELDS)
    assert schema["properties"]["mood"] == {"type": "integer", "minimum": 1, "maximum": 5}
    assert schema["properties"]["kind"] == {"type": "string", "enum": ["praise", "complaint"]}
    assert schema["additionalProperties"] is False


VALUES = st.one_of(st.none(), st.booleans(), st.integers(-3, 9), st.sampled_from(["praise", "x"]), st.sampled_from([0.5, -1.5, 2.5]), st.just([]))


@given(st.dictionaries(st.sampled_from([*FIELDS, "other"]), VALUES))
def test_the_check_and_the_schema_agree(answer: dict[str, Any]) -> None:
    """What the schema that a model is given allows is what is accepted from anybody."""
    inputs = brief(**FIELDS)
    allowed = Draft202012Validator(answer_schema(inputs)).is_valid(answer)
    try:
        check_answer(inputs, answer)
    except Invalid:
        accepted = False
    else:
        accepted = True
    assert accepted == allowed
