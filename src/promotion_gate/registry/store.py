"""The registry's store: where MLflow keeps its records, and what is asked of it. The room of MLflow begins here.

The tracking store is `mlflow.db` in the project's folder, by absolute path, with the artifacts in `mlartifacts` beside
it; the environment variable MLFLOW_TRACKING_URI wins over that.
"""

import contextlib
import dataclasses
import datetime
import logging
import os
import pathlib
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from promotion_gate import bundle
from promotion_gate.errors import InputError, ModelError

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # before the import: it reports to its makers otherwise
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
with warnings.catch_warnings():  # MLflow warns of its own type hints and of what it depends on
    warnings.simplefilter("ignore")
    import mlflow
    import mlflow.artifacts
    import mlflow.models
    from mlflow.exceptions import MlflowException

CHALLENGER, CHAMPION = "challenger", "champion"
MISSING = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""What MLflow says where there is no such model, alias or version; the second where a name is none."""

SECRETS = re.compile(r"(?<=://)[^/\s@]+@|(?<=password=)[^&\s]+", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Store:
    """Where MLflow keeps its records, and where new experiments put their artifacts (None: where the server wants)."""

    uri: str
    artifacts: str | None


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


def existing(store: Store) -> Store:
    """The store, if it is there: MLflow would make an empty one.

    Raises:
        ModelError: its SQLite file is missing.
    """
    if store.uri.startswith("sqlite:///") and not pathlib.Path(store.uri.removeprefix("sqlite:///")).is_file():
        raise ModelError(f"no model registry at {store.uri}; train and register a model: `make repro`")
    return store


def redacted(text: str) -> str:
    """The text without the users and passwords of addresses in it."""
    return SECRETS.sub(lambda found: "***@" if found[0].endswith("@") else "***", text)


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
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"model registry at {redacted(store.uri)}: {redacted(said):.300}") from None
    finally:
        mlflow.set_tracking_uri(None)
        if before is not None:
            os.environ["MLFLOW_TRACKING_URI"] = before
        for name, logger in loggers.items():
            logger.setLevel(levels[name])


def by_alias(client: Any, name: str, alias: str) -> Any:
    """The model version that an alias names, None where there is no such model or alias."""
    try:
        return client.get_model_version_by_alias(name, alias)
    except MlflowException as error:
        if error.error_code in MISSING:
            return None
        raise


def by_number(client: Any, name: str, wanted: str) -> Any:
    """The model version of a number, or of a name and a number: `8` or `failure-impact/8`.

    Raises:
        InputError: there is none; the line names those that there are.
    """
    number = wanted.removeprefix(f"{name}/")
    known = sorted(int(one.version) for one in versions(client, name))
    if not number.isdecimal() or int(number) not in known:
        there = f"it has {', '.join(map(str, known[-10:]))}" if known else "it has none"
        raise InputError(f"{name} has no version {wanted!r}; {there}")
    return client.get_model_version(name, str(int(number)))


def versions(client: Any, name: str) -> list[Any]:
    """Every version of a model, newest first."""
    found: list[Any] = []
    token = None
    while True:
        page = client.search_model_versions(f"name = '{name}'", max_results=200, page_token=token)
        found += page
        token = page.token
        if not token:
            return sorted(found, key=lambda one: -int(one.version))


def full_name(version: Any) -> str:
    """Name and number, `failure-impact/8`."""
    return f"{version.name}/{version.version}"


def utc(milliseconds: int) -> str:
    """MLflow's time as ISO 8601, UTC."""
    return datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def now() -> str:
    """The present as ISO 8601, UTC, to the microsecond: what was recorded first stands first."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def download(version: Any, path: str, room: pathlib.Path) -> pathlib.Path:
    """Bring a file or folder of a logged model into a folder.

    Raises:
        ModelError: the store's artifacts do not have it.
    """
    try:
        uri = f"models:/{full_name(version)}/{path}"
        return pathlib.Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(room)))
    except (MlflowException, OSError) as error:
        raise _missing(version, path, error) from None


def download_of_run(client: Any, version: Any, path: str, room: pathlib.Path) -> pathlib.Path:
    """Bring a file or folder of a version's run into a folder. ModelError where it is not there."""
    try:
        return pathlib.Path(client.download_artifacts(version.run_id, path, str(room)))
    except (MlflowException, OSError) as error:
        raise _missing(version, path, error) from None


def _missing(version: Any, path: str, error: Exception) -> ModelError:
    said = redacted(" ".join(str(error).split()))
    return ModelError(f"{full_name(version)}: its artifact {path} cannot be read: {said:.200}")


def fetch_bundle(version: Any, folder: pathlib.Path) -> bundle.Manifest:
    """Bring a version's bundle into a folder, every file checked against its hash, its manifest naming the version.

    Raises:
        ModelError: it is not what was registered, or of a form that the installed code cannot read.
    """
    with tempfile.TemporaryDirectory() as room:
        got = download(version, "artifacts/bundle", pathlib.Path(room))
        try:
            manifest = bundle.verify(got)
        except ModelError as error:  # it names a folder that nobody will find again
            raise ModelError(str(error).replace(str(got), f"{full_name(version)} bundle")) from None
        shutil.copytree(got, folder, dirs_exist_ok=True)
    named = manifest.model_copy(update={"model_version": full_name(version), "run_id": version.run_id})
    bundle.save(folder, named)
    return named


def signature_of(version: Any) -> tuple[list[str] | None, list[str] | None]:
    """Names of the inputs and outputs in the signature of a version's model, in order; None where it has none."""
    signature = mlflow.models.get_model_info(f"models:/{full_name(version)}").signature
    schemas = (None, None) if signature is None else (signature.inputs, signature.outputs)
    inputs, outputs = (None if schema is None else [str(name) for name in schema.input_names()] for schema in schemas)
    return inputs, outputs
