"""Deployer `webhook`: a real server on this machine that checks signatures as docs/deployers.md tells it to."""

import json
import pathlib
import re
import socket
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.errors import InputError
from promotion_gate.operate.deployers import webhook
from promotion_gate.operate.deployers.protocol import Deployed, DeployError, Status
from promotion_gate.operate.deployers.webhook import WebhookDeployer, WebhookSettings, make, sign, wait
from tests.operate.deployers.receiver import Receiver

SECRET = b"0123456789abcdef0123456789abcdef"
DOCS = pathlib.Path(__file__).resolve().parents[3] / "docs/deployers.md"


def recipe():
    """The receiver's check, from the page that tells people to use it."""
    [code] = re.findall(r"```python\n(import hashlib.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    names = {}
    exec(compile(code, str(DOCS), "exec"), names)  # noqa: S102 - our own page
    return names["is_genuine"]


@pytest.fixture
def receiver():
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def slept():
    return []


@pytest.fixture
def deployer(receiver, slept):
    def made(url=None, timeout_s=5, attempts=3):
        settings = WebhookSettings(url=url or receiver.url, secret="S", timeout_s=timeout_s, attempts=attempts)  # noqa: S106
        return WebhookDeployer(settings, SECRET, slept.append)

    return made


def answer(code, content=None, **headers):
    body = b"" if content is None else json.dumps(content).encode()
    return code, {name.replace("_", "-"): value for name, value in headers.items()}, body


def test_a_deployment_is_posted_and_signed(receiver, deployer):
    receiver.answers = [answer(200, {"detail": "rolled out\nto 3 hosts"})]
    assert deployer().deploy("a/b", "1.0", "k1") == Deployed("a/b", "1.0", True, "rolled out to 3 hosts")
    assert deployer().restore("a/b", "0.9", "k2") == Deployed("a/b", "0.9", True, "restore was accepted")
    (headers, body), (_, other) = receiver.seen
    assert json.loads(body) == {"action": "deploy", "module": "a/b", "version": "1.0", "key": "k1"}
    assert json.loads(other)["action"] == "restore"
    assert (headers["Idempotency-Key"], headers["Content-Type"]) == ("k1", "application/json")
    is_genuine = recipe()
    timestamp, signature = headers["Promotion-Gate-Timestamp"], headers["Promotion-Gate-Signature"]
    assert abs(int(timestamp) - time.time()) < 60
    assert is_genuine(SECRET, timestamp, signature, body)
    assert not is_genuine(SECRET, timestamp, signature, body + b" ")
    assert not is_genuine(b"another", timestamp, signature, body)
    assert not is_genuine(SECRET, str(int(timestamp) + 1), signature, body)
    assert not is_genuine(SECRET, timestamp, "v1=", body)
    assert not is_genuine(SECRET, "soon", signature, body)


def test_an_old_signature_is_refused_by_the_recipe():
    old = str(int(time.time()) - 301)
    assert not recipe()(SECRET, old, sign(SECRET, old, b"{}"), b"{}")


def test_the_signature_is_that_of_openssl():
    # printf '1700000000.{}' | openssl dgst -sha256 -hmac key
    expected = "9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae"
    assert sign(b"key", "1700000000", b"{}") == f"v1={expected}"


def test_what_may_pass_is_retried_with_one_key(receiver, deployer, slept):
    receiver.answers = [answer(503), (None, {}, b""), answer(200)]
    assert deployer().deploy("cart", "1", "k1").changed
    assert {headers["Idempotency-Key"] for headers, _ in receiver.seen} == {"k1"}
    assert len(receiver.seen) == 3
    assert len(slept) == 2
    assert 0 <= slept[0] <= 0.5
    assert 0 <= slept[1] <= 1


def test_too_many_requests_waits_as_long_as_asked(receiver, deployer, slept):
    receiver.answers = [answer(429, Retry_After="7"), answer(429, Retry_After="999"), answer(200)]
    deployer().deploy("cart", "1", "k1")
    assert slept == [7, 30]
    receiver.answers = [answer(429, Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"), answer(200)]
    deployer().deploy("cart", "1", "k2")
    assert slept[-1] <= 0.5


def test_in_the_end_it_gives_up_in_one_line(receiver, deployer, slept):
    receiver.answers = [answer(500, "no\ndisk")] * 3
    with pytest.raises(DeployError) as found:
        deployer().deploy("cart", "1", "k1")
    assert str(found.value) == f'{receiver.url}: answered 500: "no\\ndisk"; 3 attempts were made'
    assert len(slept) == 2


@pytest.mark.parametrize("code", [400, 401, 404, 409, 422])
def test_a_refusal_is_not_retried(receiver, deployer, code):
    receiver.answers = [answer(code)]
    with pytest.raises(DeployError, match=f"answered {code}; the receiver refuses; see its log"):
        deployer().deploy("cart", "1", "k1")
    assert len(receiver.seen) == 1


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_no_redirect_is_followed(receiver, deployer, code):
    with Receiver() as other:
        receiver.answers = [answer(code, Location=other.url)]
        with pytest.raises(DeployError, match=f"answered {code}; redirects are not followed: correct `url`"):
            deployer().deploy("cart", "1", "k1")
        assert other.seen == []


def test_nobody_there_is_one_line(deployer):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
        with pytest.raises(DeployError, match=r"cannot be reached \(NewConnectionError\); 2 attempts were made"):
            deployer(url, attempts=2).status("cart")


def test_no_answer_in_time_is_a_failed_attempt(deployer):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(DeployError, match=r"no answer in time \(ReadTimeoutError\); 1 attempts"):
            deployer(url, timeout_s=1, attempts=1).status("cart")


def test_an_answer_that_drips_is_cut_off(receiver, deployer):
    def drip(stream):
        for _ in range(40):
            stream.write(b" ")
            stream.flush()
            time.sleep(0.1)

    receiver.answers = [(200, {"slow": drip, "Content-Length": "40"}, b"")]
    began = time.monotonic()
    with pytest.raises(DeployError, match="no answer in time"):
        deployer(timeout_s=1, attempts=1).deploy("cart", "1", "k1")
    assert time.monotonic() - began < 3


def test_an_endless_answer_is_not_kept(receiver, deployer):
    receiver.answers = [(500, {}, b"x" * 1_000_000)]
    with pytest.raises(DeployError, match=r"answered 500: x{200}; 1 attempts"):
        deployer(attempts=1).deploy("cart", "1", "k1")


def test_status_is_read(receiver, deployer):
    receiver.answers = [
        answer(200, {"version": "1.0", "healthy": True, "detail": "3 of 3"}),
        answer(200, {"version": None, "healthy": False}),
    ]
    assert deployer().status("cart") == Status("1.0", True, "3 of 3")
    assert deployer().status("cart") == Status(None, False, "")
    headers, body = receiver.seen[0]
    assert json.loads(body) == {"action": "status", "module": "cart"}
    assert "Idempotency-Key" not in headers


@pytest.mark.parametrize(
    "content", [None, [], {"version": "1"}, {"version": 1, "healthy": True}, {"version": "1", "healthy": 1}]
)
def test_a_status_of_another_form_is_refused(receiver, deployer, content):
    receiver.answers = [answer(200, content)]
    with pytest.raises(DeployError, match="the status of cart is no JSON with version and healthy"):
        deployer().status("cart")


@given(st.integers(0, 20), st.floats(0, 1))
def test_waits_double_up_to_the_longest(attempt, drawn):
    waited = wait(attempt, lambda: drawn)
    assert 0 <= waited <= min(30, 0.5 * 2**attempt)
    assert wait(attempt + 1, lambda: drawn) >= waited


@pytest.mark.parametrize(
    "url", ["http://localhost:1/x", "http://[::1]/", "http://127.9.9.9", "https://example.org/hook"]
)
def test_plain_http_stays_on_this_machine(url):
    assert WebhookSettings(url=url, secret="S", timeout_s=1, attempts=1).url == url  # noqa: S106


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"url": "http://example.org/"}, "url: https is expected: 'http://example.org/' would send"),
        ({"url": "http://localhost.example.org/"}, "url: https is expected"),
        ({"url": "https://me:secret@example.org/"}, "url: an address without user, password and fragment is expected"),
        ({"url": "ftp://example.org/"}, "url: an address as https://host/path is expected"),
        ({"url": "https://"}, "url: an address as https://host/path is expected"),
        ({"url": "https://[::/"}, "url: an address as https://host/path is expected"),
        ({"attempts": 11}, "attempts: Input should be less than or equal to 10"),
        ({"retry": 1}, "retry: unknown key"),
        ({"secret": "NO_SUCH_SECRET"}, "the environment variable NO_SUCH_SECRET must hold the secret, 16 characters"),
        ({"secret": "SHORT"}, "the environment variable SHORT must hold the secret, 16 characters"),
    ],
)
def test_wrong_settings_are_one_line(monkeypatch, wrong, said):
    monkeypatch.setenv("HOOK_SECRET", SECRET.decode())
    monkeypatch.setenv("SHORT", "hunter2")
    settings = {"url": "https://example.org", "secret": "HOOK_SECRET", "timeout_s": 5, "attempts": 3}
    assert make(settings, "f", lambda _: None)
    with pytest.raises(InputError) as found:
        make(settings | wrong, "f", lambda _: None)
    assert str(found.value).startswith(f"f: {said}")
    assert "hunter2" not in str(found.value)
    assert "secret@" not in str(found.value)


def test_no_key_is_sent_that_does_not_fit_a_header(deployer, receiver):
    with pytest.raises(InputError, match="1 to 200 letters"):
        deployer().deploy("cart", "1", "k\r\nX-Evil: 1")
    assert receiver.seen == []
    assert webhook.LARGEST_ANSWER == 64 * 1024
