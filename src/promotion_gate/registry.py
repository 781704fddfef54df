"""The only room that knows MLflow: a model version with all that explains it, its aliases, the champion's bundle.

The alias `challenger` always moves to the newest version; `champion` moves when there is none, or when the new version
has its policy, is no experiment, and is no worse on the same test releases, or this program cannot serve the old one.
The tracking store is `mlflow.db` in the project's folder, by absolute path, with the artifacts in `mlartifacts` beside
it; the environment variable MLFLOW_TRACKING_URI wins over that.
"""

import contextlib
import dataclasses
import importlib.metadata
import json
import logging
import os
import pathlib
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import yaml

from promotion_gate import bundle, model_card
from promotion_gate.contest import Contest, compare
from promotion_gate.decide.policy import policy_document, policy_version
from promotion_gate.errors import ModelError
from promotion_gate.learn.model import FailureModel
from promotion_gate.params import Params
from promotion_gate.provenance import code_tags, flat
from promotion_gate.schema import CONTRACTS, LEVELS

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # before the import: it reports to its makers otherwise
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
with warnings.catch_warnings():  # MLflow warns of its own type hints and of what it depends on
    warnings.simplefilter("ignore")
    import mlflow
    import mlflow.pyfunc
    from mlflow.entities import Metric, Param
    from mlflow.exceptions import MlflowException
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

PACKAGE = pathlib.Path(__file__).parent
CHALLENGER, CHAMPION = "challenger", "champion"
FORMAT_TAG = "bundle_format"
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
class Store:
    """Where MLflow keeps its records, and where new experiments put their artifacts (None: where the server wants)."""

    uri: str
    artifacts: str | None


@dataclasses.dataclass(frozen=True)
class Registration:
    """What `register` did.

    Attributes:
        version: name and version, `failure-impact/3`.
        run_id: of the run that logged it.
        is_champion: whether the alias moved to it.
        verdict: why it did or did not, a line.
        inputs: hashes of what was registered; the same inputs give the same everywhere.
    """

    version: str
    run_id: str
    is_champion: bool
    verdict: str
    inputs: dict[str, str]


def project_root(environ: Mapping[str, str] = os.environ) -> pathlib.Path:
    """The project's own folder: DVC names it, in the temporary copies that experiments run in too; else here."""
    return pathlib.Path(environ.get("DVC_ROOT", ".")).resolve()


def store_at(root: pathlib.Path, environ: Mapping[str, str] = os.environ) -> Store:
    """The store of a project; MLFLOW_TRACKING_URI wins, an SQLite path in it counting from the project's folder."""
    uri = environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    if not uri.startswith("sqlite:///"):
        return Store(uri, None)
    database = root.resolve() / uri.removeprefix("sqlite:///")
    return Store(f"sqlite:///{database}", (database.parent / "mlartifacts").as_uri())


@contextlib.contextmanager
def connected(store: Store) -> Iterator[Any]:
    """A client of the store, MLflow quiet and pointed at it; its errors in one line; all as before afterwards."""
    before = os.environ.get("MLFLOW_TRACKING_URI")
    loggers = {name: logging.getLogger(name) for name in ("mlflow", "alembic")}
    levels = {name: logger.level for name, logger in loggers.items()}
    try:
        for logger in loggers.values():
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"(mlflow|alembic|sqlalchemy)\b")  # theirs, not ours
            mlflow.set_tracking_uri(store.uri)
            yield mlflow.MlflowClient(store.uri)
    except MlflowException as error:
        raise ModelError(f"model registry at {store.uri}: {str(error).splitlines()[0]:.300}") from error
    finally:
        mlflow.set_tracking_uri(None)
        if before is not None:
            os.environ["MLFLOW_TRACKING_URI"] = before
        for name, logger in loggers.items():
            logger.setLevel(levels[name])


def register(workspace: pathlib.Path, params: Params, store: Store) -> Registration:
    """Log what the stages left in a workspace as a run, register its model as a new version, and move the aliases.

    Args:
        workspace: folder with params.yaml, models/, reports/ and data/ as the stages write them.
        params: of its params.yaml.
        store: the tracking store and registry.

    Raises:
        ModelError: something that a stage writes is missing or does not fit, or the store refuses.
    """
    name = params.register_.model
    data_hash = _json(workspace / "data/interim/ingest.json")["data_hash"]
    version_of_policy = policy_version(params.impact, params.policy)
    metrics = _json(workspace / "reports/metrics.json")
    with connected(store) as client, tempfile.TemporaryDirectory() as temporary:
        room = pathlib.Path(temporary)
        described = {"model_name": name, "data_hash": data_hash, "policy_version": version_of_policy}
        written = bundle.write(
            room / "bundle", _sources(workspace), described | policy_document(params.impact, params.policy)
        )
        champion = _champion(client, name)
        contest = _contest(client, champion, workspace, params, room) if champion else None
        present = f"{name}/{champion.version}" if champion else ""
        hold = _hold(champion, version_of_policy) if champion else ""
        obsolete = champion is not None and champion.tags.get(FORMAT_TAG) != str(bundle.FORMAT)
        verdict = contest.sentence(present) if contest else "the first version, hence champion"
        if obsolete and not hold:
            verdict += f"; but this version of the program cannot serve {present}, hence champion"
        verdict += hold
        card = model_card.render(params, metrics, data_hash, version_of_policy, contest, present)
        (room / "model_card.md").write_text(card, encoding="utf-8")
        tags = {"data_hash": data_hash, "policy_version": version_of_policy, "verdict": verdict, **code_tags(workspace)}
        tags[FORMAT_TAG] = str(bundle.FORMAT)
        run = client.create_run(_experiment(client, params.register_.experiment, store), tags=tags, run_name=name)
        with mlflow.start_run(run_id=run.info.run_id):
            _log_run(client, run.info.run_id, workspace, metrics, contest)
            client.log_artifact(run.info.run_id, str(room / "model_card.md"))
            model_id = _log_model(name, workspace, room / "bundle")
        with contextlib.suppress(MlflowException):
            client.create_registered_model(
                name, description="Failure impact of software modules; see each version's card."
            )
        created = client.create_model_version(
            name, f"models:/{model_id}", run.info.run_id, tags=tags, description=card, model_id=model_id
        )
        wins = contest is None or ((contest.no_worse or obsolete) and not hold)
        for alias in (CHALLENGER, CHAMPION) if wins else (CHALLENGER,):
            client.set_registered_model_alias(name, alias, created.version)
    inputs = described | written.files
    return Registration(f"{name}/{created.version}", run.info.run_id, wins, verdict, inputs)


def resolve_champion(models: pathlib.Path, name: str, store: Store) -> pathlib.Path:
    """Bring the champion's bundle to models/champion, whole or not at all, and return that folder.

    A bundle that is there already is kept if it is the champion's version and its files have their hashes.

    Raises:
        ModelError: there is no champion, or its bundle is not what was registered.
    """
    folder = models / CHAMPION
    with connected(store) as client:
        champion = _champion(client, name)
        if champion is None:
            raise ModelError(f"no champion of {name} in {store.uri}; train and register one: `make repro`")
        version = f"{name}/{champion.version}"
        with contextlib.suppress(ModelError):
            if bundle.read_manifest(folder).model_version == version and bundle.verify(folder):
                return folder
        with tempfile.TemporaryDirectory() as room, bundle.replacing(folder) as fresh:
            got = mlflow.artifacts.download_artifacts(artifact_uri=f"models:/{version}/artifacts/bundle", dst_path=room)
            manifest = bundle.verify(pathlib.Path(got))
            shutil.copytree(got, fresh, dirs_exist_ok=True)
            bundle.save(fresh, manifest.model_copy(update={"model_version": version, "run_id": champion.run_id}))
    return folder


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


def _champion(client: Any, name: str) -> Any:
    """The model version that the alias names, None where there is no such model or alias."""
    try:
        return client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def _hold(champion: Any, version_of_policy: str, environ: Mapping[str, str] = os.environ) -> str:
    """Why a person must move the champion, however good the model is; empty where nothing speaks against it.

    The contest compares predictions, and so says nothing of thresholds; and an experiment is a trial.
    """
    by_hand = "; to adopt it, set the alias champion in MLflow and run `make champion`"
    if environ.get("DVC_EXP_NAME"):
        return f"; an experiment ({environ['DVC_EXP_NAME']}) never moves the champion{by_hand}"
    before = champion.tags.get("policy_version")
    return "" if before == version_of_policy else f"; its policy {version_of_policy} is not {before}{by_hand}"


def _contest(client: Any, champion: Any, workspace: pathlib.Path, params: Params, room: pathlib.Path) -> Contest:
    """Compare the workspace's predictions with the champion's, which its run keeps."""
    try:
        kept = client.download_artifacts(champion.run_id, "evaluation/predictions.parquet", str(room))
    except (MlflowException, OSError):
        return Contest(())
    predictions = pd.read_parquet(workspace / "data/processed/predictions.parquet")
    return compare(predictions, pd.read_parquet(kept), params.evaluate.bootstrap, params.train.seed)


def _log_run(
    client: Any, run_id: str, workspace: pathlib.Path, metrics: Mapping[str, Any], contest: Contest | None
) -> None:
    """Parameters, metrics, plots and predictions of the run."""
    read = yaml.safe_load((workspace / "params.yaml").read_text(encoding="utf-8"))
    contested = {"contest": dataclasses.asdict(contest)} if contest else {}
    found = model_card.numbers({**metrics, **contested})
    client.log_batch(
        run_id,
        params=[Param(key, value) for key, value in flat(read).items()],
        metrics=[Metric(key, value, timestamp=0, step=0) for key, value in found],
    )
    client.log_artifact(run_id, str(workspace / "data/processed/predictions.parquet"), "evaluation")
    for path in sorted((workspace / "reports").rglob("*")):
        if path.is_file():
            client.log_artifact(run_id, str(path), str(path.parent.relative_to(workspace)))


def _log_model(name: str, workspace: pathlib.Path, folder: pathlib.Path) -> str:
    """Log the bundle with the code that reads it as a pyfunc; load it again and see that it answers alike."""
    model = FailureModel.load(folder / "model")
    example = pd.read_parquet(workspace / "data/processed/features.parquet").tail(3)[list(model.features)].astype(float)
    outputs = [*(f"p_{level}" for level in LEVELS), "severity", "fis"]
    info = mlflow.pyfunc.log_model(
        name=name,
        python_model=str(PACKAGE / "registered_model.py"),
        artifacts={"bundle": str(folder)},
        code_paths=[str(PACKAGE)],
        signature=ModelSignature(
            inputs=Schema([ColSpec("double", feature) for feature in model.features]),
            outputs=Schema([ColSpec("string" if column == "severity" else "double", column) for column in outputs]),
        ),
        input_example=example,
        pip_requirements=[f"{package}=={importlib.metadata.version(package)}" for package in REQUIREMENTS],
    )
    answer = mlflow.pyfunc.load_model(info.model_uri).predict(example)
    if abs(answer[outputs[:5]].to_numpy() - model.predict(example)).max() > 1e-9:
        raise ModelError("the registered model answers otherwise than the trained one; see models/model")
    return str(info.model_id)
