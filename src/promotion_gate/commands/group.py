"""How commands begin and end: shared options, one line and one exit code for every failure, never a traceback."""

import os
import pathlib
import sys
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, TypeVar

import click
from pydantic import ValidationError

from promotion_gate.decide.policy import BLOCKED, INSUFFICIENT, PROMOTE
from promotion_gate.errors import PromotionGateError
from promotion_gate.operate.gate import DEFAULT_MODELS
from promotion_gate.operate.requests import explain, share

EXIT_CODES: dict[str, int] = {PROMOTE: 0, INSUFFICIENT: 10, BLOCKED: 20}
WORST_LAST = (0, 10, 20, 3, 2)
"""Exit codes, fixed: of many decisions the worst is given."""

BROKEN_PIPE = 141
"""What a shell shows for a program that wrote to a closed pipe: not every line arrived."""

C = TypeVar("C", bound=Callable[..., Any])


class Group(click.Group):
    """A command group whose commands return their exit code, None for 0."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader that closed the pipe early is no error to talk about."""
        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            # Python flushes stdout once more at exit, which would raise again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return BROKEN_PIPE
        return code

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run the command and leave with its exit code."""
        extra["standalone_mode"] = False
        try:
            code = super().main(*args, **extra) or 0
        except PromotionGateError as error:
            code = _fail(str(error), error.exit_code)
        except ValidationError as error:  # a request, module or decision that the options cannot make
            code = _fail(explain(error), 2)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            code = 2
        except click.ClickException as error:
            code = _fail(error.format_message(), 2)
        except click.Abort:
            code = _fail("interrupted", 130)
        except OSError as error:
            code = _fail(str(error), 2)
        sys.exit(code)


class Share(click.ParamType[float]):
    """A share between 0 and 1, written as a decimal."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the share; InputError for percentages, NaN and all else."""
        return share(param.opts[0] if param else self.name, str(value))


SHARE = Share()
FILE = click.Path(path_type=pathlib.Path)


def with_gate(command: C) -> C:
    """Add the options that say which rules and which model are asked."""
    rules = "Parameter file; else params.yaml here if it has a policy, else the model's own policy."
    folder = click.option("--models", type=FILE, default=DEFAULT_MODELS, show_default=True, help="Folder of the model.")
    return folder(click.option("--params", type=FILE, help=rules)(command))


def worst_of(codes: Iterable[int]) -> int:
    """Return the worst of the exit codes of decisions, 0 of none."""
    return max(codes, key=WORST_LAST.index, default=0)


def _fail(message: str, code: int) -> int:
    click.echo(f"error: {' '.join(message.split())}", err=True)
    return code
