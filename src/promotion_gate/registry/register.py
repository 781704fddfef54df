"""Registering: a model version with all that explains it and its review; the champion where it moves by itself.

The alias `challenger` always moves to the newest version; `champion` moves when there is none, or when the new version
has its policy, is no experiment, and is no worse on the same test releases, or this program cannot serve the old one.
Each version is reviewed against the champion before the champion moves. Of this room, this file, store.py, history.py,
reviews.py, promotion.py and registered_model.py know MLflow.
"""

import contextlib
import dataclasses
import importlib.metadata
import json
import os
import pathlib
import tempfile
import warnings
from collections.abc import Mapping
from typing import Any

import pandas as pd
import yaml

from promotion_gate import bundle
from promotion_gate.decide.policy import policy_document, policy_version
from promotion_gate.errors import ModelError
from promotion_gate.learn.model import FailureModel
from promotion_gate.params import Params
from promotion_gate.provenance import code_tags, flat
from promotion_gate.registry import compatibility, model_card, reviews
from promotion_gate.registry.history import LONGEST_REASON, made, moves, present, record_and_move
from promotion_gate.registry.store import CHALLENGER, Store, connected, full_name
from promotion_gate.review.contest import Contest, compare
from promotion_gate.review.side import Side
from promotion_gate.schema import CONTRACTS

with warnings.catch_warnings():  # as in store, which comes first: it sets what MLflow reads at its import
    warnings.simplefilter("ignore")
    import mlflow
    import mlflow.pyfunc
    from mlflow.entities import Metric, Param
    from mlflow.exceptions import MlflowException
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

PACKAGE = pathlib.Path(__file__).parents[1]
FORMAT_TAG, REVIEW_PAGE = "bundle_format", "review.html"
REQUIREMENTS = (
    "mlflow",
    "networkx",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "pyyaml",
    "scikit-learn",
    "scipy",
    "threadpoolctl",
    "xgboost-cpu",
)
"""Distributions that the registered model imports; logged with the versions installed here."""


@dataclasses.dataclass(frozen=True)
class Registration:
    """What `register` did.

    Attributes:
        version: name and version, `failure-impact/3`.
        run_id: of the run that logged it.
        is_champion: whether the alias moved to it.
        verdict: why it did or did not, a line.
        review: SHA-256 of its stored review.
        inputs: hashes of what was registered; the same inputs give the same everywhere.
    """

    version: str
    run_id: str
    is_champion: bool
    verdict: str
    review: str
    inputs: dict[str, str]


def register(workspace: pathlib.Path, params: Params, store: Store) -> Registration:
    """Log what the stages left in a workspace as a run, register its model as a new version, review it, move aliases.

    Args:
        workspace: folder with params.yaml, models/, reports/ and data/ as the stages write them.
        params: of its params.yaml.
        store: the tracking store and registry.

    Raises:
        ModelError: something that a stage writes is missing or does not fit the installed code, the champion was moved
            past its review, or the store refuses.
    """
    name = params.register_.model
    data_hash = _json(workspace / "data/interim/ingest.json")["data_hash"]
    version_of_policy = policy_version(params.impact, params.policy)
    metrics = _json(workspace / "reports/metrics.json")
    with connected(store) as client, tempfile.TemporaryDirectory() as temporary:
        room = pathlib.Path(temporary)
        described = {"model_name": name, "data_hash": data_hash, "policy_version": version_of_policy}
        rules = policy_document(params.impact, params.policy)
        written = bundle.write(room / "bundle", _sources(workspace), described | rules)
        compatibility.check(room / "bundle", "the model to be registered", None, None)
        history = moves(client, name)
        champion = present(client, name, history)
        side = reviews.side_of(client, champion, room) if champion else None
        contest = _contest(side, workspace, params) if side else None
        wins, verdict = _verdict(champion, side, contest, version_of_policy)
        tags = {"data_hash": data_hash, "policy_version": version_of_policy, "verdict": verdict, **code_tags(workspace)}
        tags[FORMAT_TAG] = str(bundle.FORMAT)
        card = model_card.render(
            params, metrics, data_hash, version_of_policy, contest, full_name(champion) if champion else ""
        )
        (room / "model_card.md").write_text(card, encoding="utf-8")
        run = client.create_run(_experiment(client, params.register_.experiment, store), tags=tags, run_name=name)
        with mlflow.start_run(run_id=run.info.run_id):
            model_id = _log_model(name, workspace, room / "bundle")
            _log_run(client, run.info.run_id, model_id, workspace, metrics, contest)
            client.log_artifact(run.info.run_id, str(room / "model_card.md"))
        with contextlib.suppress(MlflowException):
            client.create_registered_model(
                name, description="Failure impact of software modules; see each version's card."
            )
        created = client.create_model_version(
            name, f"models:/{model_id}", run.info.run_id, tags=tags, description=card, model_id=model_id
        )
        known_as = json.dumps([{"name": name, "version": int(created.version)}])
        client.set_logged_model_tags(model_id, {"mlflow.modelVersions": known_as})  # its page asks for it
        client.set_registered_model_alias(name, CHALLENGER, created.version)
        version = client.get_model_version(name, created.version)  # what creating returns lacks tags and types
        review = reviews.make(client, version, champion, side)
        if wins:
            before = str(champion.version) if champion else None
            move = made("register", before, str(created.version), "register", verdict[:LONGEST_REASON], review.sha256)
            record_and_move(client, name, move, history)
    inputs = described | written.files
    return Registration(full_name(created), run.info.run_id, wins, verdict, review.sha256, inputs)


def _verdict(champion: Any, side: Side | None, contest: Contest | None, version_of_policy: str) -> tuple[bool, str]:
    """Whether the new version becomes champion by itself, and why or why not, in a line."""
    if side is None or contest is None:
        return True, "the first version, hence champion"
    hold = _hold(champion, version_of_policy)
    obsolete = champion.tags.get(FORMAT_TAG) != str(bundle.FORMAT) or bool(side.misfit)
    verdict = contest.sentence(side.version)
    if obsolete and not hold:
        verdict += f"; but this version of the program cannot serve {side.version}, hence champion"
    return (contest.no_worse or obsolete) and not hold, verdict + hold


def _sources(workspace: pathlib.Path) -> dict[str, pathlib.Path]:
    """Where each file of the bundle comes from."""
    model, tables = workspace / "models/model", workspace / "data/interim"
    return {
        "model/booster.ubj": model / "booster.ubj",
        "model/model.json": model / "model.json",
        "scores.json": workspace / "models/scores.json",
        **{f"tables/{name}.parquet": tables / f"{name}.parquet" for name in CONTRACTS},
    }


def _json(path: pathlib.Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file; run `dvc repro` first") from None


def _experiment(client: Any, name: str, store: Store) -> str:
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found else client.create_experiment(name, artifact_location=store.artifacts))


def _hold(champion: Any, version_of_policy: str, environ: Mapping[str, str] = os.environ) -> str:
    """Why a person must move the champion, however good the model is; empty where nothing speaks against it.

    The contest compares predictions, and so says nothing of thresholds; and an experiment is a trial.
    """
    by_hand = "; to adopt it: `promotion-gate review`, then `promotion-gate registry promote`"
    if environ.get("DVC_EXP_NAME"):
        return f"; an experiment ({environ['DVC_EXP_NAME']}) never moves the champion{by_hand}"
    before = champion.tags.get("policy_version")
    return "" if before == version_of_policy else f"; its policy {version_of_policy} is not {before}{by_hand}"


def _contest(champion: Side, workspace: pathlib.Path, params: Params) -> Contest:
    """Compare the workspace's predictions with the champion's, which its run keeps."""
    if champion.predictions is None:
        return Contest(())
    predictions = pd.read_parquet(workspace / "data/processed/predictions.parquet")
    return compare(predictions, champion.predictions, params.evaluate.bootstrap, params.train.seed)


def _log_run(
    client: Any,
    run_id: str,
    model_id: str,
    workspace: pathlib.Path,
    metrics: Mapping[str, Any],
    contest: Contest | None,
) -> None:
    """Parameters, metrics, plots and predictions of the run; the metrics are the model's, too: its page shows them."""
    read = yaml.safe_load((workspace / "params.yaml").read_text(encoding="utf-8"))
    contested = {"contest": dataclasses.asdict(contest)} if contest else {}
    found = model_card.numbers({**metrics, **contested})
    client.log_batch(
        run_id,
        params=[Param(key, value) for key, value in flat(read).items()],
        metrics=[Metric(key, value, timestamp=0, step=0, model_id=model_id) for key, value in found],
    )
    client.log_model_params(model_id, flat(read))
    client.log_artifact(run_id, str(workspace / "data/processed/predictions.parquet"), "evaluation")
    for path in sorted((workspace / "reports").rglob("*")):
        benchmark = "benchmarks" in path.relative_to(workspace).parts  # megabytes that speak of no version
        if path.is_file() and path.name != REVIEW_PAGE and not benchmark:  # the page is of another version's review
            client.log_artifact(run_id, str(path), str(path.parent.relative_to(workspace)))


def _log_model(name: str, workspace: pathlib.Path, folder: pathlib.Path) -> str:
    """Log the bundle with the code that reads it as a pyfunc; load it again and see that it answers alike."""
    model = FailureModel.load(folder / "model")
    example = pd.read_parquet(workspace / "data/processed/features.parquet").tail(3)[list(model.features)].astype(float)
    info = mlflow.pyfunc.log_model(
        name=name,
        python_model=str(PACKAGE / "registry/registered_model.py"),
        artifacts={"bundle": str(folder)},
        code_paths=[str(PACKAGE)],
        signature=ModelSignature(
            inputs=Schema([ColSpec("double", feature) for feature in model.features]),
            outputs=Schema(
                [ColSpec("string" if column == "severity" else "double", column) for column in compatibility.OUTPUTS]
            ),
        ),
        input_example=example,
        pip_requirements=[f"{package}=={importlib.metadata.version(package)}" for package in REQUIREMENTS],
    )
    answer = mlflow.pyfunc.load_model(info.model_uri).predict(example)
    if abs(answer[list(compatibility.OUTPUTS[:5])].to_numpy() - model.predict(example)).max() > 1e-9:
        raise ModelError("the registered model answers otherwise than the trained one; see models/model")
    return str(info.model_id)
