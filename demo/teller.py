"""What is seen of the story: chapters, who asks what over HTTP, what is answered. Colours only on a terminal."""

import json
from collections.abc import Mapping
from typing import Any

import click
import urllib3

from demo.programs import StoryError

REQUEST_S = 120
"""Seconds for an answer; a rollback scores the module again before it is told."""


def chapter(title: str) -> None:
    """Begin a chapter."""
    click.echo("\n" + click.style(title, bold=True))


def say(text: str) -> None:
    """Tell something."""
    click.echo(f"  {text}")


def answer(text: str, good: bool) -> None:
    """Tell what came back."""
    click.echo("    -> " + click.style(text, fg="green" if good else "yellow"))


class Callers:
    """Asks the service for each of the persons and programs, and tells what was asked.

    Args:
        address: of the service.
        tokens: by name.
    """

    def __init__(self, address: str, tokens: Mapping[str, str]) -> None:
        self._address, self._tokens = address, tokens

    def ask(self, who: str, method: str, path: str, body: Mapping[str, Any] | None = None, *, expected: int) -> Any:
        """Return the JSON that is answered.

        Raises:
            StoryError: another status than the expected one, or no answer.
        """
        told = "" if body is None else " " + json.dumps(body)
        say(f"{who:<10} {method} {path}{told}")
        return self.quietly(who, method, path, body, expected=expected)

    def quietly(
        self, who: str, method: str, path: str, body: Mapping[str, Any] | None = None, *, expected: int = 200
    ) -> Any:
        """Return the JSON that is answered, as `ask`, and tell nothing."""
        try:
            came = urllib3.request(
                method,
                self._address + path,
                json=body,
                headers={"Authorization": f"Bearer {self._tokens[who]}", "Content-Type": "application/json"},
                timeout=REQUEST_S,
                retries=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise StoryError(f"{method} {path}: no answer: {error}") from None
        if came.status != expected:
            said = came.data.decode(errors="replace")
            raise StoryError(f"{method} {path}: {expected} was expected, {came.status} came: {said:.500}")
        return came.json()
