"""The command `promotion-gate tune-policy`: a policy searched on past releases, for a person to adopt."""

import pathlib
from decimal import Decimal

import click

from promotion_gate import params as parameters
from promotion_gate.commands import history
from promotion_gate.commands.group import FILE, Share


@click.command(name="tune-policy")
@history.TABLES
@click.option(
    "--delay-at-most", type=Share(), help="Share of modules that it may hold.  [default: the parameter file's]"
)
@click.option("--trials", type=click.IntRange(1, 100_000), help="Policies to try.  [default: the parameter file's]")
@click.option("--policy", type=FILE, help="Policy file, or another parameter file, to start from.")
@history.POOL
@history.PARAMS
@history.HORIZON_DAYS
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@click.option(
    "--out", type=FILE, help="Folder for suggested_policy.yaml, policy_tuning.json, pareto.csv, .png and .svg."
)
def tune_policy(
    tables: pathlib.Path,
    delay_at_most: float | None,
    trials: int | None,
    policy: pathlib.Path | None,
    pool: tuple[pathlib.Path, ...],
    params: pathlib.Path,
    horizon_days: int | None,
    as_json: bool,
    out: pathlib.Path | None,
) -> None:
    """Search policies on the past releases in the raw tables of folder TABLES.

    What escapes is weighed against what is delayed and the lines of test asked for, on the older releases; the best
    that keeps the limit is confirmed on the next release, and reported on the newest, which nothing is chosen on.
    """
    import pandas as pd
    from tqdm import tqdm

    from promotion_gate.decide.gates import with_coverage
    from promotion_gate.decide.tuning import tune
    from promotion_gate.learn.outcomes import judged
    from promotion_gate.reporting import json_text, tuning_report

    read = history.with_horizon(parameters.load(params), horizon_days)
    given = {"trials": trials, "delay_at_most": None if delay_at_most is None else Decimal(str(delay_at_most))}
    settings = read.tune_policy.model_copy(update={name: one for name, one in given.items() if one is not None})
    rules = parameters.load_rules(policy or params)
    own, *others = history.folders((tables, *pool), read)
    days = read.labels.horizon_days
    past = judged(history.predicted(own, others, read, str(tables)), own, days)
    past = with_coverage(past, own.coverage)
    horizon, weights = pd.Timedelta(days=days), read.impact.weights
    with tqdm(total=settings.trials, desc="policies", unit="policy") as bar:
        tuned = tune(past, own, horizon, rules, weights, settings, read.backtest, bar.update)
    if out is not None:
        from promotion_gate.reporting import charts

        found = tuning_report.points(tuned)
        json_text.write(out / "policy_tuning.json", tuning_report.document(tuned, settings.delay_at_most))
        found.round(6).to_csv(out / "pareto.csv", index=False, lineterminator="\n")
        charts.pareto(found, float(settings.delay_at_most), out / "pareto")
        written = tuning_report.policy_file(tuned, settings.delay_at_most)
        (out / "suggested_policy.yaml").write_text(written, encoding="utf-8")
    if as_json:
        click.echo(json_text.text(tuning_report.document(tuned, settings.delay_at_most)))
        return
    for line in tuning_report.lines(tuned, settings.delay_at_most):
        click.echo(line)
