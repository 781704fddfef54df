"""Laws of the certificate: it replays bit for bit, and whatever is altered in it shows."""

import copy
import datetime as dt
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_policy import DEFAULT, coverages, millis, percents, policies, result

from promotion_gate.decide.case import Case, Overruling, judge
from promotion_gate.decide.certificate import (
    Origin,
    altered,
    case_of,
    certify,
    judged_again,
    origin_differences,
)
from promotion_gate.decide.overrule import OpenFailure, Warrant
from promotion_gate.errors import InputError
from promotion_gate.schema import ModuleData, PromotionRequest, Reason

NOW = dt.datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=dt.UTC)
ORIGIN = Origin("m" * 64, "d" * 64, "0.1.0", "c" * 64)
WARRANT = Warrant("Ada", "must", NOW, NOW + dt.timedelta(days=1))
OVERRULINGS = [
    None,
    Overruling("rollback", Warrant("Ada", "it fails", NOW)),
    Overruling("hotfix", WARRANT, OpenFailure("F", "shop", "shop/cart.py", "critical", None)),
]


@st.composite
def cases(draw):
    fis, coverage = draw(st.one_of(st.none(), millis)), draw(coverages)
    module = ModuleData(project="shop", module="shop/cart.py", version="2")
    request = PromotionRequest(module=module, level="production", coverage=coverage)
    return Case(
        request=request,
        score=None if fis is None else result(fis),
        unscored="nobody knows it",
        notes=tuple(draw(st.lists(st.just(Reason(code="fis-supplied", message="given")), max_size=1))),
        surcharge=draw(percents),
        impact=DEFAULT.impact,
        policy=draw(policies()),
        policy_source="params.yaml",
        overruling=draw(st.sampled_from(OVERRULINGS)),
    )


def certificate(case):
    """As a reader gets it: through JSON."""
    return json.loads(json.dumps(certify(case, judge(case), ORIGIN, NOW)))


@given(cases())
def test_a_certificate_replays_bit_for_bit(case):
    read = certificate(case)
    assert judge(case_of(read)) == judge(case)
    assert altered(read) == judged_again(read) == origin_differences(read, ORIGIN) == []


@given(cases(), st.data())
def test_an_altered_input_shows_by_name(case, data):
    read = certificate(case)
    name = data.draw(st.sampled_from(sorted(read["inputs"])))
    forged = copy.deepcopy(read)
    forged["inputs"][name] = {"forged": read["inputs"][name]}
    assert [found.what for found in altered(forged)] == [f"input {name}", "the whole"]


@given(cases())
def test_a_decision_that_does_not_follow_from_its_inputs_shows(case):
    read = certificate(case)
    status = "Promote" if read["decision"]["status"] != "Promote" else "Insufficient Coverage"
    read["decision"]["status"] = status
    assert [found.what for found in judged_again(read)] == ["decision.status"]
    assert [found.what for found in altered(read)] == ["the whole"]


@pytest.mark.parametrize("name", ["model_sha256", "data_hash", "code_sha256"])
def test_another_model_data_or_code_is_named(name):
    case = Case(
        PromotionRequest(module=ModuleData(project="shop", module="a")),
        None,
        "unknown",
        (),
        Decimal(0),
        DEFAULT.impact,
        DEFAULT.policy,
        "params.yaml",
    )
    other = Origin(**{**vars(ORIGIN), name: "x" * 64})
    found = origin_differences(certificate(case), other)
    assert [difference.what for difference in found] == [name.split("_")[0]]
    assert str(found[0]).endswith(f"here it is {'x' * 60}")


@pytest.mark.parametrize("broken", [{}, {"format": 2}, {"format": 1}, {"format": 1, "inputs": {"rules": {}}}])
def test_what_is_no_certificate_is_refused_in_a_line(broken):
    with pytest.raises(InputError, match="no certificate") as error:
        case_of(broken)
    assert "\n" not in str(error.value)
