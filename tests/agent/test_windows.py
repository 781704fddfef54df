"""Windows: what the service takes, put together so that none replaces another."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.agent.windows import Window, is_name, merged, quantile, taken
from promotion_gate.operate.ledger.module_events import Window as LedgerWindow
from promotion_gate.operate.service import body
from promotion_gate.operate.service.problems import Problem

LOAD = Window("shop", "pay", None, 10, 20, load=0.5)
TRAFFIC = Window("shop", "pay", None, 10, 20, 8, 1, {"0.1": 6, "+Inf": 8})


def test_the_wire_has_what_is_known_alone():
    assert LOAD.as_json() == {
        "project": "shop",
        "module": "pay",
        "window_start": "1970-01-01T00:00:10Z",
        "window_end": "1970-01-01T00:00:20Z",
        "load": 0.5,
    }


def test_several_sources_of_one_window_are_one_window():
    other = Window("shop", "pay", None, 10, 20, 2, 2, {"0.1": 1, "0.5": 2, "+Inf": 2}, load=0.7)
    (told,) = merged([LOAD, TRAFFIC, other])
    assert told == Window("shop", "pay", None, 10, 20, 10, 3, {"0.1": 7, "+Inf": 10}, load=0.7)


def test_other_versions_and_spans_stay_apart():
    wider, new = Window("shop", "pay", None, 0, 20, 1), Window("shop", "pay", "2", 10, 20, 1)
    assert merged([TRAFFIC, wider, new]) == [TRAFFIC, wider, new]


@pytest.mark.parametrize(
    ("buckets", "expected"),
    [
        ({"0.1": 0, "+Inf": 0}, None),
        ({"1": 100, "+Inf": 100}, 0.95),
        ({"1": 90, "2": 100, "+Inf": 100}, 1.5),
        ({"1": 10, "+Inf": 100}, 1.0),
    ],
)
def test_the_95th_percentile_is_that_of_prometheus(buckets, expected):
    assert quantile(buckets, 0.95) == expected


def test_of_many_bounds_some_are_left_out():
    told = taken({**{str(bound): bound for bound in range(1, 200)}, "+Inf": 200})
    assert len(told) <= 64
    assert told["+Inf"] == 200
    assert all(told[bound] == int(bound) for bound in told if bound != "+Inf")


@given(
    st.dictionaries(
        st.sampled_from(["0", "0.005", "1e-05", "1", "2.5", "10.0", "+Inf"]), st.integers(0, 50), min_size=1
    ),
    st.one_of(st.none(), st.integers(0, 10**9)),
    st.one_of(st.none(), st.text(min_size=1, max_size=5)),
    st.one_of(st.none(), st.floats(0, 1)),
    st.floats(0, 1e6),
)
def test_the_service_takes_every_window_that_is_told(buckets, requests, version, load, cpu):
    if version is not None and not is_name(version):
        return
    told = Window("shop", "pay", version, 10, 20, requests, requests, taken(buckets), cpu, load).as_json()
    read = LedgerWindow.model_validate(told)
    assert (read.requests, read.version) == (requests, version)


@given(st.text(max_size=6))
def test_a_name_that_is_let_through_is_one_for_the_service(text):
    if not is_name(text):
        return
    body.check_text(text, "module")
    LedgerWindow.model_validate(Window("shop", text, None, 10, 20).as_json())


@pytest.mark.parametrize("text", ["", "a\u200bb", "e\u0301", "a\nb", "\ufffd", "x" * 1025, chr(0xD800)])
def test_a_name_that_the_service_refuses_is_not_let_through(text):
    assert not is_name(text)
    if text and len(text) <= 1024:
        with pytest.raises(Problem):
            body.check_text(text, "module")


@given(st.dictionaries(st.sampled_from(["1", "2", "3"]), st.integers(0, 9)))
def test_the_quantile_lies_within_the_bounds(buckets):
    told = taken({**buckets, "+Inf": max(buckets.values(), default=0)})
    found = None if told is None else quantile(told, 0.95)
    assert found is None or (0 <= found <= 3 and math.isfinite(found))
