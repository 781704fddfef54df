"""The reviewer's commands: `promotion-gate review`, and `registry` with promote, rollback and list."""

import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from promotion_gate import params as parameters
from promotion_gate.commands.group import FILE, Group
from promotion_gate.errors import ModelError

if TYPE_CHECKING:
    from promotion_gate.registry.promotion import Promotion
    from promotion_gate.registry.store import Store

FAILED = 10
"""Exit code of `review` where the checklist has a failed item."""

PAGE = pathlib.Path("reports/review.html")

params_option = click.option(
    "--params", type=FILE, default="params.yaml", show_default=True, help="Parameter file that names the model."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def who_and_why(command: Any) -> Any:
    """Add the options that every move of the champion asks for."""
    reason = click.option("--reason", required=True, help="Why; kept with the move, at most 1000 letters.")
    return click.option("--by", required=True, help="Who moves it; kept with the move.")(reason(command))


@click.command()
@click.argument("version", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the review as it is stored.")
@params_option
def review(version: str | None, as_json: bool, params: pathlib.Path) -> int:
    """Compare VERSION (else the challenger) with the champion, store the review, and write reports/review.html.

    Of the champion itself the review is shown that was stored when it was moved. Exits with 0, or with 10 where an item
    of the checklist failed.
    """
    from promotion_gate.registry.history import moves, present
    from promotion_gate.registry.reviews import make, stored
    from promotion_gate.registry.store import CHALLENGER, by_alias, by_number, connected, full_name
    from promotion_gate.review import page, text

    name, store, root = _project(params)
    with connected(store) as client:
        wanted = by_number(client, name, version) if version else by_alias(client, name, CHALLENGER)
        if wanted is None:
            raise ModelError(f"{name} has no challenger; train and register one: `make repro`")
        champion = present(client, name, moves(client, name))
        again = champion is not None and champion.version == wanted.version
        found = stored(client, wanted) if again else make(client, wanted, champion)
    document = found.document
    html = root / PAGE
    html.parent.mkdir(parents=True, exist_ok=True)
    html.write_text(page.render(document, found.sha256), encoding="utf-8")
    if as_json:
        click.echo(found.content, nl=False)
    else:
        for line in text.lines(document):
            click.echo(line)
        click.echo()
    said = "is champion; this is the review that it was moved on" if again else "is reviewed; stored with its run"
    click.echo(f"{full_name(wanted)} {said}, SHA-256 {found.sha256:.12}; page: {html}", err=as_json)
    return FAILED if document["counts"]["fail"] else 0


@click.group(cls=Group)
def registry() -> None:
    """Move the champion, and see who moved it."""


@registry.command()
@click.argument("version")
@who_and_why
@json_option
@params_option
def promote(version: str, by: str, reason: str, as_json: bool, params: pathlib.Path) -> None:
    """Make VERSION champion; it must have a stored review against the present one."""
    from promotion_gate.registry.promotion import promote as move

    name, store, root = _project(params)
    _tell(name, move(store, name, version, by, reason), store, root, as_json)


@registry.command()
@who_and_why
@json_option
@params_option
def rollback(by: str, reason: str, as_json: bool, params: pathlib.Path) -> None:
    """Make the champion before the present one champion again."""
    from promotion_gate.registry.promotion import rollback as move

    name, store, root = _project(params)
    _tell(name, move(store, name, by, reason), store, root, as_json)


@registry.command("list")
@json_option
@params_option
def list_versions(as_json: bool, params: pathlib.Path) -> None:
    """List the versions with their reviews, and every move of the champion."""
    from promotion_gate.registry.promotion import listing

    name, store, _ = _project(params)
    found = listing(store, name)
    if as_json:
        click.echo(json.dumps(found, indent=1, ensure_ascii=False))
        return
    for line in _listed(found):
        click.echo(line)


def _project(params: pathlib.Path) -> "tuple[str, Store, pathlib.Path]":
    """Name of the model, its store, which must be there, and the project's folder."""
    from promotion_gate.registry.store import existing, project_root, store_at

    name = parameters.load(params).register_.model
    root = project_root()
    return name, existing(store_at(root)), root


def _tell(name: str, done: "Promotion", store: "Store", root: pathlib.Path, as_json: bool) -> None:
    """Bring the new champion's bundle to where `promotion-gate` looks for it, and say what was done."""
    import dataclasses

    from promotion_gate.registry.promotion import resolve_champion

    folder = resolve_champion(root / "models", name, store)
    failed = [one["code"] for one in done.review.document["checklist"] if one["result"] == "fail"]
    if failed:
        click.echo(f"warning: its review has failed items: {', '.join(failed)}", err=True)
    if as_json:
        told = {"model": name, **dataclasses.asdict(done.move), "failed_items": failed, "bundle": str(folder)}
        click.echo(json.dumps(told, indent=1, ensure_ascii=False))
        return
    before = f", before {name}/{done.move.before}" if done.move.before else ""
    click.echo(f"champion {name}/{done.move.after}{before}: {done.move.kind} by {done.move.by}: {done.move.reason}")
    click.echo(f"review {done.move.review:.12}; {folder} holds its bundle")


def _listed(found: Mapping[str, Any]) -> Iterator[str]:
    """Versions newest first, then moves oldest first, then what does not fit."""
    longest = max(len(one["version"]) for one in found["versions"])
    for one in found["versions"]:
        commit = str(one["git_commit"] or "")[:12] + ("+" if one["git_dirty"] == "true" else "")
        kept = one["review"]
        told = f"reviewed against {kept['against']}: {kept['checklist']}" if kept else "no review"
        names = ", ".join(one["aliases"])
        yield (
            f"{one['version']:<{longest}}  {one['registered_at']}  {names:<20}  policy {one['policy_version']}  "
            f"code {commit or 'unknown':<13}  {told}"
        )
    yield ""
    yield "moves of the champion" if found["moves"] else "no move of the champion is on record"
    for move in found["moves"]:
        at = f"{move['at'][:19]}Z"
        path = f"{move['before'] or 'none'} -> {move['after']}"
        yield f"{at}  {path:<12}  {move['kind']:<8}  by {move['by']}: {move['reason']}  (review {move['review']:.12})"
    if found["warning"]:
        yield f"warning: {found['warning']}"
