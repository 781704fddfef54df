"""Laws of the policy over all scores, coverages, surcharges and policies."""

import json
import pathlib
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_gate import params
from promotion_gate.decide.policy import (
    BLOCKED,
    INSUFFICIENT,
    PROMOTE,
    decide,
    policy_document,
    policy_version,
    what_if,
)
from promotion_gate.decide.threshold import Base, band_of, lines_required, threshold
from promotion_gate.errors import InputError
from promotion_gate.rules import Band, Impact, Policy
from promotion_gate.schema import LEVELS, Decision, FileLines, FISResult, ModuleData, Reason, SuiteCoverage

DEFAULT = params.load(pathlib.Path(__file__).resolve().parents[2] / "params.yaml")
SUITES = ("unit", "unit@py311", "unit@py313", "integration", "system", "aggregate")
MODULE = ModuleData(project="shop", module="shop/cart.py", version="2")

percents = st.integers(0, 100).map(lambda value: Decimal(value) / 100)
shares = st.floats(0, 1)
millis = st.integers(0, 1000).map(lambda value: value / 1000)


@st.composite
def policies(draw):
    starts = [Decimal(0), *sorted(draw(st.sets(st.integers(1, 100), max_size=4)))]
    multipliers = sorted(draw(st.lists(st.integers(100, 300), min_size=len(starts), max_size=len(starts))))
    steps = [Decimal(value) / 100 for value in multipliers]
    blocked = draw(st.booleans())
    bands = [
        Band(**{"name": f"b{i}", "from": start / 100, "multiplier": None if blocked and i == len(starts) - 1 else step})
        for i, (start, step) in enumerate(zip(map(Decimal, starts), steps, strict=True))
    ]
    return Policy(
        base={"production": draw(percents)},
        categories={},
        required_suites={"production": tuple(draw(st.lists(st.sampled_from(SUITES), unique=True, max_size=2)))},
        bands=tuple(bands),
        cap=draw(percents),
        surcharge=DEFAULT.policy.surcharge,
        override_days=DEFAULT.policy.override_days,
        review=DEFAULT.policy.review,
        rollback=DEFAULT.policy.rollback,
        monitor=DEFAULT.policy.monitor,
    )


def report(executed, missing, version, named):
    """A suite's report on one file, with or without its line numbers."""
    lines = FileLines(executed_lines=tuple(sorted(executed)), missing_lines=tuple(sorted(missing)))
    counts = {"lines_covered": len(executed), "lines_total": len(executed) + len(missing)}
    return SuiteCoverage(**counts, version=version, files={"cart.py": lines} if named else None)


@st.composite
def suites(draw):
    found = {}
    for name in draw(st.lists(st.sampled_from(SUITES), unique=True)):
        lines = draw(st.sets(st.integers(1, 40)))
        executed = draw(st.sets(st.sampled_from(sorted(lines)))) if lines else set()
        version = draw(st.sampled_from(["2", "2", None, "1"]))
        found[name] = report(executed, lines - executed, version, named=draw(st.booleans()))
    return found


def with_more_lines(data, suite):
    """The same report after some of its missing lines were covered as well."""
    if suite.files is None:
        covered = data.draw(st.integers(suite.lines_covered, suite.lines_total))
        return suite.model_copy(update={"lines_covered": covered})
    lines = suite.files["cart.py"]
    more = data.draw(st.sets(st.sampled_from(lines.missing_lines))) if lines.missing_lines else set()
    executed = {*lines.executed_lines, *more}
    return report(executed, set(lines.missing_lines) - more, suite.version, named=True)


coverages = st.one_of(st.none(), shares, suites())


def result(fis):
    certain = dict.fromkeys(LEVELS, 0.0) | {"negligible": 1.0}
    return FISResult(
        project="shop",
        module="shop/cart.py",
        fis=fis,
        severity="low",
        probabilities=certain,
        model_version="m/1",
        data_hash="d",
    )


def verdict(policy, fis, coverage, surcharge=Decimal(0)):
    score = None if fis is None else result(fis)
    return decide(MODULE, "production", coverage, score, policy=policy, policy_version="v", surcharge=surcharge)


def required(policy, fis, surcharge=Decimal(0)):
    made = threshold(Base(policy.base["production"], REASON), Decimal(str(fis)), policy, surcharge).required
    return Decimal("Infinity") if made is None else Decimal(made.numerator) / made.denominator


REASON = Reason(code="base", message="base")


@given(policies(), millis, millis, percents, percents)
def test_required_coverage_never_falls_with_fis_or_surcharge_and_is_capped(policy, one, other, first, second):
    low, high = sorted((one, other))
    less, more = sorted((first, second))
    assert required(policy, low, less) <= required(policy, high, less)
    assert required(policy, low, less) <= required(policy, low, more)
    made = required(policy, high, more)
    assert made.is_infinite() or made <= policy.cap


@given(policies(), millis, st.one_of(shares, suites().filter(bool)), st.data())
def test_more_coverage_never_turns_promote_into_anything_else(policy, fis, coverage, data):
    before = verdict(policy, fis, coverage)
    if isinstance(coverage, dict):
        name = data.draw(st.sampled_from(sorted(coverage)))
        more = coverage | {name: with_more_lines(data, coverage[name])}
    else:
        more = data.draw(st.floats(coverage, 1))
    if before.status == PROMOTE:
        assert verdict(policy, fis, more).status == PROMOTE


@given(policies(), st.one_of(st.none(), millis), coverages)
def test_no_input_promotes_without_data(policy, fis, coverage):
    decision = verdict(policy, fis, coverage)
    codes = {reason.code for reason in decision.reasons}
    if fis is None:
        assert decision.status == BLOCKED
        assert "unknown-module" in codes
    if not coverage and coverage != 0:
        assert decision.status != PROMOTE
        assert "no-coverage" in codes
    if isinstance(coverage, dict):
        stale = {name for name, suite in coverage.items() if suite.version == "1"}
        empty = {name for name, suite in coverage.items() if not suite.lines_total}
        reported = {*coverage, *(name.partition("@")[0] for name in coverage)}
        missing = set(policy.required_suites["production"]) - reported
        for code, found in (("stale-report", stale), ("no-lines", empty), ("suite-missing", missing)):
            assert (code in codes) == bool(found)
            assert decision.status != PROMOTE or not found
        if stale | empty == set(coverage):
            assert decision.coverage is None


@given(policies(), st.one_of(st.none(), millis), coverages, percents)
def test_a_decision_reads_its_own_json_and_never_promotes_below_its_threshold(policy, fis, coverage, surcharge):
    decision = verdict(policy, fis, coverage, surcharge)
    assert Decision.model_validate_json(decision.model_dump_json()) == decision
    assert decision.status != PROMOTE or decision.coverage >= decision.required_coverage
    assert (decision.status == PROMOTE) == (decision.unblock == {})
    assert (decision.required_coverage is None) == (decision.status == BLOCKED)
    assert decision.steps[-1].required_coverage == decision.required_coverage


@given(policies(), millis, suites().filter(bool))
def test_the_lines_that_would_unblock_are_the_fewest_that_the_rounded_share_asks_for(policy, fis, coverage):
    decision = verdict(policy, fis, coverage)
    missing = decision.unblock.get("additional_lines", 0)
    if missing:
        total, covered = decision.unblock["lines_total"], decision.unblock["lines_covered"]
        limit = threshold(Base(policy.base["production"], REASON), Decimal(str(fis)), policy).required
        asked = covered + missing
        assert asked <= total
        assert asked == 1 or asked <= limit * total < asked + 1
        assert decision.required_coverage == asked / total


@given(policies())
def test_a_boundary_belongs_to_the_upper_band(policy):
    for band in policy.bands:
        assert band_of(band.start, policy) == band


@pytest.mark.parametrize(
    ("fis", "needed"),
    [(0, 0.8), (0.199999, 0.8), (0.2, 0.88), (0.499999, 0.88), (0.5, 0.96), (0.799999, 0.96), (0.8, None), (1, None)],
)
def test_default_boundaries(fis, needed):
    assert verdict(DEFAULT.policy, fis, 1.0).required_coverage == needed


def test_thresholds_are_decimals_and_lines_exact_fractions():
    assert verdict(DEFAULT.policy, 0.3, 0.88).status == PROMOTE
    assert verdict(DEFAULT.policy, 0.3, 0.8799999).status == INSUFFICIENT
    lines = {"aggregate": SuiteCoverage(lines_covered=22, lines_total=25, version="2")}
    assert verdict(DEFAULT.policy, 0.3, lines).status == PROMOTE
    third = DEFAULT.policy.model_copy(update={"base": {"production": Decimal("0.3333333333333333333333333334")}})
    assert verdict(third, 0, 0.3333333333333333).status == INSUFFICIENT
    one = {"aggregate": SuiteCoverage(lines_covered=1, lines_total=3, version="2")}
    assert verdict(third, 0, one).status == PROMOTE


@given(st.fractions(0, 1), st.integers(1, 3000))
def test_whole_lines_are_rounded_in_the_module_s_favour_but_one_is_always_asked_for(share, total):
    lines = lines_required(share, total)
    assert 0 <= lines <= total
    assert (lines == 0) == (share == 0)
    assert lines <= max(share * total, 1)
    assert share * total - lines < 1
    assert lines_required(min(share + Fraction(1, 7), Fraction(1)), total) >= lines


@given(policies())
def test_the_version_is_that_of_the_content_and_survives_json(policy):
    document = json.loads(json.dumps(policy_document(DEFAULT.impact, policy)))
    again = Policy.model_validate(dict(reversed(document["policy"].items())))
    assert again == policy
    impact = Impact.model_validate(document["impact"])
    assert policy_version(impact, again) == policy_version(DEFAULT.impact, policy)
    other = policy.model_copy(update={"base": {"production": policy.base["production"] + 1}})
    assert policy_version(DEFAULT.impact, other) != policy_version(DEFAULT.impact, policy)


def test_the_version_does_not_change_with_the_writing():
    impact = DEFAULT.impact.model_copy(update={"tail": Decimal("0.800")})
    policy = DEFAULT.policy.model_copy(update={"cap": Decimal("1.0")})
    assert policy_version(impact, policy) == policy_version(DEFAULT.impact, DEFAULT.policy)
    assert len(policy_version(impact, policy)) == 12


@given(shares, shares, shares)
def test_a_what_if_is_marked_and_follows_the_bands(fis, base, coverage):
    decision = what_if(fis, base, coverage, level="production", policy=DEFAULT.policy, policy_version="v")
    assert decision.reasons[0].code == "what-if"
    assert decision.model_extra == {"what_if": True}
    assert decision.module is None
    assert (decision.status == BLOCKED) == (fis >= 0.8)


@pytest.mark.parametrize(("fis", "base", "coverage"), [(1.1, 0.8, 0.9), (0.1, -1, 0.9), (0.1, 0.8, float("nan"))])
def test_a_what_if_refuses_what_is_no_share(fis, base, coverage):
    with pytest.raises(InputError):
        what_if(fis, base, coverage, level="production", policy=DEFAULT.policy, policy_version="v")
