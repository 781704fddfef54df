"""Deployer `command`: real processes; no shell, no time without end, no secret kept."""

import json
import os
import pathlib
import signal
import sys
import textwrap
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion_gate.errors import InputError
from promotion_gate.operate.deployers import command, process
from promotion_gate.operate.deployers.command import KEPT_BYTES, make
from promotion_gate.operate.deployers.protocol import Deployed, DeployError, Status
from promotion_gate.operate.deployers.redaction import Redaction

SECRET = "hunter2-and-more"  # noqa: S105


def python(code, *arguments):
    return [sys.executable, "-S", "-c", textwrap.dedent(code), *arguments]


NOTHING = python("")


@pytest.fixture
def deployer(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPLOY_TOKEN", SECRET)
    monkeypatch.setenv("HARMLESS", "plain")
    monkeypatch.setenv("UNLISTED", "unseen")

    def made(deploy=NOTHING, restore=NOTHING, status=NOTHING, timeout_s=20, **other):
        settings = {
            "deploy": deploy,
            "restore": restore,
            "status": status,
            "environment": ["PATH", "HARMLESS"],
            "secrets": ["DEPLOY_TOKEN"],
            "timeout_s": timeout_s,
            "state": str(tmp_path / "state"),
        }
        return make(settings | other, "deployers.yaml: shop: production", lambda _: None)

    return made


def records(tmp_path):
    return [json.loads(path.read_text()) for path in (tmp_path / "state").glob("*.json")]


def test_arguments_reach_the_program_as_they_are(deployer, tmp_path):
    out = tmp_path / "seen.json"
    code = f"import json, sys; open({str(out)!r}, 'w').write(json.dumps(sys.argv[1:]))"
    made = deployer(deploy=python(code, "{module}", "app={module}:{version}", "{.items} {key} $HOME; `id` *", "{0}"))
    odd = "a b'\"; touch x {version} $(id)"
    assert made.deploy(odd, "1.0", "k1") == Deployed(odd, "1.0", True, "deploy exited with 0")
    assert json.loads(out.read_text()) == [odd, f"app={odd}:1.0", "{.items} k1 $HOME; `id` *", "{0}"]


def test_only_listed_variables_are_passed_on(deployer, tmp_path):
    out = tmp_path / "seen.json"
    code = f"import json, os; open({str(out)!r}, 'w').write(json.dumps(dict(os.environ)))"
    deployer(restore=python(code)).restore("cart", "1.0", "k1")
    seen = json.loads(out.read_text())
    seen.pop("LC_CTYPE", None)  # Python's own
    told = {"ACTION": "restore", "MODULE": "cart", "VERSION": "1.0", "KEY": "k1"}
    assert seen == {
        "PATH": os.environ["PATH"],
        "HARMLESS": "plain",
        "DEPLOY_TOKEN": SECRET,
        **{f"PROMOTION_GATE_{name}": value for name, value in told.items()},
    }


def test_a_name_is_never_read_as_an_option(deployer):
    made = deployer(deploy=python("", "{module}"))
    with pytest.raises(DeployError, match="argument '--all': would be read as an option"):
        made.deploy("--all", "1", "k1")
    with pytest.raises(DeployError, match=r"module 'a.x00b': is empty or holds a control character"):
        made.deploy("a\x00b", "1", "k1")


def test_a_failure_is_one_line_and_its_output_is_kept(deployer, tmp_path):
    made = deployer(deploy=python("import sys; print('out'); sys.exit('first\\n  no such\\tcluster\\n')"))
    with pytest.raises(DeployError) as found:
        made.deploy("cart", "1", "k1")
    assert str(found.value).startswith("cart 1: deploy exited with 1: no such cluster; output in ")
    [record] = records(tmp_path)
    assert (record["stdout"], record["code"], record["key"]) == ("out\n", 1, "k1")
    assert record["stderr"] == "first\n  no such\tcluster\n\n"


def test_a_key_is_done_once_but_a_failed_one_again(deployer, tmp_path):
    count = tmp_path / "count"
    made = deployer(
        deploy=python(
            f"""
            import pathlib, sys
            count = pathlib.Path({str(count)!r})
            count.write_text((count.read_text() if count.exists() else '') + 'x')
            sys.exit(len(count.read_text()) < 2)
            """
        )
    )
    with pytest.raises(DeployError, match="exited with 1"):
        made.deploy("cart", "1", "k1")
    assert made.deploy("cart", "1", "k1").changed
    assert made.deploy("cart", "1", "k1") == Deployed("cart", "1", False, "done before under key k1")
    assert count.read_text() == "xx"
    with pytest.raises(DeployError, match="cart: key k1 was that of deploy cart 1; use a new one"):
        made.deploy("cart", "2", "k1")


def test_secrets_are_taken_out_and_only_the_end_is_kept(deployer, tmp_path):
    code = f"""
        import os
        print('early ' + 'x' * {2 * KEPT_BYTES})
        for number in range(5000):
            print(number, os.environ['DEPLOY_TOKEN'])
        print('done with', os.environ['DEPLOY_TOKEN'], os.environ['HARMLESS'])
        """
    assert deployer(deploy=python(code)).deploy("cart", "1", "k1").detail == "done with [redacted] plain"
    [record] = records(tmp_path)
    assert SECRET not in json.dumps(record)
    assert len(record["stdout"]) <= KEPT_BYTES
    assert record["stdout"].endswith("4999 [redacted]\ndone with [redacted] plain\n")
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


@given(st.lists(st.sampled_from(["sesame!", "s", "!", "ame", "-"]), max_size=40), st.integers(1, 60))
def test_no_part_of_a_cut_secret_is_left(parts, keep):
    redaction = Redaction(["sesame!"])
    output = "".join(parts).encode()
    kept = output[-(keep + redaction.longest) :]
    shown = redaction.tail(kept, len(kept) < len(output), keep)
    assert len(shown.encode()) <= keep
    assert "sesame!" not in shown
    # What is left is an end of the redacted whole: nothing of a secret that was cut stands at its beginning.
    assert output.replace(b"sesame!", b"[redacted]").decode().endswith(shown)


def test_a_key_file_is_redacted_line_by_line():
    assert Redaction(["-----BEGIN\nabcdefghij\nend"]).tail(b"  abcdefghij\n end", False, 99) == "  [redacted]\n end"
    assert Redaction([]).tail(b"abc", True, 2) == "bc"


def _gone(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_the_whole_group_ends_when_time_is_up(deployer, tmp_path, monkeypatch):
    monkeypatch.setattr(process, "GRACE_S", 0.2)
    pids = tmp_path / "pids"
    child = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    code = f"""
        import os, pathlib, subprocess, sys, time
        child = subprocess.Popen([sys.executable, '-S', '-c', {child!r}])
        pathlib.Path({str(pids)!r}).write_text(f'{{os.getpid()}} {{child.pid}}')
        time.sleep(60)
        """
    began = time.monotonic()
    with pytest.raises(DeployError, match="cart 1: deploy was ended after 1 s: up; output in"):
        deployer(deploy=python(code), timeout_s=1).deploy("cart", "1", "k1")
    assert time.monotonic() - began < 10
    deadline = time.monotonic() + 5
    while not all(map(_gone, pids.read_text().split())):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_child_that_keeps_the_output_open_holds_nobody_up(deployer, tmp_path):
    pid = tmp_path / "pid"
    code = f"""
        import pathlib, subprocess, sys
        child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'])
        pathlib.Path({str(pid)!r}).write_text(str(child.pid))
        print('started')
        """
    began = time.monotonic()
    assert deployer(deploy=python(code)).deploy("cart", "1", "k1").detail == "started"
    assert time.monotonic() - began < 10
    os.kill(int(pid.read_text()), signal.SIGKILL)


def test_a_program_that_closes_its_output_is_waited_for(deployer):
    code = "import os, sys, time; os.close(1); os.close(2); time.sleep(.3); os._exit(7)"
    with pytest.raises(DeployError, match="deploy exited with 7; output in"):
        deployer(deploy=python(code)).deploy("cart", "1", "k1")


def test_status_is_the_first_line_and_the_exit_code(deployer):
    assert deployer(status=python("print('1.2\\nall well')")).status("cart") == Status("1.2", True, "all well")
    assert deployer(status=python("print('1.2'); raise SystemExit(3)")).status("cart") == Status("1.2", False, "1.2")
    assert deployer(status=NOTHING).status("cart") == Status(None, False, "exit code 0")
    with pytest.raises(DeployError, match="status: /no/such cannot be started: No such file or directory"):
        deployer(status=["/no/such"]).status("cart")
    with pytest.raises(DeployError, match="cart: status was ended after 1 s"):
        deployer(status=python("import time; time.sleep(9)"), timeout_s=1).status("cart")


def test_old_records_go(deployer, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "KEPT_RUNS", 2)
    made = deployer(deploy=["true"])
    for number in range(4):
        made.deploy("cart", "1", f"k{number}")
    assert len(records(tmp_path)) == 2


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"deploy": []}, "deploy: Tuple should have at least 1 item"),
        ({"deploy": "sh -c x"}, "deploy: Input should be a valid tuple"),
        ({"deploy": ["x", "{vesion}"]}, "the file: deploy: {vesion} is not known; there are module, version, key"),
        ({"status": ["x", "{version}"]}, "the file: status: {version} is not known; there are module"),
        ({"restore": ["/bin/{module}"]}, "the file: restore: the program itself is fixed"),
        ({"timeout_s": 0}, "timeout_s: Input should be greater than or equal to 1"),
        ({"state": "here"}, "state: an absolute path is expected, not 'here'"),
        ({"shell": 1}, "shell: unknown key"),
        ({"secrets": ["NO_SUCH_SECRET"]}, "the environment variable NO_SUCH_SECRET is not set"),
    ],
)
def test_wrong_settings_are_one_line(deployer, wrong, said):
    with pytest.raises(InputError) as found:
        deployer(**wrong)
    assert str(found.value).startswith(f"deployers.yaml: shop: production: {said}")
    assert "\n" not in str(found.value)
