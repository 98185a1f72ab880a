"""What every kind of agent promises, held by each of them; see agents/contract.py. The kind `prefect` is held to it in tests/integration."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents import registry
from agents.contract import Control, Stopped
from models.errors import Invalid
from tests.contract.agents_support import (
    Case,
    Site,
    brings_value_and_artifacts,
    cases,
    ends_with_its_time,
    nothing_left,
    perform,
    site,
    stops_when_asked,
)

KINDS = [kind for kind in registry.kinds() if kind != "prefect"]


@pytest.fixture(scope="module")
def web() -> Iterator[Site]:
    with site() as served:
        yield served


@pytest.fixture(params=KINDS)
def case(request: pytest.FixtureRequest, web: Site) -> Case:
    return cases(web)[request.param]


def test_success_brings_a_value_and_artifacts_and_touches_nothing_else(case: Case, folder: Path) -> None:
    brings_value_and_artifacts(case, folder)


def test_an_agent_stops_when_asked_and_leaves_no_process(case: Case, folder: Path) -> None:
    stops_when_asked(case, folder)


def test_an_agent_ends_when_its_time_is_over(case: Case, folder: Path) -> None:
    ends_with_its_time(case, folder)


def test_an_agent_that_was_stopped_before_it_began_does_nothing(case: Case, folder: Path) -> None:
    control = Control(timeout_s=60)
    control.stop("lost")
    with pytest.raises(Stopped, match="lost"):
        perform(case, case.inputs, folder / "attempt", control)
    assert [path.name for path in (folder / "attempt").iterdir()] == ["inputs"]
    assert nothing_left()


def test_another_attempt_at_the_same_inputs_brings_the_same_value(case: Case, folder: Path) -> None:
    one, other = (perform(case, case.inputs, folder / name, Control(timeout_s=120)) for name in ("one", "other"))
    assert one.value == other.value


def test_inputs_are_of_one_kind_only(case: Case) -> None:
    submitted = json.loads(json.dumps(case.inputs).replace('"@inputs/sales.csv"', '{"$file": "sales.csv"}'))
    assert registry.kinds_for(submitted) == [registry.takes(case.kind)]


def test_wrong_inputs_are_refused_with_the_field_named(case: Case) -> None:
    for change, field in case.wrong:
        with pytest.raises(Invalid) as refused:
            registry.check_inputs(case.kind, case.inputs | change)
        assert field in str(refused.value)


def test_an_unknown_field_is_refused_with_the_known_ones_named(case: Case) -> None:
    with pytest.raises(Invalid, match=r"inputs\.colour") as refused:
        registry.check_inputs(case.kind, {**case.inputs, "colour": "red"})
    assert next(iter(case.inputs)) in str(refused.value)
