"""Deployer `directory`: switched whole or not at all, and once a key."""

import pathlib
import threading

import pytest

from promotion_gate.errors import InputError
from promotion_gate.operate.deployers import directory
from promotion_gate.operate.deployers.directory import make
from promotion_gate.operate.deployers.protocol import Deployed, DeployError, Status
from tests.operate.deployers.directory_site import Site


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def test_a_version_is_deployed_and_the_one_before_restored(site):
    site.source("cart", "1.0")
    site.source("cart", "2.0")
    assert site.deployer.status("cart") == Status(None, False, "cart: nothing is deployed")
    done = site.deployer.deploy("cart", "1.0", "k1")
    assert done == Deployed("cart", "1.0", True, "switched from nothing to 1.0")
    assert site.deployer.deploy("cart", "2.0", "k2").detail == "switched from 1.0 to 2.0"
    assert site.running("cart") == "2.0"
    assert site.deployer.restore("cart", "1.0", "k3").changed
    assert site.running("cart") == "1.0"
    assert site.deployer.status("cart") == Status("1.0", True, "current leads to 1.0")
    assert (site.home("cart") / "current").readlink() == pathlib.Path("versions/1.0")


def test_a_key_is_done_once_even_if_another_version_came_since(site):
    site.source("cart", "1")
    site.source("cart", "2")
    site.deployer.deploy("cart", "1", "k1")
    site.deployer.deploy("cart", "2", "k2")
    again = site.deployer.deploy("cart", "1", "k1")
    assert not again.changed
    assert again.detail.startswith("done before under key k1")
    assert site.running("cart") == "2"
    assert not site.deployer.deploy("cart", "2", "k4").changed


def test_a_key_names_one_call(site):
    site.source("cart", "1")
    site.deployer.deploy("cart", "1", "k1")
    with pytest.raises(DeployError, match="cart: key k1 was that of deploy 1; use a new one"):
        site.deployer.restore("cart", "1", "k1")
    with pytest.raises(InputError, match="key 'a b': 1 to 200 letters"):
        site.deployer.deploy("cart", "1", "a b")


def test_a_failed_call_may_be_made_again_with_its_key(site):
    with pytest.raises(DeployError, match="no folder with cart 1; the pipeline must put it there first"):
        site.deployer.deploy("cart", "1", "k1")
    site.source("cart", "1")
    assert site.deployer.deploy("cart", "1", "k1").changed


def test_the_oldest_go_but_never_the_current_or_the_last_stable(site):
    site.stable["cart"] = "0"
    for number in range(7):
        site.source("cart", str(number))
        last = site.deployer.deploy("cart", str(number), f"k{number}")
    assert site.versions("cart") == ["0", "5", "6"]
    assert last.detail == "switched from 5 to 6; removed 4"
    site.deployer.restore("cart", "0", "back")
    assert site.versions("cart") == ["0", "5", "6"]


def test_nothing_is_removed_while_nobody_can_say_what_is_stable(tmp_path):
    site = Site(tmp_path, keep=2)

    def silent(_):
        raise RuntimeError("the ledger does\nnot answer")

    site.deployer._last_stable = silent
    for number in range(4):
        site.source("cart", str(number))
        done = site.deployer.deploy("cart", str(number), f"k{number}")
    assert done.detail == "switched from 2 to 3; old versions were not removed: the ledger does not answer"
    assert len(site.versions("cart")) == 4


def test_a_broken_history_keeps_no_rollback_from_working(site):
    for version in ("1", "2"):
        site.source("cart", version)
        site.deployer.deploy("cart", version, f"k{version}")
    (site.home("cart") / "history.json").write_text('[{"key": ')
    assert site.deployer.restore("cart", "1", "k3").changed
    assert site.running("cart") == "1"


def test_what_stands_in_the_way_is_one_line(site, tmp_path):
    site.source("cart", "1")
    (site.home("cart") / "current").mkdir(parents=True)
    for call in (lambda: site.deployer.deploy("cart", "1", "k1"), lambda: site.deployer.status("cart")):
        with pytest.raises(DeployError, match="current: is not a link; move it away") as found:
            call()
        assert "\n" not in str(found.value)
    gone = make({"root": str(tmp_path / "no"), "sources": "/x", "keep": 2}, "f", lambda _: None)
    with pytest.raises(DeployError, match="no: no such folder; make it, or correct `root`"):
        gone.deploy("cart", "1", "k1")


def test_status_tells_what_is_amiss(site):
    site.source("cart", "1")
    site.deployer.deploy("cart", "1", "k1")
    current = site.home("cart") / "current"
    (site.home("cart") / "versions" / "1").rename(site.root / "moved")
    assert site.deployer.status("cart").version == "1"
    assert not site.deployer.status("cart").healthy
    current.unlink()
    current.symlink_to("/etc")
    assert site.deployer.status("cart").version is None


def test_a_deployment_waits_for_the_one_under_way(site, monkeypatch):
    site.source("cart", "1")
    monkeypatch.setattr(directory, "LOCK_S", 0.1)
    site.deployer._prepare(site.home("cart"))
    with (
        directory.locked(site.home("cart") / ".lock", 0),
        pytest.raises(DeployError, match=r"cart: another deployment of it has been under way for 0\.1 s"),
    ):
        site.deployer.deploy("cart", "1", "k1")


def test_deployments_at_once_come_one_after_the_other(site):
    for number in range(8):
        site.source("cart", str(number))
    calls = [
        threading.Thread(target=site.deployer.deploy, args=("cart", str(number % 8), f"k{number % 8}"))
        for number in range(16)
    ]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    past = directory._history(site.home("cart"))
    assert sorted(one["key"] for one in past) == [f"k{number}" for number in range(8)]
    assert site.running("cart") == past[-1]["version"]
    assert [one["previous"] for one in past] == [None, *(one["version"] for one in past[:-1])]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"root": "site", "sources": "/x", "keep": 2}, "f: root: an absolute path is expected, not 'site'"),
        ({"root": "/r", "sources": "/x", "keep": 1}, "f: keep: Input should be greater than or equal to 2, not 1"),
        ({"root": "/r", "sources": "/x"}, "f: keep: key is missing"),
        ({"root": "/r", "sources": "/x", "keep": 2, "link": "c"}, "f: link: unknown key"),
    ],
)
def test_wrong_settings_are_one_line(settings, said):
    with pytest.raises(InputError) as found:
        make(settings, "f", lambda _: None)
    assert str(found.value).startswith(said)
