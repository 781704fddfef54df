"""Delivery, to a real receiver: what is sent again, what is set aside, and that no token gets out."""

import json
import logging
import os
import threading

import pytest

from promotion_gate.agent.delivery import Delivery
from promotion_gate.agent.segment import Content
from promotion_gate.agent.settings import ServiceSettings
from promotion_gate.agent.status import FILE, Status
from promotion_gate.errors import InputError
from tests.agent.receiver import TAKEN, receiving

SECRET = "pg_this-is-the-secret"  # noqa: S105 - no secret of anything
WINDOW = {"project": "shop", "module": "pay", "window_end": "2026-01-31T09:00:10Z", "requests": 1}
VARIABLE = "GATE_TOKEN"
NOW = 1_800_000_000


def content(number=0):
    return Content("host-1", [{**WINDOW, "errors": number}], {"end": number})


@pytest.fixture
def receiver():
    with receiving() as found:
        yield found


@pytest.fixture
def status(tmp_path):
    return Status(tmp_path, lambda: NOW)


def delivery(receiver, spool, status, now=NOW, **settings):
    return Delivery(ServiceSettings(url=receiver.url, **settings), spool, status, lambda: now)


def totals(tmp_path, status):
    status.write({})
    return json.loads((tmp_path / FILE).read_text())["totals"]


def test_a_batch_is_told_once_and_forgotten(receiver, spool, status, tmp_path):
    spool.append(content())
    sender = delivery(receiver, spool, status)
    assert sender.send() == 0
    assert sender.send() is None
    assert receiver.windows() == list(content().windows)
    assert totals(tmp_path, status)["delivered_windows"] == 1


@pytest.mark.parametrize("code", [500, 503, 429])
def test_what_the_service_cannot_take_now_is_told_again_under_the_same_name(receiver, spool, status, code):
    receiver.answer = lambda number: (code, {"Retry-After": "3"}, {}) if number == 0 else TAKEN
    spool.append(content())
    sender = delivery(receiver, spool, status)
    assert sender.send() >= 3
    assert sender.send() == 0
    assert receiver.requests[0] == receiver.requests[1]


def test_a_service_that_is_away_is_asked_again(spool, status, caplog):
    with receiving() as receiver:
        sender = delivery(receiver, spool, status)
    spool.append(content())
    with caplog.at_level(logging.INFO, "promotion_gate.agent"):
        assert sender.send() >= 0
        assert sender.send() >= 0
        port = int(receiver.url.rsplit(":", 1)[1])
        with receiving(port, receiver):
            assert sender.send() == 0
    assert [record.getMessage().split(" (")[0] for record in caplog.records] == [
        "service: cannot be reached",  # once, not each time
        "service: well again after 0 s",
    ]
    assert len(receiver.windows()) == 1


def test_after_an_outage_it_is_said_what_was_dropped(receiver, spool, status, caplog):
    spool.append(content())
    status.dropped(spool.head().segment, "more than 1 bytes wait")
    delivery(receiver, spool, status).send()
    assert "service: back, but 1 windows were dropped meanwhile and will never come" in caplog.messages


@pytest.mark.parametrize("code", [409, 422])
def test_what_it_never_takes_is_set_aside_and_others_go_on(receiver, spool, status, code, tmp_path):
    receiver.answer = lambda number: (code, {}, {"code": "x", "detail": "no"}) if number == 0 else TAKEN
    sender = delivery(receiver, spool, status)
    spool.append(content(1))
    assert sender.send() == 0
    spool.append(content(2))
    assert sender.send() == 0
    assert [window["errors"] for window in receiver.windows()] == [2]
    (kept,) = (tmp_path / "spool/rejected").glob("*.answer.json")
    assert json.loads(kept.read_text())["answer"] == f"answered {code}: no"
    assert totals(tmp_path, status)["rejected_windows"] == 1


def test_a_clock_ahead_of_the_services_is_waited_out(receiver, spool, status):
    receiver.answer = lambda number: (
        (422, {}, {"code": "from-the-future", "detail": "to come"}) if number == 0 else TAKEN
    )
    spool.append(content())
    sender = delivery(receiver, spool, status)
    assert sender.send() > 10
    assert sender.send() == 0
    assert len(receiver.windows()) == 1


def test_the_token_of_a_file_is_read_anew_and_never_said(receiver, spool, status, tmp_path, caplog):
    receiver.answer = lambda number: (401, {}, {"code": "unknown-token", "detail": "no"}) if number == 0 else TAKEN
    file = tmp_path / "token"
    file.write_text("pg_old\n")
    sender = delivery(receiver, spool, status, token_file=str(file))
    spool.append(content())
    with caplog.at_level(logging.DEBUG):
        assert sender.send() >= 30
        file.write_text(SECRET + "\n")
        assert sender.send() == 0
        status.write({})
    assert [headers["Authorization"] for headers in receiver.headers] == ["Bearer pg_old", f"Bearer {SECRET}"]
    everything = caplog.text + (tmp_path / FILE).read_text()
    assert "pg_old" not in everything
    assert SECRET not in everything
    assert "the token needs the scope ingest" in caplog.text


def test_the_token_of_a_variable(receiver, spool, status, monkeypatch):
    with pytest.raises(InputError, match="GATE_TOKEN must hold the token"):
        delivery(receiver, spool, status, token_env=VARIABLE)
    monkeypatch.setenv(VARIABLE, SECRET)
    spool.append(content())
    delivery(receiver, spool, status, token_env=VARIABLE).send()
    assert receiver.headers[0]["Authorization"] == f"Bearer {SECRET}"


def test_one_request_at_a_time_though_much_waits(receiver, spool, status):
    for number in range(300):
        spool.append(content(number))
    sender = delivery(receiver, spool, status)
    stop = threading.Event()
    thread = threading.Thread(target=sender.run, args=(stop,))
    thread.start()
    receiver.wait_for(lambda: len(receiver.windows()) == 300)
    stop.set()
    sender.news.set()
    thread.join(30)
    assert receiver.most_at_once == 1
    assert [window["errors"] for window in receiver.windows()] == list(range(300))
    assert len(receiver.requests) < 30


def test_a_disk_that_lets_nothing_be_removed_is_said_and_the_batch_told_again(
    receiver, spool, status, caplog, monkeypatch
):
    spool.append(content())
    sender = delivery(receiver, spool, status)

    def refuse(*_):
        raise OSError(30, os.strerror(30))

    with monkeypatch.context() as broken:
        broken.setattr("pathlib.Path.replace", refuse)
        assert sender.send() >= 0
    assert "spool: Read-only file system" in caplog.text
    assert sender.send() == 0
    assert len(receiver.requests) == 2
    assert len(receiver.windows()) == 1
