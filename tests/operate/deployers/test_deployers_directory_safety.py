"""Deployer `directory`: no name and no link leads out of its root, and nothing odd is let in."""

import os

import pytest

from promotion_gate.operate.deployers.names import module_folder, version_folder
from promotion_gate.operate.deployers.protocol import DeployError
from tests.operate.deployers.directory_site import Site


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


@pytest.mark.parametrize(
    "module", ["../../etc", "..", ".", "/etc/passwd", "a/../../b", "a\x00b", "a\nb", "~root", ".lock"]
)
def test_no_name_leads_out_of_the_root(site, module):
    site.source(module, "1")
    site.deployer.deploy(module, "1", "k1")
    assert [path.name for path in site.root.iterdir()] == [module_folder(module)]
    assert site.deployer.status(module).version == "1"


def test_no_version_leads_out_of_the_module(site):
    for version in ("../../../x", "..", ".", "a/b"):
        site.source("cart", version)
        site.deployer.deploy("cart", version, version_folder(version).replace("%", ":"))
        assert site.deployer.status("cart").version == version
        assert (site.home("cart") / "current").resolve().parent == (site.home("cart") / "versions").resolve()
    for empty in (("", "1"), ("cart", "")):
        with pytest.raises(DeployError, match="has no name"):
            site.deployer.deploy(*empty, "k1")
    with pytest.raises(DeployError, match="longer than 180 bytes"):
        site.deployer.deploy("cart", "v" * 181, "k1")


def test_a_link_in_the_root_is_not_followed(site, tmp_path):
    site.source("cart", "1")
    outside = tmp_path / "outside"
    outside.mkdir()
    site.home("cart").symlink_to(outside)
    with pytest.raises(DeployError, match="cart: is not a folder; somebody put a link or a file there"):
        site.deployer.deploy("cart", "1", "k1")
    site.home("cart").unlink()
    (site.home("cart") / "versions").mkdir(parents=True)
    (site.home("cart") / "versions" / "1").symlink_to(outside)
    with pytest.raises(DeployError, match="versions/1: is not a folder"):
        site.deployer.deploy("cart", "1", "k1")
    (site.home("cart") / "versions" / "1").unlink()
    (site.home("cart") / ".staging").symlink_to(outside)  # removed as a link
    (outside / "precious").touch()
    site.deployer.deploy("cart", "1", "k1")
    assert (outside / "precious").exists()
    assert [path.name for path in outside.iterdir()] == ["precious"]


def test_links_of_a_version_stay_in_it(site, tmp_path):
    good = site.source("cart", "good")
    (good / "lib").mkdir()
    (good / "lib" / "main.py").symlink_to("../main.py")
    site.deployer.deploy("cart", "good", "k1")
    assert (site.home("cart") / "current" / "lib" / "main.py").read_text() == "good"
    (tmp_path / "secret").write_text("x")
    for number, leads in enumerate((str(tmp_path / "secret"), "../../../secret", "deep/up/../..")):
        folder = site.source("cart", f"bad{number}")
        (folder / "deep").mkdir()
        (folder / "deep" / "up").symlink_to("..")
        (folder / "odd").symlink_to(leads)
        with pytest.raises(DeployError, match="odd: the link leads out of the version"):
            site.deployer.deploy("cart", f"bad{number}", f"b{number}")
        assert site.versions("cart") == ["good"]
    assert site.running("cart") == "good"


def test_a_source_that_is_a_link_or_holds_a_pipe_is_refused(site, tmp_path):
    folder = site.source("cart", "1")
    os.mkfifo(folder / "pipe")
    with pytest.raises(DeployError, match="pipe: neither a file, a folder nor a link"):
        site.deployer.deploy("cart", "1", "k1")
    (site.sources / "cart" / "2").symlink_to(tmp_path)
    with pytest.raises(DeployError, match="no folder with cart 2"):
        site.deployer.deploy("cart", "2", "k2")
    assert site.versions("cart") == []


def test_permissions_come_along_but_not_set_user(site):
    folder = site.source("cart", "1")
    (folder / "main.py").chmod(0o4755)
    (folder / "data").mkdir()
    (folder / "data").chmod(0o555)
    site.deployer.deploy("cart", "1", "k1")
    there = site.home("cart") / "current"
    assert (there / "main.py").stat().st_mode & 0o7777 == 0o755
    assert (there / "data").stat().st_mode & 0o7777 == 0o755
