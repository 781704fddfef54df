"""The command `promotion-gate`: its commands. Each parses options, calls the rooms below, prints.

Imports are light on purpose: a pipeline starts this command for every promotion.
"""

import click

from promotion_gate.commands.agent import agent
from promotion_gate.commands.backtest import backtest
from promotion_gate.commands.batch import batch
from promotion_gate.commands.benchmark import benchmark
from promotion_gate.commands.collect import collect
from promotion_gate.commands.decide import decide
from promotion_gate.commands.group import Group
from promotion_gate.commands.ledger import ledger
from promotion_gate.commands.policy import policy
from promotion_gate.commands.registry import registry, review
from promotion_gate.commands.replay import replay
from promotion_gate.commands.score import score
from promotion_gate.commands.serve import serve
from promotion_gate.commands.token import token
from promotion_gate.commands.tune_policy import tune_policy
from promotion_gate.commands.watch import watch


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="promotion-gate", message="promotion-gate %(version)s")
def main() -> None:
    """Promote software modules by the risk of their failure."""


DECIDING = (score, decide, batch, replay, policy)
TRYING = (backtest, tune_policy, benchmark)
COLLECTING = (collect,)
RUNNING = (review, registry, serve, agent, watch, token, ledger)

for command in (*COLLECTING, *DECIDING, *TRYING, *RUNNING):
    main.add_command(command)
