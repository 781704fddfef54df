"""What hostile callers send to the application: encodings, nesting, numbers, controls, twins. No answer is a 5xx."""

import io
import json
import logging

import pytest

from promotion_gate.operate.ledger.verify import verify
from promotion_gate.operate.service import body
from promotion_gate.operate.service.logs import JsonLines

DATES = {"project": "shop", "module": "shop/dates.py"}
TEXT = json.dumps(DATES)
ESCAPE = "\x1b"


def nested(levels, kind="[]"):
    begin, end = ("[", "]") if kind == "[]" else ('{"a":', "}")
    return begin * (levels - 1) + ("[]" if kind == "[]" else "{}") + end * (levels - 1)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-8-sig", "utf-7"])
def test_only_utf_8_without_a_mark_is_read(open_world, encoding):
    raw = TEXT.replace("dates", "d\u00e4tes").encode(encoding)
    got = open_world.post("/v1/fis", raw=raw)
    assert got.status == (404 if encoding == "utf-7" else 400)  # which is ASCII, with another name in it
    assert (
        open_world.post("/v1/fis", raw=raw, content_type=f"application/json; charset={encoding}").status == got.status
    )


def test_what_no_name_may_hold_is_not_smuggled_in_as_ascii_bytes_of_utf_16(open_world):
    raw = json.dumps({**DATES, "note": "x"}).replace("x", "\u202e\u2066").encode("utf-16-le")
    assert raw.isascii()
    assert open_world.post("/v1/fis", raw=raw).json["code"] == "no-json"


@pytest.mark.parametrize(
    "wrong", [b"\xc0\xae", b"\xe0\x80\xae", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff", b"\xe4", b"\x80"], ids=repr
)
def test_overlong_and_broken_utf_8_is_no_json(open_world, wrong):
    got = open_world.post("/v1/fis", raw=b'{"project": "shop", "module": "a' + wrong + b'"}')
    assert (got.status, got.json["code"]) == (400, "no-json")


@pytest.mark.parametrize("kind", ["[]", "{}"])
def test_nesting_is_bounded_and_what_is_within_is_kept_and_read_again(world, kind):
    most = body.MAX_DEPTH - 2  # in the module, in the request
    for path in ("/v1/fis", "/v1/promotions"):
        for levels in (most + 1, 200, 300, 900, 5_000, 100_000):
            asked = TEXT[:-1] + f', "deep": {nested(levels, kind)}' + "}"
            asked = f'{{"module": {asked}, "coverage": 1}}' if path == "/v1/promotions" else f'{{"modules": [{asked}]}}'
            got = world.post(path, raw=asked.encode())
            assert (got.status, got.json["code"]) == (400, "no-json"), levels
    deep = json.loads(nested(most, kind))
    made = world.post("/v1/promotions", {"module": {**DATES, "deep": deep}, "coverage": 1})
    assert made.status == 201, made.content
    shown = world.get(f"/v1/promotions/{made.json['id']}/certificate")
    assert shown.json["inputs"]["request"]["module"]["deep"] == deep
    with world.service.ledger.read() as queries:
        assert not list(verify(queries.connection))


@pytest.mark.parametrize(
    "number",
    ["1e999", "-1e999", "NaN", "Infinity", "-Infinity", "1" + "0" * 5_000, "1" + "0" * 400 + ".5", "0x10", "01"],
)
@pytest.mark.parametrize("where", ["criticality", "metrics", "anything"])
def test_numbers_that_nothing_can_hold_are_refused_wherever_they_stand(open_world, number, where):
    told = f'{{"loc": {number}}}' if where == "metrics" else number
    got = open_world.post("/v1/fis", raw=(TEXT[:-1] + f', "{where}": {told}' + "}").encode())
    assert (got.status, got.json["code"]) == (400, "no-json")


@pytest.mark.parametrize("number", ["1" + "0" * 400, "-1e308", "1e308", "1e-400", "-0.0", "18446744073709551616"])
def test_numbers_at_the_edge_are_kept_or_refused_and_never_break_anything(world, number):
    raw = f'{{"module": {TEXT[:-1]}, "odd": {number}}}, "coverage": 1}}'.encode()
    made = world.post("/v1/promotions", raw=raw)
    assert made.status == 201, made.content
    shown = world.get(f"/v1/promotions/{made.json['id']}/certificate")
    assert (shown.status, shown.json["inputs"]["request"]["module"]["odd"]) == (200, json.loads(number))
    got = world.post("/v1/fis", raw=(TEXT[:-1] + f', "criticality": {number}' + "}").encode())
    assert got.status == (200 if 0 <= json.loads(number) <= 1 else 422)


@pytest.mark.parametrize("raw", ['{"a": 1, "a": 1}', '{"a": 1, "\\u0061": 2}', '[{"b": {"a": 1, "a": 2}}]'])
def test_no_key_is_there_twice_at_any_depth_and_however_it_is_written(open_world, raw):
    got = open_world.post("/v1/fis", raw=(TEXT[:-1] + f', "more": {raw}' + "}").encode())
    assert (got.status, got.json["code"]) == (400, "twin-keys")


@pytest.mark.parametrize("character", ["\x00", ESCAPE, "\x07", "\x7f", "\x9b", "\ud800", "\u202e", "\u2067", "\ufdd0"])
def test_words_hold_nothing_that_steers_a_terminal_or_turns_them_round(world, character):
    made = world.post("/v1/promotions", {"module": DATES, "coverage": 1}).json["id"]
    got = world.post(f"/v1/promotions/{made}/withdraw", {"reason": f"red {character}[31m"})
    assert (got.status, got.json["code"]) == (422, "unsafe-text")
    assert character not in got.content.decode()
    assert (
        world.post(f"/v1/promotions/{made}/withdraw", {"reason": "a\n\tb \u200d\U0001f469\u200d\U0001f4bb"}).status
        == 200
    )


@pytest.mark.parametrize("character", ["\x00", ESCAPE, "\n", "\x7f", "\u202e", "\u200b", "\ufffd", "\u0378"])
def test_nor_does_a_name_a_key_or_what_nobody_asked_for(open_world, character):
    for more in ({"x": character}, {character: 1}, {"x": [{"y": character}]}, {"metrics": {f"a{character}": 1.0}}):
        got = open_world.post("/v1/fis", {**DATES, **more})
        assert (got.status, got.json["code"]) == (422, "unsafe-text"), more
        raw = json.dumps({**DATES, **more}, ensure_ascii=False).encode()
        assert open_world.post("/v1/fis", raw=raw).status in (400, 422)


@pytest.mark.parametrize(
    "name", ["Content-Type", "Content-Encoding", "Idempotency-Key", "Promotion-Gate-Actor", "Origin", "Host"]
)
def test_a_header_that_decides_stands_once(open_world, name):
    told = {"Content-Type": "application/json", "Origin": "http://localhost", "Host": "localhost"}.get(name, "identity")
    got = open_world.post("/v1/fis", DATES, headers=[(name, told), (name, told)])
    assert (got.status, got.json["code"], got.json["where"]) == (400, "twin-headers", name.lower())


def test_two_tokens_in_one_request_are_none(guarded):
    token = guarded.token("read")
    got = guarded.post("/v1/fis", DATES, token=token, headers=[("Authorization", f"Bearer {token}")])
    assert (got.status, got.json["code"]) == (400, "twin-headers")


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip"])
def test_no_body_in_a_coding_is_unpacked(open_world, coding):
    got = open_world.post("/v1/fis", DATES, headers=[("Content-Encoding", coding)])
    assert (got.status, got.json["code"]) == (415, "content-coding")


@pytest.mark.parametrize(
    "time", [0, 1769850000, "1769850000", "2026-01-31", "2026-01-31 08:00:00Z", "2026-01-31T08:00Z"]
)
def test_a_time_is_written_out_and_never_guessed_from_a_number(open_world, time):
    for path, name in (("/v1/load", "at"), ("/v1/failures", "occurred_at")):
        told = (
            {**DATES, "load": 1}
            if path == "/v1/load"
            else {**DATES, "source": "s", "failure_id": "f", "severity": "low"}
        )
        got = open_world.post(path, {**told, name: time})
        assert (got.status, got.json["code"], got.json["where"]) == (422, "invalid", name)


def test_what_breaks_no_type_is_not_called_invalid(open_world):
    lines = {"unit": {"lines_covered": 2, "lines_total": 1}}
    asked = {"module": DATES, "coverage": lines}
    assert open_world.post("/v1/promotions", asked).json["code"] == "contradiction"
    assert open_world.post("/v1/promotions", {"module": DATES, "level": "moon"}).json["code"] == "not-possible"
    assert open_world.post("/v1/promotions", {"module": DATES, "coverage": 2}).json["code"] == "invalid"


def test_no_line_of_the_log_and_no_entry_of_the_audit_is_written_by_a_caller(guarded):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("promotion_gate")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    forged = '\r\n{"level": "info", "message": "forged"}' + ESCAPE + "[2J\u2028\x00"
    try:
        for path in (f"/v1/promotions/{forged}", f"/nothing/{forged}", f"/v1/modules/{forged}"):
            got = guarded.get(
                path, token=guarded.token("read"), query=f"x={ESCAPE}", headers=[("User-Agent", forged[:-2])]
            )
            assert got.status in (404, 422)
        guarded.get(f"/v1/promotions/{forged}", headers=[("X-Request-Id", forged[:-2]), ("Authorization", forged[:-2])])
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 4
    assert {json.loads(line)["message"] for line in lines} == {"request"}
    assert stream.getvalue().replace("\n", "").isprintable()
    [refused] = guarded.events("call-refused")
    assert json.loads(refused.payload)["path"].isprintable()
