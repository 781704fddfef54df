"""HTTP, asked once: bounded in seconds and bytes, certificates checked, redirects not followed."""

import ipaddress
import time
from collections.abc import Mapping
from dataclasses import dataclass

import urllib3
from urllib3.util import Url, parse_url

CHUNK = 1 << 16


class FetchError(Exception):
    """Nobody answered, or not in time; its text is one line."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    code: int
    body: bytes
    headers: Mapping[str, str]


class Client:
    """Keeps a connection to each server. Safe for several threads.

    Args:
        seconds: that an answer may take in all.
        largest: bytes of an answer.
        ca_file: certificates to trust instead of the system's.
    """

    def __init__(self, seconds: float, largest: int, ca_file: str | None = None) -> None:
        self._seconds, self._largest = seconds, largest
        self._pool = urllib3.PoolManager(timeout=seconds, retries=False, maxsize=1, ca_certs=ca_file)

    def ask(self, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Return the answer, whatever its code.

        Raises:
            FetchError: there is none, it took too long, or it is too large.
        """
        limit = time.monotonic() + self._seconds
        told = {"User-Agent": "promotion-gate-agent", **(headers or {})}
        try:
            response = self._pool.request(method, url, body=body, headers=told, redirect=False, preload_content=False)
            try:
                received = bytearray()
                while chunk := response.read1(CHUNK):
                    received += chunk
                    if time.monotonic() > limit:  # a timeout is of each read: drop by drop none would come
                        raise FetchError(f"no answer within {self._seconds:g} s")
                    if len(received) > self._largest:
                        raise FetchError(f"the answer has more than {self._largest:,} bytes")
                response.release_conn()
                return Answer(response.status, bytes(received), dict(response.headers))
            except BaseException:
                response.close()
                raise
        except urllib3.exceptions.HTTPError as error:
            raise FetchError(_why(error, self._seconds)) from None


def checked(url: str, is_secret: bool = False) -> str:
    """Return an address that is one.

    Args:
        url: as a person wrote it.
        is_secret: whether a token goes there: then in the open on the loopback alone.

    Raises:
        ValueError: it is none, holds a password, or a token would go in the open.
    """
    try:
        read = parse_url(url)
    except urllib3.exceptions.LocationParseError:
        raise ValueError("an address as https://host/path is expected") from None
    if read.auth or read.fragment or read.query:  # not shown: it may hold a password
        raise ValueError("an address without user, password, query and fragment is expected")
    if not read.host or read.scheme not in ("https", "http"):
        raise ValueError(f"an address as https://host/path is expected, not {url!r:.200}")
    if is_secret and read.scheme == "http" and not _is_loopback(read):
        raise ValueError(f"https is expected: {url!r:.200} would send the token in the open")
    return url


def line(text: object) -> str:
    """Return the beginning of a text as one line that steers no terminal."""
    return "".join(one if one.isprintable() else " " for one in " ".join(str(text).split()))[:200]


def _is_loopback(url: Url) -> bool:
    host = (url.host or "").strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _why(error: Exception, seconds: float) -> str:
    if isinstance(error, urllib3.exceptions.SSLError):
        return f"no safe connection: {line(error)}"
    # A refused connection is a timeout to urllib3.
    refused = isinstance(error, urllib3.exceptions.NewConnectionError)
    late = isinstance(error, urllib3.exceptions.TimeoutError) and not refused
    return f"no answer within {seconds:g} s" if late else f"cannot be reached ({type(error).__name__})"
