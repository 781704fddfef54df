"""Law: the vectorised verdicts are those of the one-at-a-time function, for all policies, requests and floats.

It follows that no row depends on its neighbours.
"""

import math
from decimal import Decimal

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.decide.bulk import CODES, verdicts
from promotion_gate.decide.policy import PROMOTE, decide
from promotion_gate.rules import Band, Monitor, Policy, Review, Rollback, SeverityRow, Surcharge, Tolerance
from promotion_gate.schema import LEVELS, FISResult, ModuleData, SuiteCoverage

LEVEL_NAMES = ("staging", "production")
CATEGORIES = ("shared", "legacy", "other")
SUITES = ("unit", "unit@py311", "integration", "integration@py313", "aggregate", "aggregate@py311")
SURCHARGE = Surcharge(step=Decimal("0.05"), cap=Decimal("0.15"), decay=Decimal("0.5"))
REVIEW = Review(reviewers=1, review_hours=Decimal(72), approval_hours=Decimal(24))
ROLLBACK = Rollback(
    watch_hours=Decimal(72), suspects="ask", least_score=Decimal("0.5"), margin=Decimal("0.2"), verify_seconds=60
)
MONITOR = Monitor(
    false_alarm_rate=Decimal("0.05"),
    errors=Tolerance(relative=Decimal("0.5"), absolute=Decimal(0)),
    latency=Tolerance(relative=Decimal("0.5"), absolute=Decimal("0.1")),
    baseline_hours=Decimal(12),
    grace_seconds=0,
    window_seconds=30,
    late_seconds=0,
    silent_seconds=90,
    least_requests=10,
    confirm_windows=3,
    slow_weight=Decimal(0),
    severity=(SeverityRow(criticality=Decimal(0), medium=Decimal(0), high=Decimal("0.1"), critical=Decimal(1)),),
)
CERTAIN = dict.fromkeys(LEVELS, 0.0) | {"negligible": 1.0}

SURCHARGES = tuple(map(Decimal, ("0", "0.05", "0.1", "0.15")))
HAIR = Decimal("1e-20")
"""Less than floats can tell from nothing."""

percents = st.integers(0, 100).map(lambda value: Decimal(value) / 100)
decimals = st.one_of(
    percents,
    st.builds(
        lambda value, hairs: min(Decimal(1), max(Decimal(0), value + hairs * HAIR)), percents, st.integers(-1, 1)
    ),
)
required = st.sampled_from(
    (
        (),
        ("unit",),
        ("unit", "unit"),
        ("integration", "unit", "unit"),
        ("unit@py311",),
        ("aggregate",),
        ("aggregate", "integration"),
    )
)


@st.composite
def policies(draw):
    starts = [Decimal(0), *sorted(draw(st.sets(decimals.filter(lambda value: value > 0), max_size=3)))]
    multipliers = sorted(draw(st.lists(st.integers(100, 200), min_size=len(starts), max_size=len(starts))))
    blocked = draw(st.booleans())
    confusing = draw(st.integers(0, 7))  # a band may have the name that stands for no score
    bands = [
        Band(
            **{
                "name": "unknown" if i == confusing else f"b{i}",
                "from": start,
                "multiplier": None if blocked and i == len(starts) - 1 else Decimal(multiplier) / 100,
            }
        )
        for i, (start, multiplier) in enumerate(zip(starts, multipliers, strict=True))
    ]
    return Policy(
        base={level: draw(decimals) for level in LEVEL_NAMES},
        categories={
            name: {level: draw(decimals) for level in LEVEL_NAMES[i:]} for i, name in enumerate(CATEGORIES[:2])
        },
        required_suites={level: draw(required) for level in LEVEL_NAMES},
        bands=tuple(bands),
        cap=draw(st.one_of(st.just(Decimal(1)), decimals)),
        surcharge=SURCHARGE,
        override_days=14,
        review=REVIEW,
        rollback=ROLLBACK,
        monitor=MONITOR,
    )


def shares_near(exact):
    """Shares where it is decided, the floats of exact figures and those beside them, and shares anywhere."""
    floats = [float(value) for value in exact]
    beside = [math.nextafter(value, toward) for value in floats for toward in (0.0, 1.0)]
    return st.one_of(st.sampled_from(floats), st.sampled_from(beside), st.floats(0, 1))


def scores(policy):
    return shares_near([band.start for band in policy.bands])


def thresholds(policy):
    bases = [*policy.base.values(), *(one for table in policy.categories.values() for one in table.values())]
    products = [base * band.multiplier for base in bases for band in policy.bands if band.multiplier]
    raised = [one + extra for one in products for extra in SURCHARGES]
    return shares_near([policy.cap, *(min(one, policy.cap) for one in raised)])


@st.composite
def requests(draw, policy):
    found = {
        "level": draw(st.sampled_from(LEVEL_NAMES)),
        "category": draw(st.sampled_from((None, *CATEGORIES))),
        "fis": draw(st.one_of(scores(policy), st.none())),
        "surcharge": draw(st.one_of(st.none(), st.sampled_from(SURCHARGES).map(float))),
        "coverage": None,
    }
    if draw(st.booleans()):
        return {**found, "coverage": draw(st.one_of(thresholds(policy), st.none()))}
    for suite in draw(st.lists(st.sampled_from(SUITES), unique=True)):
        total = draw(st.one_of(st.integers(0, 30), st.just(100)))
        found |= {f"covered_{suite}": draw(st.integers(0, total)), f"total_{suite}": total}
    return found


@st.composite
def cases(draw):
    policy = draw(policies())
    return policy, draw(st.lists(requests(policy), min_size=6, max_size=12))


def one_at_a_time(policy, row):
    coverage = row["coverage"]
    suites = {name.partition("_")[2] for name in row if name.startswith("covered_")}
    if suites:
        coverage = {
            name: SuiteCoverage(lines_covered=row[f"covered_{name}"], lines_total=row[f"total_{name}"])
            for name in suites
        }
    score = None
    if row["fis"] is not None:
        labels = {"severity": "low", "probabilities": CERTAIN, "model_version": "m/1", "data_hash": "d"}
        score = FISResult(project="shop", module="cart", fis=row["fis"], **labels)
    return decide(
        ModuleData(project="shop", module="cart", category=row["category"]),
        row["level"],
        coverage,
        score,
        policy=policy,
        policy_version="v",
        surcharge=Decimal(str(row["surcharge"] or 0.0)),
    )


def same(float_or_nan, expected):
    return math.isnan(float_or_nan) if expected is None else float_or_nan == expected


@given(cases())
def test_every_row_is_what_the_one_at_a_time_function_says(case):
    policy, rows = case
    found = verdicts(frame(rows), policy)
    for made, row in zip(found.to_dict("records"), rows, strict=True):
        expected = one_at_a_time(policy, row)
        assert made["status"] == expected.status
        assert made["band"] == expected.band
        assert made["base_coverage"] == expected.base_coverage
        assert same(made["required_coverage"], expected.required_coverage)
        assert same(made["coverage"], expected.coverage)
        codes = [reason.code for reason in expected.reasons if reason.code in CODES]
        assert made["reasons"] == " ".join(codes)
        if expected.status != PROMOTE:
            for name in ("lines_required", "additional_lines"):
                assert same(made[name], expected.unblock.get(name)), name
        elif not math.isnan(made["lines_required"]):
            assert made["additional_lines"] == 0
            assert made["lines_required"] / made["lines_total"] == expected.required_coverage


def frame(rows):
    numbers = {name for row in rows for name in row} - {"level", "category"}
    made = pd.DataFrame(rows, columns=["level", "category", *sorted(numbers)])
    return made.astype(dict.fromkeys(numbers, np.float64)).astype({"level": "str", "category": "str"})
