"""What hostile callers send over a socket: HTTP that is none, paths that are tricks, bodies without end, too many."""

import contextlib
import http.client
import json
import logging
import socket

import pytest

from promotion_gate.operate.service import connection, limits, server
from tests.operate.service.sockets import answered, connect, listening, read_all, until

HOST = b"Host: 127.0.0.1\r\nConnection: close\r\n"
JSON = HOST + b"Content-Type: application/json\r\n"
BODY = b'{"project": "shop", "module": "shop/dates.py"}'
LENGTH = b"Content-Length: %d\r\n" % len(BODY)


@pytest.fixture(scope="module")
def port(open_world):
    """The service on a port of this process."""
    with listening(open_world.service) as made:
        yield made


def parts(told):
    """Status, head and body of one answer."""
    head, _, content = told.partition(b"\r\n\r\n")
    return int(head.split()[1]), head, content


def ask(port, target, method=b"GET", version=b"HTTP/1.1", head=HOST):
    return parts(answered(port, method + b" " + target + b" " + version + b"\r\n" + head + b"\r\n"))


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/v1/promotions/%2e%2e/%2e%2e/healthz", 404),
        (b"/v1/promotions/../../healthz", 404),
        (b"/v1/promotions/..%2f..%2fhealthz", 404),
        (b"/v1/modules/../../../etc/passwd", 404),
        (b"/v1/modules/%2e%2e%5c%2e%2e%5cetc", 404),
        (b"//healthz", 404),
        (b"/healthz/", 404),
        (b"/healthz;x=1", 404),
        (b"/HEALTHZ", 404),
        (b"/v1/promotions/%c0%ae%c0%ae", 422),
        (b"/v1/promotions/%ed%a0%80", 422),
        (b"/v1/promotions/%ff", 422),
        (b"/v1/promotions/%00", 422),
        (b"/v1/promotions/a%0d%0aX-Injected:%201", 422),
        (b"/v1/promotions/%1b%5b31m", 422),
        (b"/v1/promotions/%e2%80%ae", 422),
        (b"/v1/modules/a%00.py", 422),
        (b"/v1/promotions?project=%ff", 422),
        (b"/v1/promotions?project=a%0ab", 422),
        (b"/v1/promotions?%00=a", 422),
        (b"/v1/promotions?project=a&project=a", 422),
        (b"/v1/promotions/%zz", 404),
        (b"http://evil.example/healthz", 404),
        (b"*", 404),
    ],
)
def test_an_address_leads_where_it_says_or_nowhere(port, target, status):
    got, head, content = ask(port, target)
    assert got == status
    assert b"x-injected" not in head.lower()
    assert b"content-type: application/problem+json" in head
    problem = json.loads(content)
    assert problem["instance"].encode() == target.partition(b"?")[0]
    assert problem["instance"].isprintable()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + HOST + b"\r\n",
        b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: a\x00b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + HOST + b"X : a\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n" + HOST + b"X\r\n\r\n",
        b"GET /caf\xc3\xa9 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"POST /v1/fis HTTP/1.1\r\n" + JSON + LENGTH + b"Content-Length: 3\r\n\r\n" + BODY,
        b"POST /v1/fis HTTP/1.1\r\n" + JSON + b"Content-Length: -1\r\n\r\n",
        b"POST /v1/fis HTTP/1.1\r\n" + JSON + b"Content-Length: +5\r\n\r\n",
        b"POST /v1/fis HTTP/1.1\r\n" + JSON + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"POST /v1/fis HTTP/1.1\r\n" + JSON + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        b"POST /v1/fis HTTP/1.1\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 20 + b"\r\n\r\n",
    ],
    ids=range(13),
)
def test_what_is_no_http_or_has_two_readings_is_refused_and_the_connection_closed(port, sent):
    told = answered(port, sent + b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
    assert parts(told)[0] == 400
    assert told.count(b"HTTP/1.1 ") == 1  # what follows on the connection is not answered


def test_an_old_client_is_answered_and_the_connection_closed(port):
    assert ask(port, b"/healthz", version=b"HTTP/1.0", head=b"")[::2] == (200, b'{"status":"ok"}')


@pytest.mark.parametrize("method", [b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE", b"EVIL"])
def test_other_methods_are_refused_with_those_that_there_are(port, method):
    status, head, content = ask(port, b"/v1/promotions", method)
    assert status == 405
    assert b"allow: GET, POST\r\n" in head + b"\r\n"
    assert content == b"" if method == b"HEAD" else json.loads(content)["code"] == "method"


def test_requests_that_come_at_once_are_answered_in_their_order(port):
    one = b"POST /v1/fis HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n" + LENGTH + b"\r\n" + BODY
    two = b"GET /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    last = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
    told = answered(port, (one + two) * 20 + last)
    statuses = [int(part.split()[0]) for part in told.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200, 404] * 20 + [200]


def test_ten_megabytes_that_are_announced_are_refused_before_they_come(port):
    for announced in (b"", b"Expect: 100-continue\r\n"):
        with connect(port) as made:
            head = b"POST /v1/promotions HTTP/1.1\r\n" + JSON + announced
            made.sendall(head + b"Content-Length: 10000000\r\n\r\n")
            status, _, content = parts(read_all(made))
        assert (status, json.loads(content)["code"]) == (413, "too-large")


def test_a_body_in_pieces_without_end_is_cut_off_near_the_limit(port):
    sent = 0
    piece = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    with connect(port) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 0x10000)
        made.sendall(b"POST /v1/promotions HTTP/1.1\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            while sent < 100 * limits.BODY:
                made.sendall(piece)
                sent += len(piece)
    assert sent < 20 * limits.BODY  # what was under way, in the buffers of both sides


def test_pieces_with_long_extensions_are_bounded_too(port):
    with connect(port) as made:
        made.sendall(b"POST /v1/fis HTTP/1.1\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\n1;")
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            made.sendall(b"x" * 100_000_000)


def test_who_goes_away_within_a_body_is_no_internal_error(world, caplog):
    caplog.set_level(logging.INFO, "promotion_gate")
    with listening(world.service) as port, connect(port) as made:
        made.sendall(b"POST /v1/fis HTTP/1.1\r\n" + JSON + b"Content-Length: 99\r\n\r\n{")
        made.close()
        until(lambda: caplog.records)
    assert [(record.message, record.status) for record in caplog.records] == [("request", 400)]


def test_a_body_that_is_dribbled_is_cut_off_whatever_comes_in_between(world, monkeypatch):
    monkeypatch.setattr(limits, "BODY_S", 0.3)
    with listening(world.service) as port, connect(port) as made:
        made.sendall(b"POST /v1/fis HTTP/1.1\r\n" + JSON + b"Content-Length: 100000\r\n\r\n")
        made.settimeout(0.02)
        told = b""
        for _ in range(500):
            try:
                made.sendall(b" ")
                told += made.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                break
            if told:
                break
    assert parts(told)[0] == 408


def test_of_too_many_connections_the_last_are_refused_and_those_before_are_answered(world, monkeypatch):
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 5)
    monkeypatch.setattr(connection, "HEAD_S", 1.0)
    with listening(world.service) as port, contextlib.ExitStack() as idle:
        first = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        first.request("GET", "/healthz")
        assert first.getresponse().read() == b'{"status":"ok"}'
        waiting = [idle.enter_context(connect(port)) for _ in range(10)]
        for one in waiting[-2:]:
            one.sendall(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
            assert parts(read_all(one))[0] == 503
        for one in waiting[:-2]:  # who says nothing is sent away, and makes room
            with contextlib.suppress(ConnectionResetError):
                assert read_all(one) == b""
        assert ask(port, b"/healthz")[0] == 200
        first.close()
