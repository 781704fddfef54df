"""What is no window or no watch is refused in one line."""

import dataclasses
import datetime as dt

import pytest
from monitored import PROMOTED, WATCH, at, window

from promotion_gate.errors import InputError


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"end": at(0)}, "the end after the start"),
        ({"start": at(0).replace(tzinfo=None)}, "aware times"),
        ({"requests": -1}, "must be finite and not negative"),
        ({"requests": float("nan")}, "must be finite and not negative"),
        ({"errors": 51}, "51 errors of 50 requests"),
        ({"latency_buckets": {"0.1": 3}}, "'\\+Inf' the last"),
        ({"latency_buckets": {"0.1": 3, "+Inf": 2}}, "never fall"),
        ({"latency_buckets": {"fast": 3, "+Inf": 3}}, "upper bound in seconds"),
        ({"latency_buckets": {"-1": 3, "+Inf": 3}}, "upper bound in seconds"),
    ],
)
def test_no_window(change, said):
    with pytest.raises(InputError, match=said) as caught:
        dataclasses.replace(window(0, 50, 5), **change)
    assert str(caught.value).startswith("window of shop/pay from ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"until": PROMOTED}, "after the promotion"),
        ({"promoted_at": dt.datetime(2026, 1, 1)}, "aware"),  # noqa: DTZ001
        ({"criticality": 1.1}, "0 to 1, not 1.1"),
        ({"stable": "2"}, "compared with itself"),
    ],
)
def test_no_watch(change, said):
    with pytest.raises(InputError, match=said):
        dataclasses.replace(WATCH, **change)
