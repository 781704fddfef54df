"""The command `promotion-gate batch`: modules promoted together, along the dependency graph."""

import json
import pathlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from promotion_gate.commands import output
from promotion_gate.commands.group import EXIT_CODES, with_gate, worst_of
from promotion_gate.commands.stream import answers, complain
from promotion_gate.decide.policy import PROMOTE
from promotion_gate.errors import PromotionGateError
from promotion_gate.operate.gate import Gate
from promotion_gate.schema import Decision

if TYPE_CHECKING:
    from promotion_gate.decide.batch import Place


@click.command()
@click.argument("requests")
@click.option("--atomic", is_flag=True, help="All modules go, or none does.")
@click.option("--project", help="Project of requests that name none; needed where the model knows several.")
@click.option("--json", "as_json", is_flag=True, help="Print the batch as JSON, each decision in full.")
@with_gate
def batch(
    requests: str, atomic: bool, project: str | None, as_json: bool, params: pathlib.Path | None, models: pathlib.Path
) -> int:
    """Decide on modules that are promoted together: JSON lines or CSV of REQUESTS, - for stdin.

    Prints them in the order of promotion, dependencies first, circles together, and which are held because something
    that they depend on in the batch is held. Dependencies are those of the request, else of the data set. Exit code:
    the worst of the decisions; a line that cannot be read stops the batch.
    """
    from promotion_gate.decide.batch import Key, plan  # networkx

    gate = Gate(params, models)
    decisions: list[Decision] = []
    needs: dict[Key, Sequence[Key]] = {}
    broken = []
    for number, answer in answers(gate, requests, project):
        if isinstance(answer, PromotionGateError):
            broken.append(complain(requests, number, answer))
            continue
        module, decision = answer[0].module, answer[1]
        decisions.append(decision)
        needs[module.project, module.module] = [(module.project, name) for name in gate.dependencies(module)]
    if broken:
        return worst_of(broken)
    places = plan(decisions, needs, atomic=atomic)
    if as_json:
        click.echo(json.dumps({"atomic": atomic, "modules": [_as_json(place) for place in places]}))
    else:
        for line in _as_text(places):
            click.echo(line, color=output.color())
    return worst_of(EXIT_CODES[decision.status] for decision in decisions)


def _as_json(place: "Place") -> dict[str, object]:
    held_by = [{"project": project, "module": module} for project, module in place.held_by]
    told = {"step": place.step, "promoted": place.promoted, "held_by": held_by}
    return {**told, "decision": place.decision.model_dump(mode="json")}


def _as_text(places: "Sequence[Place]") -> Iterator[str]:
    yield f"{sum(place.promoted for place in places)} of {len(places)} modules are promoted"
    width = max(len(str(place.decision.module)) for place in places)
    for place in places:
        decision = place.decision
        shown = click.style("promote", fg="green") if place.promoted else click.style("hold   ", fg="red")
        why = ""
        if decision.status != PROMOTE:
            why = f"{decision.status}: {decision.reasons[0].message}"
        elif place.held_by:
            names = [module for _, module in place.held_by]
            why = f"held by {', '.join(names[:3])}" + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        yield f"  {place.step + 1:>3}  {shown}  {decision.module:<{width}}  {why}".rstrip()
