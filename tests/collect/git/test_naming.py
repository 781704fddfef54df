import pathlib

import pytest

from promotion_gate.collect.git import settings
from promotion_gate.collect.git.naming import matcher, naming, plain
from promotion_gate.collect.git.projects import projects
from promotion_gate.collect.git.skipped import shown
from promotion_gate.errors import InputError


def test_a_module_is_a_file_or_a_directory():
    assert naming("file")("src/a/b.py") == "src/a/b.py"
    assert [naming("directory:2")(path) for path in ("top.py", "a/x.py", "a/b/x.py", "a/b/c/x.py")] == [
        ".", "a", "a/b", "a/b",
    ]  # fmt: skip


def test_a_map_s_last_pattern_that_fits_decides(tmp_path):
    file = tmp_path / "modules"
    file.write_text("# who has what\n*.py everything\n/shop/ shop   # the shop\n/shop/cart/ cart\n")
    named = naming(f"map:{file}")
    assert [named(path) for path in ("x.py", "shop/a.py", "shop/cart/b.py", "old/shop/c.py", "d.go")] == [
        "everything", "shop", "cart", "everything", None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"),
    [("", "no line"), ("a b c\n", "line 1"), ("*.py x\nalone\n", "line 2"), ("*.py a\x07b\n", "line 1")],
)
def test_what_is_no_map_is_named_by_its_line(tmp_path, content, said):
    (tmp_path / "modules").write_text(content)
    with pytest.raises(InputError, match=said):
        naming(f"map:{tmp_path / 'modules'}")


@pytest.mark.parametrize("text", ["", "files", "directory", "directory:0", "directory:x", "map:", "map:/no/such/file"])
def test_no_module(text):
    with pytest.raises(InputError, match="--module"):
        naming(text)


@pytest.mark.parametrize(
    ("path", "out"),
    [
        ("src/main/java/org/Cart.java", False),
        ("src/test/java/org/CartTest.java", True),
        ("src/main/java/org/CartTest.java", True),
        ("django/test/client.py", True),
        ("shop/latest.py", False),
        ("shop/test_cart.py", True),
        ("pkg/cart_test.go", True),
        ("vendor/x/y.go", True),
        ("src/vendors/list.ts", False),
        ("web/cart.spec.ts", True),
        ("core/src/jvmTest/kotlin/Cart.kt", True),
        ("api/cart.pb.go", True),
        ("types/cart.d.ts", True),
    ],
)
def test_what_the_defaults_leave_out(path, out):
    assert matcher(settings.load(None).git.left_out, "left_out")(path) is out


def test_a_file_s_keys_take_the_place_of_the_defaults(tmp_path):
    file = tmp_path / "collect.yaml"
    file.write_text("git:\n  left_out: [old/*, '!old/kept.py']\n")
    rules = settings.load(file).git
    assert rules.mass_commit_files == settings.load(None).git.mass_commit_files
    left_out = matcher(rules.left_out, "left_out")
    assert [left_out(path) for path in ("old/a.py", "test/a.py", "old/kept.py")] == [True, False, False]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("git: {left: []}", "git.left: unknown key"),
        ("get: {}", "get: unknown key"),
        ("[1]", "the file"),
        ("git: {max_bytes: 1}", "git.max_bytes"),
        ("git: {bots: 3}", "git.bots"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path, content, said):
    (tmp_path / "collect.yaml").write_text(content)
    with pytest.raises(InputError, match=said):
        settings.load(tmp_path / "collect.yaml")


@pytest.mark.parametrize(
    ("path", "text"), [("a b.py", "a b.py"), ("a\nb", "a\\nb"), ("\udcff.py", "\\xff.py"), ("ö.py", "ö.py")]
)
def test_paths_are_shown_on_one_line(path, text):
    assert shown(path) == text
    assert plain(path) is (path == text)


def test_projects_are_called_as_their_folders_or_as_they_are_named(tmp_path):
    (tmp_path / "a=b").mkdir()
    found = projects([f"{tmp_path}/shop.git", f"{tmp_path}/till/.git", "cart=/x/y", f"{tmp_path}/a=b"])
    assert list(found) == ["shop", "till", "cart", "a=b"]
    assert found["cart"] == pathlib.Path("/x/y")
    with pytest.raises(InputError, match="two projects shop; name them as NAME=PATH"):
        projects(["/x/shop", "/y/shop.git"])
    with pytest.raises(InputError, match="NAME=PATH"):
        projects(["/"])
