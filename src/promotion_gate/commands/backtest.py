"""The command `promotion-gate backtest`: what a policy would have done at the past releases of a project."""

import pathlib

import click

from promotion_gate import params as parameters
from promotion_gate.commands import history
from promotion_gate.commands.group import FILE


@click.command()
@history.TABLES
@click.option("--policy", type=FILE, help="Policy file, or another parameter file, whose rules are tested.")
@history.POOL
@history.PARAMS
@history.HORIZON_DAYS
@click.option("--json", "as_json", is_flag=True, help="Print the whole report, every release included, as JSON.")
@click.option("--out", type=FILE, help="Folder for backtest.json, modules.csv, yield_safety.csv, .png, .svg.")
def backtest(
    tables: pathlib.Path,
    policy: pathlib.Path | None,
    pool: tuple[pathlib.Path, ...],
    params: pathlib.Path,
    horizon_days: int | None,
    as_json: bool,
    out: pathlib.Path | None,
) -> None:
    """Replay the releases in the raw tables of folder TABLES, each scored from what was known at its date.

    Each release that has a past, and whose window of failures is over, is decided by the policy and by the gates that
    it is compared with. Failures are measured with the parameter file's severity weights, whatever policy is tested.
    """
    from promotion_gate.decide import backtest as replay
    from promotion_gate.decide import gates
    from promotion_gate.learn import outcomes
    from promotion_gate.reporting import backtest_table, json_text

    read = history.with_horizon(parameters.load(params), horizon_days)
    rules = parameters.load_rules(policy or params)
    own, *others = history.folders((tables, *pool), read)
    past = outcomes.judged(history.predicted(own, others, read, str(tables)), own, read.labels.horizon_days)
    past = gates.with_coverage(gates.scored(past, rules.impact), own.coverage)
    report = replay.report(past, rules.policy, read.impact.weights, read.backtest)
    if out is not None:
        from promotion_gate.reporting import charts

        curves = replay.curves(past, rules.policy, read.impact.weights, read.backtest)
        json_text.write(out / "backtest.json", report)
        curves.round(5).to_csv(out / "yield_safety.csv", index=False, lineterminator="\n")
        verdicts = gates.replayed(past, rules.policy)
        verdicts.round(6).to_csv(out / "modules.csv", index=False, lineterminator="\n")
        charts.yield_safety(curves, report["gates"], out / "yield_safety")
    if as_json:
        click.echo(json_text.text(report))
        return
    for line in (*backtest_table.lines(report), "", *backtest_table.by_release(report)):
        click.echo(line)
