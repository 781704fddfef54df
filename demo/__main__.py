"""`python -m demo`: the gate's whole story on this machine, with the built model. See docs/operate.md.

Exit codes: 0 told to its end; 1 something came otherwise than told, or another code of `promotion-gate`, as 3 where
there is no model; 130 interrupted. Whatever ends it, the programs that it started end, and its files go.
"""

import pathlib
import signal
import sys
import tempfile
from types import FrameType

import click

from demo.programs import Setting, StoryError
from demo.story import play
from promotion_gate.errors import PromotionGateError
from promotion_gate.operate.gate import DEFAULT_MODELS, resolve_bundle

FILE = click.Path(path_type=pathlib.Path)
INTERRUPTED = 130
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@click.command()
@click.option("--models", type=FILE, default=DEFAULT_MODELS, show_default=True, help="Folder of the model.")
@click.option("--params", type=FILE, help="Parameter file; else params.yaml here.")
def main(models: pathlib.Path, params: pathlib.Path | None) -> None:
    """Tell how three modules are promoted, held and reviewed, and how one is rolled back."""
    for number in SIGNALS:
        signal.signal(number, _interrupt)
    try:
        resolve_bundle(models)
        with tempfile.TemporaryDirectory(prefix="promotion-gate-demo-") as folder:
            play(Setting(models, params, pathlib.Path(folder)))
    except StoryError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.code)
    except PromotionGateError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        click.echo("interrupted: everything was stopped and removed", err=True)
        sys.exit(INTERRUPTED)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    for number in SIGNALS:  # one is enough: the next ones do not disturb the clearing up
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
