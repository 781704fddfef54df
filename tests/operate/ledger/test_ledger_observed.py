"""What monitors hand over: evidence and histograms are bounded, come back as told, and change no older event."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from promotion_gate.decide.digest import digest
from promotion_gate.operate.ledger.kinds import parse
from promotion_gate.operate.ledger.module_events import Telemetry, Window
from tests.operate.ledger.cases import HOUR, NOW, failure

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)
FACTS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=50),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.none(),
)


def window(**more):
    return Window(project="shop", module="cart.py", window_start=NOW, window_end=NOW + HOUR, **more)


OLD_FAILURE = (
    '{"failure_id":"1","module":"cart.py","occurred_at":"2026-01-31T09:00:00.000000Z","project":"shop",'
    '"promotion":null,"resolved_at":null,"severity":"high","source":"pager","version":null}'
)
OLD_WINDOW = (
    '{"cpu_seconds":null,"errors":null,"latency_p95_s":null,"load":0.5,"module":"cart.py","project":"shop",'
    '"requests":10.0,"window_end":"2026-01-31T10:00:00.000000Z","window_start":"2026-01-31T09:00:00.000000Z"}'
)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("failure-recorded", OLD_FAILURE),
        ("telemetry-recorded", f'{{"batch_id":"b1","source":"agent","windows":[{OLD_WINDOW}]}}'),
    ],
)
def test_an_event_of_before_ledger_0004_keeps_its_text_and_digest(kind, text):
    payload = parse(kind, text)
    assert payload.text() == text
    assert digest(payload.model_dump(mode="json")) == digest(json.loads(text))


@given(facts=st.dictionaries(NAMES, FACTS, min_size=1, max_size=50))
def test_evidence_comes_back_as_it_was_told(facts):
    told = failure(evidence=facts)
    again = parse(told.kind, told.text())
    assert again == told
    assert {name: (type(fact), fact) for name, fact in again.evidence.items()} == {
        name: (type(fact), fact) for name, fact in facts.items()
    }


@pytest.mark.parametrize(
    "evidence",
    [
        {},
        " ",
        3,
        ["500s"],
        {"a": [1]},
        {"a": {"b": 1}},
        {"a": float("nan")},
        {"": 1},
        {str(number): 1 for number in range(51)},
        {str(number): "x" * 1000 for number in range(50)},
        {"a": "x" * 1001},
        "x" * 10_001,
    ],
)
def test_evidence_is_flat_and_bounded(evidence):
    with pytest.raises(ValidationError, match="evidence"):
        failure(evidence=evidence)


def test_evidence_cannot_be_changed_afterwards():
    facts = {"errors": 3}
    told = failure(evidence=facts)
    facts["errors"] = 4
    assert told.evidence == {"errors": 3}
    with pytest.raises(TypeError):
        told.evidence["errors"] = 5


@given(
    bounds=st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=63, unique=True).map(sorted),
    data=st.data(),
)
def test_cumulative_counts_come_back_as_they_were_told(bounds, data):
    counts = sorted(data.draw(st.lists(st.floats(0, 1e12), min_size=len(bounds) + 1, max_size=len(bounds) + 1)))
    buckets = dict(zip([*map(repr, bounds), "+Inf"], counts, strict=True))
    told = Telemetry(source="agent", batch_id="1", windows=(window(latency_buckets=buckets),))
    assert parse(told.kind, told.text()).windows[0].latency_buckets == buckets


@pytest.mark.parametrize(
    ("buckets", "said"),
    [
        ({"0.1": 40, "0.25": 39}, "40 up to 0.1 s, but 39 up to 0.25 s"),
        ({"+Inf": 1, "9": 2}, "2 up to 9 s, but 1 up to [+]Inf s"),
        ({"0.1": 1, "0.10": 1}, "are one bound"),
        ({"0": 1}, "neither a positive finite number of seconds nor"),
        ({"1e999": 1}, "neither a positive finite number of seconds nor"),
        ({"-1": 1}, "pattern"),
        ({"Inf": 1}, "pattern"),
        ({"nan": 1}, "pattern"),
        ({"1_0": 1}, "pattern"),
        ({" 1": 1}, "pattern"),
        ({"1\n": 1}, "pattern"),
        ({"1": -1}, "greater than or equal to 0"),
        ({"1": float("inf")}, "finite"),
        ({}, "at least 1 item"),
        ({str(number): 1 for number in range(1, 66)}, "at most 64 items"),
    ],
)
def test_what_is_no_histogram_is_refused(buckets, said):
    with pytest.raises(ValidationError, match=said):
        window(latency_buckets=buckets)
