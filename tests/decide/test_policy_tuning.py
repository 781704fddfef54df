"""Tuning a policy: the space that it may suggest from, time that runs one way, and what is suggested in the end."""

import dataclasses
import functools
import itertools
import pathlib
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_gate import params
from promotion_gate.decide import gates
from promotion_gate.decide.policy_space import GAP, candidate, drawn, positions
from promotion_gate.decide.tuning import pareto, split, tune
from promotion_gate.errors import InputError
from promotion_gate.learn.tables import Tables
from promotion_gate.reporting import tuning_report
from promotion_gate.rules import Policy, RulesFile
from promotion_gate.schema import LEVELS
from tests.factories import tiny_tables

READ = params.load(pathlib.Path(__file__).resolve().parents[2] / "params.yaml")
BASE = {**READ.policy.base, "production": Decimal("0.65")}  # the tiny modules have a coverage of .72
DEFAULT = RulesFile(impact=READ.impact, policy=READ.policy.model_copy(update={"base": BASE}))
HORIZON = pd.Timedelta(days=300)
SETTINGS = READ.tune_policy.model_copy(update={"trials": 20, "delay_at_most": Decimal("0.5")})
MEASURE = READ.backtest.model_copy(update={"bootstrap": 50})


def world(releases=4, seed=1):
    """Tables of several releases, and predictions that know a little: larger modules are riskier."""
    tables = Tables(**tiny_tables(modules=60, releases=releases, seed=seed))
    past = tables.modules[["project", "release", "module", "loc"]].reset_index(drop=True)
    risk = (0.8 * past["loc"].rank(pct=True)).to_numpy()
    shares = np.array([0.5, 0.3, 0.15, 0.05])
    for number, name in enumerate(LEVELS):
        past[f"p_{name}"] = 1 - risk if number == 0 else risk * shares[number - 1]
    return past.assign(criticality=0.2), tables


def tuned(past, tables, settings=SETTINGS, default=DEFAULT):
    return tune(past, tables, HORIZON, default, READ.impact.weights, settings, MEASURE)


@functools.cache
def found(covered=True):
    past, tables = world()
    return tuned(gates.with_coverage(past, tables.coverage) if covered else past, tables)


@given(st.data(), st.booleans())
def test_every_policy_that_may_be_suggested_is_a_valid_one_in_round_figures(data, covered):
    rules = candidate(drawn(lambda name: data.draw(st.floats(0, 1), label=name)), DEFAULT, covered)
    again = RulesFile.model_validate({"impact": rules.impact.model_dump(), "policy": plain(rules.policy)})
    assert again == rules
    bands = rules.policy.bands
    if covered:
        assert all(upper.start - lower.start >= GAP for lower, upper in itertools.pairwise(bands))
    figures = [rules.impact.tail, *rules.impact.weights, *(band.start for band in bands)]
    assert all(figure == round(figure, 2) for figure in figures)
    assert rules.policy.model_copy(update={"bands": DEFAULT.policy.bands}) == DEFAULT.policy


def plain(policy):
    bands = [{"name": band.name, "from": band.start, "multiplier": band.multiplier} for band in policy.bands]
    return {**policy.model_dump(by_alias=True), "bands": bands}


@pytest.mark.parametrize("covered", [True, False])
def test_the_default_is_one_of_them(covered):
    place = positions(DEFAULT, covered)
    assert candidate(drawn(place.__getitem__), DEFAULT, covered) == DEFAULT


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=12))
def test_the_front_is_what_none_dominates(points):
    objectives = np.array(points, dtype=float)
    front = pareto(objectives)
    best = [points[number] for number in front]
    assert len(set(best)) == len(best)
    for point in points:
        better = [one for one in points if one != point and all(a <= b for a, b in zip(one, point, strict=True))]
        assert (point in best) == (not better)


def test_the_suggestion_keeps_the_limit_where_it_was_searched_and_none_that_does_escapes_less():
    result = found()
    assert result.best is not None
    assert result.best.delayed <= SETTINGS.delay_at_most
    allowed = [point.escaped for point in result.trials if point.delayed <= SETTINGS.delay_at_most]
    assert result.best.escaped == min(allowed)
    assert result.suggestion is (result.best if result.adopted else result.default)
    assert result.default.rules == DEFAULT
    assert len(result.trials) == SETTINGS.trials + 1


def test_what_is_confirmed_and_reported_on_comes_later():
    result = found()
    assert (result.searched, result.confirmed, result.reported) == (("1.0", "2.0"), "3.0", "4.0")
    assert [row["gate"] for row in result.confirm[:3]] == ["best found", "default", "default at equal delay"]
    delays = {row["gate"]: row["delayed"][0] for row in result.confirm}
    assert delays["default at equal delay"] == pytest.approx(delays["best found"])


def test_without_coverage_the_block_alone_is_tuned():
    result = found(covered=False)
    assert not result.with_coverage
    assert {point.lines_asked for point in result.trials} == {0.0}
    multipliers = [band.multiplier for band in DEFAULT.policy.bands]
    assert all([band.multiplier for band in point.rules.policy.bands] == multipliers for point in result.trials)
    assert result.best is not None
    assert result.best.escaped < result.default.escaped


@pytest.mark.parametrize("planted", ["later failure", "late knowledge"])
def test_a_planted_future_failure_changes_nothing_in_the_search(planted):
    past, tables = world()
    rows = gates.with_coverage(past, tables.coverage)
    confirmed = tables.timeline()[2].released_at
    one = tables.failures.iloc[[0]].assign(failure_id="planted", severity="critical", module=past.module.iloc[3])
    if planted == "later failure":
        one = one.assign(occurred_at=confirmed + pd.Timedelta(days=5), resolved_at=confirmed + pd.Timedelta(days=6))
    else:  # it happened within the window of a release that is searched, and became known too late
        before = tables.timeline()[1].released_at
        one = one.assign(occurred_at=before + pd.Timedelta(days=5), resolved_at=confirmed + pd.Timedelta(days=6))
    more = dataclasses.replace(tables, failures=pd.concat([tables.failures, one], ignore_index=True))
    assert tuned(rows, more).trials == found().trials


def test_a_candidate_s_own_weights_do_not_change_what_an_escape_weighs():
    past, tables = world()
    heavy = DEFAULT.impact.model_copy(update={"weights": tuple(map(Decimal, ("0", "0.9", "0.95", "1", "1")))})
    rows = gates.with_coverage(past, tables.coverage)
    open_gate = DEFAULT.policy.model_copy(
        update={"base": {"production": Decimal(0)}, "bands": gates.static(DEFAULT.policy).bands}
    )
    nothing = RulesFile(impact=heavy, policy=open_gate)
    measured = tuned(rows, tables, SETTINGS.model_copy(update={"trials": 1}), nothing)
    assert measured.default.escaped == 1
    assert measured.default.delayed == 0


def test_the_same_seed_finds_the_same():
    past, tables = world()
    assert tuned(gates.with_coverage(past, tables.coverage), tables) == found()


def test_a_limit_that_nothing_keeps_leaves_the_default():
    past, tables = world()
    strict = SETTINGS.model_copy(update={"trials": 5, "delay_at_most": Decimal(0)})
    higher = RulesFile(impact=READ.impact, policy=READ.policy)  # no module has a coverage of .8
    result = tuned(gates.with_coverage(past, tables.coverage), tables, strict, higher)
    assert result.best is None
    assert not result.adopted
    assert result.suggestion.rules == higher
    assert "no policy that was tried delays at most 0%" in result.because


@pytest.mark.parametrize("releases", [1, 2])
def test_too_few_releases_are_one_line(releases):
    past, tables = world(releases)
    with pytest.raises(InputError, match="tuning needs 3 or more"):
        tuned(past, tables)


def test_releases_in_quick_succession_leave_out_what_was_not_known_yet():
    past, tables = world(5)
    searched, confirmed, reported = split(past, tables, pd.Timedelta(days=500))
    assert ([one.release for one in searched], confirmed.release, reported.release) == (["1.0"], "3.0", "5.0")


def test_nothing_to_tune_is_one_line():
    past, tables = world()
    with pytest.raises(InputError, match="only a blocked band"):
        tuned(past, tables, default=RulesFile(impact=READ.impact, policy=gates.static(READ.policy)))
    with pytest.raises(InputError, match="no policy can be told from another"):
        tuned(past, dataclasses.replace(tables, failures=tables.failures.head(0)))


@pytest.mark.parametrize("covered", [True, False])
def test_the_policy_file_can_be_adopted_and_says_how_it_came_about(tmp_path, covered):
    result = found(covered)
    path = tmp_path / "policy.yaml"
    path.write_text(tuning_report.policy_file(result, SETTINGS.delay_at_most), encoding="utf-8")
    assert params.load_rules(path) == result.suggestion.rules
    head = " ".join(line[2:] for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("# "))
    assert "20 policies were tried on 1.0, 2.0" in head
    assert result.because in head


def test_points_and_lines_tell_all_kinds():
    points = tuning_report.points(found())
    assert set(points.kind) == {"trial", "front", "default", "suggestion"}
    assert list(points.columns) == ["kind", "escaped", "delayed", "lines_asked", "lines_share"]
    told = "\n".join(tuning_report.lines(found(), SETTINGS.delay_at_most))
    assert "confirmed on 3.0" in told
    assert "reported on 4.0" in told
    document = tuning_report.document(found(), SETTINGS.delay_at_most)
    assert document["delay_at_most"] == 0.5
    assert Policy.model_validate(document["suggestion"]["policy"]) == found().suggestion.rules.policy
