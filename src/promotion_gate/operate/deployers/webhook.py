"""Deployer `webhook`: a signed POST to a service of the user's own, retried until it answers.

The body is JSON: action (deploy, restore or status), module, and of the former two version and key. Headers:

    Promotion-Gate-Timestamp: seconds since 1970
    Promotion-Gate-Signature: v1=<hex of HMAC-SHA256 over timestamp, a dot and the body>
    Idempotency-Key: the key, as in the body, which is what is signed

An answer 2xx has done it; its JSON may hold `detail`, and of `status` holds `version`, `healthy` and maybe `detail`.
"""

import hashlib
import hmac
import ipaddress
import json
import math
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import urllib3
from pydantic import Field, field_validator
from urllib3.util import Url, parse_url

from promotion_gate.errors import InputError
from promotion_gate.operate.deployers.protocol import Deployed, DeployError, LastStable, Status, check_key
from promotion_gate.section import Section, parsed

BACKOFF_S, LONGEST_WAIT_S = 0.5, 30.0
"""First and longest upper bound of a wait between attempts: it doubles each time."""

LARGEST_ANSWER = 64 * 1024
SHORTEST_SECRET = 16
TOO_MANY_REQUESTS, SERVER_ERROR = 429, 500


class WebhookSettings(Section):
    """Where to post, which environment variable holds the shared secret, seconds and number of attempts."""

    url: str
    secret: str
    timeout_s: Annotated[int, Field(ge=1, le=600)]
    attempts: Annotated[int, Field(ge=1, le=10)]

    @field_validator("url")
    @classmethod
    def _is_safe(cls, url: str) -> str:
        try:
            read = parse_url(url)
        except urllib3.exceptions.LocationParseError:
            raise ValueError("an address as https://host/path is expected") from None
        if read.auth or read.fragment:  # not shown: it may hold a password
            raise ValueError("an address without user, password and fragment is expected")
        if not read.host or read.scheme not in ("https", "http"):
            raise ValueError(f"an address as https://host/path is expected, not {url!r}")
        if read.scheme == "http" and not _is_loopback(read):
            raise ValueError(f"https is expected: {url!r} would send versions and answers in the open")
        return url


def make(settings: Any, where: str, last_stable: LastStable) -> "WebhookDeployer":
    """Return the deployer that the settings describe. InputError where they are wrong or the secret is not set."""
    read = parsed(WebhookSettings, settings, where)
    secret = os.environ.get(read.secret, "")
    if len(secret) < SHORTEST_SECRET:
        raise InputError(
            f"{where}: the environment variable {read.secret} must hold the secret, {SHORTEST_SECRET} characters"
        )
    return WebhookDeployer(read, secret.encode())


def sign(secret: bytes, timestamp: str, body: bytes) -> str:
    """Return the signature's header: HMAC-SHA256 (RFC 2104) over the timestamp, a dot and the body."""
    return "v1=" + hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def wait(attempt: int, draw: Callable[[], float] = random.random) -> float:
    """Return the seconds to wait after an attempt, counted from 0: exponential back-off with full jitter.

    Marc Brooker, Exponential Backoff And Jitter, AWS Architecture Blog 2015. `draw` gives a number from 0 to 1.
    """
    return draw() * min(LONGEST_WAIT_S, BACKOFF_S * math.pow(2, attempt))


@dataclass(frozen=True)
class _Answer:
    code: int
    body: bytes
    retry_after: str | None


class WebhookDeployer:
    """See the module's text; `sleep` waits between attempts."""

    def __init__(self, settings: WebhookSettings, secret: bytes, sleep: Callable[[float], None] = time.sleep) -> None:
        self._settings, self._secret, self._sleep = settings, secret, sleep

    def deploy(self, module: str, version: str, key: str) -> Deployed:
        """Post `deploy`; that a key is done only once is the receiver's to see to.

        Raises:
            DeployError: no attempt was answered 2xx, or one was with 3xx or 4xx (but 429), which are not retried.
            InputError: the key is none.
        """
        return self._change("deploy", module, version, key)

    def restore(self, module: str, version: str, key: str) -> Deployed:
        """Post `restore`, as `deploy`."""
        return self._change("restore", module, version, key)

    def status(self, module: str) -> Status:
        """Post `status`. DeployError as `deploy`, or where the answer is none."""
        body = self._post({"action": "status", "module": module})
        try:
            read = json.loads(body)
            version, healthy, detail = read["version"], read["healthy"], read.get("detail", "")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            version, healthy, detail = 0, None, ""
        if not (version is None or isinstance(version, str)) or not isinstance(healthy, bool):
            raise DeployError(f"{self._settings.url}: the status of {module} is no JSON with version and healthy")
        return Status(version, healthy, _line(detail))

    def _change(self, action: str, module: str, version: str, key: str) -> Deployed:
        check_key(key)
        body = self._post({"action": action, "module": module, "version": version, "key": key})
        try:
            detail = _line(json.loads(body).get("detail", ""))
        except (ValueError, AttributeError, RecursionError):
            detail = ""
        return Deployed(module, version, True, detail or f"{action} was accepted")

    def _post(self, content: dict[str, str]) -> bytes:
        body = json.dumps(content, separators=(",", ":")).encode()
        failed = ""
        for attempt in range(self._settings.attempts):
            pause = 0.0
            try:
                answer = self._attempt(body, content.get("key"))
            except urllib3.exceptions.HTTPError as error:
                failed = _why(error)
            else:
                if answer.code < 300:
                    return answer.body
                failed = f"answered {answer.code}{_said(answer.body)}"
                if answer.code != TOO_MANY_REQUESTS and answer.code < SERVER_ERROR:
                    raise DeployError(f"{self._settings.url}: {failed}; {_advice(answer.code)}")
                pause = _asked(answer.retry_after)
            if attempt + 1 < self._settings.attempts:
                self._sleep(max(pause, wait(attempt)))
        raise DeployError(f"{self._settings.url}: {failed}; {self._settings.attempts} attempts were made")

    def _attempt(self, body: bytes, key: str | None) -> _Answer:
        timestamp = str(int(time.time()))  # anew each time: a receiver refuses old ones
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "promotion-gate",
            "Promotion-Gate-Timestamp": timestamp,
            "Promotion-Gate-Signature": sign(self._secret, timestamp, body),
            **({} if key is None else {"Idempotency-Key": key}),
        }
        limit = time.monotonic() + self._settings.timeout_s
        # urllib3's own retries and redirects are off: which failures are retried is ours to say, and where a signed
        # request goes is the user's.
        with urllib3.PoolManager(timeout=self._settings.timeout_s, retries=False) as pool:
            response = pool.request(
                "POST", self._settings.url, body=body, headers=headers, redirect=False, preload_content=False
            )
            try:
                received = bytearray()
                while len(received) < LARGEST_ANSWER and (chunk := response.read1(4096)):
                    received += chunk
                    if time.monotonic() > limit:  # a timeout is of each read: drop by drop none would come
                        raise urllib3.exceptions.TimeoutError("the answer took too long")
                return _Answer(response.status, bytes(received), response.headers.get("Retry-After"))
            finally:
                response.close()


def _is_loopback(url: Url) -> bool:
    host = (url.host or "").strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _asked(retry_after: str | None) -> float:
    """Return the seconds that a receiver asked to wait, at most the longest wait; dates are not read."""
    return (
        min(float(retry_after), LONGEST_WAIT_S)
        if retry_after and retry_after.isascii() and retry_after.isdigit()
        else 0.0
    )


def _why(error: Exception) -> str:
    # A refused connection is a timeout to urllib3.
    refused = isinstance(error, urllib3.exceptions.NewConnectionError)
    late = isinstance(error, urllib3.exceptions.TimeoutError) and not refused
    return f"{'no answer in time' if late else 'cannot be reached'} ({type(error).__name__})"


def _advice(code: int) -> str:
    return "redirects are not followed: correct `url`" if code < 400 else "the receiver refuses; see its log"


def _said(body: bytes) -> str:
    said = _line(body.decode("utf-8", "replace"))
    return f": {said}" if said else ""


def _line(text: Any) -> str:
    return "".join(one if one.isprintable() else " " for one in " ".join(str(text).split()))[:200]
