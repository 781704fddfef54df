"""Deployers are found by entry point: ours, other packages', and what happens where one is broken."""

import pathlib
import re
import sys
from importlib.metadata import entry_points

import pytest
import yaml

from promotion_gate.errors import InputError
from promotion_gate.operate.deployers import discovery
from promotion_gate.operate.deployers.command import CommandDeployer
from promotion_gate.operate.deployers.directory import DirectoryDeployer
from promotion_gate.operate.deployers.webhook import WebhookDeployer

DOCS = pathlib.Path(__file__).resolve().parents[3] / "docs/deployers.md"
OURS = {kind: f"promotion_gate.operate.deployers.{kind}:make" for kind in ("command", "directory", "webhook")}


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put packages with entry points on the path, beside what is installed."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def installed(name, **entries):
        folder = tmp_path / f"{name}-1.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        lines = [f"{kind} = {value}" for kind, value in entries.items()]
        (folder / "entry_points.txt").write_text("\n".join([f"[{discovery.GROUP}]", *lines, ""]))

    return installed


@pytest.fixture
def ours(install):
    install("ours", **OURS)  # the same lines as those of pyproject.toml: twice the same is no conflict


def test_ours_are_registered():
    found = {entry.name: entry.value for entry in entry_points(group=discovery.GROUP)}
    if not found:
        pytest.skip("installed before the entry points were in pyproject.toml: pip install -e .")
    assert OURS.items() <= found.items()


def test_the_examples_of_the_docs_make_deployers(ours, tmp_path, monkeypatch):
    for name in ("REGISTRY_TOKEN", "DEPLOY_SECRET"):
        monkeypatch.setenv(name, "0123456789abcdef")
    file = tmp_path / "deployers.yaml"
    examples = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    found = {}
    for example in examples:
        file.write_text(example)
        found |= discovery.read(file, lambda place, module: None)
    kinds = {type(deployer) for deployer in found.values()}
    assert kinds == {DirectoryDeployer, CommandDeployer, WebhookDeployer}


def test_each_place_has_its_own_deployer_and_last_stable(ours, tmp_path):
    section = {"kind": "directory", "root": "/srv/a", "sources": "/srv/b", "keep": 3}
    file = tmp_path / "deployers.yaml"
    file.write_text(yaml.safe_dump({"shop": {"staging": section, "production": section}}))
    found = discovery.read(file, lambda place, module: "/".join((*place, module)))
    assert set(found) == {("shop", "staging"), ("shop", "production")}
    assert found["shop", "staging"]._last_stable("cart") == "shop/staging/cart"


def test_another_package_brings_its_own(ours, install, tmp_path):
    (tmp_path / "theirs.py").write_text("def make(settings, where, last_stable):\n    return settings, where\n")
    install("theirs", rocket="theirs:make")
    assert discovery.build({"kind": "rocket", "fuel": 1}, "f", None) == ({"fuel": 1}, "f")
    sys.modules.pop("theirs")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "rsync"}, "f: no deployer is called 'rsync'; there are broken, command, directory, number, webhook"),
        ({"kind": ["x"]}, "f: no deployer is called ['x']; there are"),
        ({"keep": 3}, "f: a section with `kind` is expected; there are broken, command"),
        ("directory", "f: a section with `kind` is expected"),
        ({"kind": "broken"}, "f: deployer broken (no_such_package:make) cannot be loaded: No module named"),
        ({"kind": "number"}, "f: deployer number (math:pi) is no factory"),
        ({"kind": "directory", "keep": 3}, "f: root: key is missing"),
    ],
)
def test_what_is_wrong_is_one_line(ours, install, settings, said):
    install("theirs", broken="no_such_package:make", number="math:pi")
    with pytest.raises(InputError) as found:
        discovery.build(settings, "f", lambda _: None)
    assert str(found.value).startswith(said)
    assert "\n" not in str(found.value)


def test_two_packages_cannot_share_a_name(ours, install):
    install("theirs", directory="theirs:make")
    with pytest.raises(InputError, match=r"two deployers are called directory: .*directory:make and theirs:make; un"):
        discovery.kinds()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[]", ": a section for each project is expected"),
        ("{shop: 3}", ": shop: a section for each level is expected"),
        ("{shop: {production: {kind: rsync}}}", ": shop: production: no deployer is called 'rsync'"),
    ],
)
def test_a_wrong_file_is_one_line(ours, tmp_path, content, said):
    file = tmp_path / "deployers.yaml"
    file.write_text(content)
    with pytest.raises(InputError) as found:
        discovery.read(file, lambda place, module: None)
    assert str(found.value).startswith(f"{file}{said}")
