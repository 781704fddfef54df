"""Reviews in the registry: made of two versions, stored with the run of the one reviewed, found again by their hash.

`review/<beginning of the hash>/review.json` and `review.html` are artifacts of the run; tags of the version hold the
whole SHA-256 and against which champion it was made. A later review lies beside the earlier ones, not over them: the
history of the champion names each by its hash.
"""

import hashlib
import json
import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from promotion_gate.errors import InputError, ModelError
from promotion_gate.registry import compatibility, model_card
from promotion_gate.registry.store import download, download_of_run, fetch_bundle, full_name, now, signature_of, utc
from promotion_gate.review import document, page
from promotion_gate.review.side import Side

HASH_TAG, AGAINST_TAG, AT_TAG, CHECKLIST_TAG = "review_sha256", "review_against", "review_at", "review_checklist"
NOBODY = "none"
"""In place of a champion, where there was none."""

DESCRIPTION = 5000
"""Letters that MLflow's databases hold of a description."""


class Review(NamedTuple):
    """A stored review: its document, the bytes as stored, and their SHA-256."""

    document: Mapping[str, Any]
    content: bytes
    sha256: str


def side_of(client: Any, version: Any, room: pathlib.Path) -> Side:
    """Read all that the registry keeps of a version; what cannot be read is told in the side, not raised.

    Args:
        client: of the store.
        version: MLflow's.
        room: folder for its files, which must live as long as the side.
    """
    name, folder = full_name(version), room / f"version-{version.version}"
    unread = misfit = ""
    try:
        fetch_bundle(version, folder)
        compatibility.check(folder, name, *signature_of(version))
    except ModelError as error:
        said = " ".join(str(error).split())
        unread, misfit = ("", said) if (folder / "manifest.json").is_file() else (said, "")
    run = client.get_run(version.run_id)
    return Side(
        version=name,
        run_id=version.run_id,
        registered_at=utc(version.creation_timestamp),
        description=version.description or "",
        tags=dict(version.tags),
        params=dict(run.data.params),
        packages=_packages(version, room),
        predictions=_predictions(client, version, room),
        folder=None if unread else folder,
        unread=unread,
        misfit=misfit,
    )


def make(client: Any, version: Any, champion: Any, known: Side | None = None) -> Review:
    """Review a version against the champion (None: there is none) and store it.

    Args:
        client: of the store.
        version: MLflow's, to be reviewed.
        champion: MLflow's, or None.
        known: the champion's side, where it has been read already.
    """
    with tempfile.TemporaryDirectory() as temporary:
        room = pathlib.Path(temporary)
        challenger = side_of(client, version, room)
        other = known or (side_of(client, champion, room) if champion is not None else None)
        made = document.build(challenger, other, f"{now():.19}Z")
    content = document.as_bytes(made)
    review = Review(made, content, hashlib.sha256(content).hexdigest())
    _store(client, version, review)
    return review


def stored(client: Any, version: Any) -> Review:
    """The newest stored review of a version, its bytes checked against the hash in the tag.

    Raises:
        InputError: there is none.
        ModelError: it is not the one that was stored, or is gone.
    """
    expected, name = version.tags.get(HASH_TAG), full_name(version)
    if expected is None:
        raise InputError(f"{name} has no stored review; make one: `promotion-gate review {version.version}`")
    again = f"make it again: `promotion-gate review {version.version}`"
    with tempfile.TemporaryDirectory() as room:
        try:
            path = download_of_run(client, version, f"{_folder(expected)}/review.json", pathlib.Path(room))
        except ModelError as error:
            raise ModelError(f"{error}; {again}") from None
        content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise ModelError(
            f"{name}: its review is not the one that was stored (hash {found:.12}, not {expected:.12}); {again}"
        )
    return Review(json.loads(content), content, found)


def _store(client: Any, version: Any, review: Review) -> None:
    """Artifacts first: a tag never names a review that is not there."""
    with tempfile.TemporaryDirectory() as room:
        folder = pathlib.Path(room)
        (folder / "review.json").write_bytes(review.content)
        (folder / "review.html").write_text(page.render(review.document, review.sha256), encoding="utf-8")
        if picture := page.calibration_png(review.document):
            (folder / "calibration.png").write_bytes(picture)
        client.log_artifacts(version.run_id, room, _folder(review.sha256))
    champion = review.document["champion"]
    tags = {
        AGAINST_TAG: NOBODY if champion is None else champion["version"],
        AT_TAG: review.document["made_at"],
        CHECKLIST_TAG: ", ".join(f"{number} {result}" for result, number in review.document["counts"].items()),
        HASH_TAG: review.sha256,
    }
    for key, value in tags.items():
        client.set_model_version_tag(version.name, version.version, key, value)
    run = client.get_run(version.run_id).info
    # MLflow's pages are one page at the server's root: these addresses hold on any server.
    whole = f"#/experiments/{run.experiment_id}/runs/{run.run_id}/artifacts/{_folder(review.sha256)}/review.html"
    plot = f"get-artifact?path={_folder(review.sha256)}/calibration.png&run_uuid={run.run_id}"
    told = model_card.with_review(version.description or "", review.document, review.sha256, whole, plot, DESCRIPTION)
    client.update_model_version(version.name, version.version, told[:DESCRIPTION])


def _folder(sha256: str) -> str:
    return f"review/{sha256[:12]}"


def _packages(version: Any, room: pathlib.Path) -> tuple[str, ...]:
    try:
        lines = download(version, "requirements.txt", room / f"{version.version}-packages").read_text(encoding="utf-8")
    except ModelError:
        return ()
    return tuple(line.strip() for line in lines.splitlines() if "==" in line)


def _predictions(client: Any, version: Any, room: pathlib.Path) -> pd.DataFrame | None:
    folder = room / f"{version.version}-predictions"
    folder.mkdir()
    try:
        return pd.read_parquet(download_of_run(client, version, "evaluation/predictions.parquet", folder))
    except ModelError:
        return None
