"""Two persons where two are needed: whatever the tokens, the spelling and the letters, one person is one."""

import pytest

from promotion_gate.errors import InputError
from promotion_gate.operate.ledger.payload import SYSTEM
from promotion_gate.operate.ledger.system_events import TokenIssued
from promotion_gate.operate.service import tokens
from promotion_gate.operate.service.caller import Scope
from tests.cli_bundle import PARAMS
from tests.operate.service import conftest

LEDGER = {"project": "shop", "module": "shop/payments/ledger.py", "version": "2.0"}
APPROVE = {"verdict": "approve", "reason": "looked through"}
SAME = ["ann", "Ann", "ANN", " ann", "ann ", "\u0430nn", "\uff41nn", "\u0391\u039d\u039d"]
"""What reads as ann: case, spaces, a Cyrillic a, a full-width one, Greek capitals."""


def old_token(world, name):
    """A token of a name that none is issued for any more: a ledger may hold some from before."""
    token = f"pgt_{name.encode().hex()}"
    told = TokenIssued(token_sha256=tokens.sha256(token), name=name, scopes=tuple(sorted(Scope)))
    with world.service.ledger.write("test", world.clock.time) as writer:
        writer.append(SYSTEM, told)
    return token


def blocked(world, token):
    got = world.post("/v1/promotions", {"module": LEDGER, "coverage": 1}, token=token)
    assert got.json["status"].startswith("Promotion Blocked")
    return got.json["id"]


def review(world, promotion, token, **told):
    return world.post(f"/v1/promotions/{promotion}/review", {**APPROVE, **told}, token=token)


@pytest.mark.parametrize("name", SAME, ids=ascii)
def test_who_asked_does_not_review_under_any_token_that_reads_as_hers(guarded, name):
    promotion = blocked(guarded, guarded.token("request", name="ann"))
    same = old_token(guarded, name)
    for verdict in ("approve", "refuse"):
        got = review(guarded, promotion, same, verdict=verdict)
        assert (got.status, got.json["code"]) == (403, "not-allowed")
    assert len(guarded.events("call-refused")) == 2
    assert not guarded.events("review-given")
    assert review(guarded, promotion, guarded.token("review", name="bob")).json["state"] == "approved"


def test_whom_a_reviewer_claims_to_be_counts_for_nothing_where_there_are_tokens(guarded):
    ann = guarded.token("request", "review", name="ann")
    promotion = blocked(guarded, ann)
    assert review(guarded, promotion, ann, by="bob").status == 403


@pytest.fixture
def of_two(tmp_path, monkeypatch):
    """A service whose policy asks for two reviewers."""
    told = PARAMS.read_text().replace("    reviewers: 1 ", "    reviewers: 2 ")
    assert told != PARAMS.read_text()
    (tmp_path / "params.yaml").write_text(told)
    monkeypatch.setattr(conftest, "PARAMS", tmp_path / "params.yaml")
    made = conftest.World(tmp_path, no_auth=False)
    yield made
    made.client.close()


def test_two_reviewers_are_two_persons(of_two):
    promotion = blocked(of_two, of_two.token("request", name="carol"))
    bob, reader = of_two.token("review", name="bob"), of_two.token("read", name="dan")
    assert review(of_two, promotion, of_two.token("review", name="ann")).json["state"] == "in-review"
    for name in SAME:
        got = review(of_two, promotion, old_token(of_two, name))
        assert (got.status, got.json["code"]) == (403, "not-allowed"), ascii(name)
    assert of_two.get(f"/v1/promotions/{promotion}", token=reader).json["reviewers"] == ["ann"]
    assert review(of_two, promotion, bob).json["state"] == "approved"


@pytest.mark.parametrize("name", SAME[1:], ids=ascii)
def test_no_token_is_issued_for_a_name_that_reads_as_anothers(guarded, name):
    guarded.token("read", name="ann")
    with pytest.raises(InputError, match=r"reads the same|without space around it"):
        guarded.token("read", name=name)


def test_a_second_token_of_the_very_same_name_is_the_same_persons(guarded):
    assert guarded.token("read", name="ann") != guarded.token("review", name="ann")


def test_a_name_is_free_again_when_its_token_is_revoked(guarded):
    guarded.token("read", name="ann")
    with guarded.service.ledger.write("test", guarded.clock.time) as writer:
        tokens.revoke(writer, "ann")
    assert guarded.token("read", name="Ann")


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\u202eb", "a\x1b[1m", "cafe\u0301", "x" * 201], ids=ascii)
def test_what_cannot_be_an_actor_gets_no_token(guarded, name):
    with pytest.raises(InputError):
        guarded.token("read", name=name)
