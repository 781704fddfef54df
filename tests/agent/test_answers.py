"""What the agent makes of the service's answers, and how long it waits."""

import datetime as dt
import email.utils
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.agent.answers import LONGEST_ASKED_S, LONGEST_WAIT_S, SLOW_S, read, wait
from promotion_gate.agent.fetching import Answer
from promotion_gate.operate.service.problems import Problem


def answer(code, problem="x", **headers):
    body = Problem(code, problem, "some words").document("/v1/telemetry", "1") if code >= 400 else {"recorded": True}
    return Answer(code, json.dumps(body).encode(), {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (200, "done"),
        (429, "again"),
        (500, "again"),
        (503, "again"),
        (408, "again"),
        (401, "slowly"),
        (403, "slowly"),
        (404, "slowly"),
        (400, "never"),
        (409, "never"),
        (413, "never"),
        (422, "never"),
    ],
)
def test_verdicts(code, expected):
    assert read(answer(code), is_past=True).verdict == expected


def test_redirects_are_not_followed_and_said():
    assert "service.url" in read(Answer(302, b"", {}), is_past=True).why


def test_a_window_from_the_future_is_a_matter_of_two_clocks_while_it_is_past_for_ours():
    told = answer(422, "from-the-future")
    assert read(told, is_past=True).verdict == "slowly"
    assert read(told, is_past=False).verdict == "never"


def test_an_answer_that_is_no_problem_is_shown_in_one_harmless_line():
    assert read(Answer(502, b"<html>\x1b[2J\nbad\x00gateway", {}), True).why == "answered 502: <html> [2J bad gateway"


def test_retry_after_is_heeded_in_seconds_and_as_a_date():
    assert wait(read(answer(503, retry_after="7"), True), 1, lambda: 0.0) == 7
    then = email.utils.format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=90), usegmt=True)
    assert 80 < wait(read(answer(429, retry_after=then), True), 1, lambda: 0.0) <= 90
    assert wait(read(answer(429, retry_after="soon"), True), 1, lambda: 0.0) == 0
    assert wait(read(answer(429, retry_after="999999"), True), 1, lambda: 0.0) == LONGEST_ASKED_S


@given(st.integers(1, 5000), st.floats(0, 1))
def test_full_jitter_lies_between_nothing_and_a_bound_that_doubles(attempt, draw):
    assert 0 <= wait(None, attempt, lambda: draw) <= min(LONGEST_WAIT_S, 0.5 * 2.0 ** min(attempt - 1, 1000))


def test_what_only_a_person_can_help_is_asked_slowly():
    assert SLOW_S / 2 <= wait(read(answer(401), True), 1) <= SLOW_S
