"""`promotion-gate ledger ...`: each command's lines and exit codes, and a backup that becomes a ledger again."""

import sqlite3

from click.testing import CliRunner

from promotion_gate.commands.group import Group
from promotion_gate.commands.ledger import ledger as command
from promotion_gate.operate.ledger.ledger import Ledger
from tests.operate.ledger.cases import request
from tests.operate.ledger.test_ledger_chain import found, tamper, written

PROGRAM = Group("promotion-gate", commands={"ledger": command})


def run(*args):
    shown = CliRunner().invoke(PROGRAM, ["ledger", *map(str, args)])
    assert "not-a-secret" not in shown.output
    return shown.exit_code, shown.output


def head(url):
    with Ledger.look(url) as ledger, ledger.read() as queries:
        return queries.head()


def test_migrate_verify_and_head(url):
    code, said = run("migrate", "--database", url)
    assert (code, said.endswith(": empty -> ledger_0004\n")) == (0, True)
    assert run("migrate", "--database", url)[1].endswith(": ledger_0004\n")
    written(url)
    count, last = head(url)
    assert run("head", "--database", url) == (0, f"{last} {count}\n")
    code, said = run("verify", "--database", url, "--head", last)
    assert (code, f"{count} events, none altered, removed or out of place; head {last}" in said) == (0, True)
    code, said = run("verify", "--database", url, "--head", "f" * 64)
    assert (code, said.splitlines()[0].startswith("wrong: no event has the hash")) == (1, True)
    tamper(url, "UPDATE events SET at = 'x'")
    code, said = run("verify", "--database", url)
    assert (code, len(said.splitlines())) == (1, count + 1)
    assert said.splitlines()[-1] == "wrong: the projections were not compared: they follow from the events"
    code, said = run("migrate", "--database", url, "--to", "ledger_0001")
    assert (code, said.endswith("ledger_0004 -> ledger_0001\n")) == (0, True)
    code, said = run("verify", "--database", url)
    assert (code, said.count("\n"), "run `promotion-gate ledger migrate" in said) == (2, 1, True)
    code, said = run("migrate", "--database", url, "--to", "nowhere")
    assert (code, said) == (
        2,
        "error: no ledger revision 'nowhere'; expected one of ledger_0001, ledger_0002, ledger_0003, ledger_0004\n",
    )


def test_of_many_faults_the_first_are_shown(tmp_path):
    url = f"sqlite:///{tmp_path}/ledger.db"
    written(url)
    with Ledger.open(url) as ledger:
        for number in range(5):
            request(ledger, module=f"m{number}.py")
    tamper(url, "UPDATE events SET at = 'x'")
    code, said = run("verify", "--database", url)
    assert (code, len(said.splitlines()), said.splitlines()[-1]) == (1, 21, "wrong: and more")


def test_the_default_is_a_file_here_and_the_variable_wins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("head") == (2, "error: sqlite:///promotion-gate.db: no such file, expected a ledger\n")
    assert run("migrate") == (0, "sqlite:///promotion-gate.db: empty -> ledger_0004\n")
    assert run("head") == (0, f"{'0' * 64} 0\n")
    monkeypatch.setenv("PROMOTION_GATE_DATABASE", "sqlite:///other.db")
    assert "other.db: no such file" in run("head")[1]


def test_a_database_that_does_not_answer_has_an_exit_code_of_its_own():
    code, said = run("head", "--database", "postgresql://gate:not-a-secret@127.0.0.1:9/x?connect_timeout=2")
    assert (code, said.count("\n"), "is not available" in said) == (4, 1, True)


def test_export_says_what_it_wrote(ledger_url, tmp_path):
    assert run("export", "--database", ledger_url, "--to", tmp_path / "raw")[1].endswith("nothing was written\n")
    written(ledger_url)
    code, said = run("export", "--database", ledger_url, "--to", tmp_path / "raw")
    assert (code, said.splitlines()[0]) == (0, f"{tmp_path}/raw/failures.csv: 1 rows of the ledger, 1 in all")


def test_a_backup_of_an_sqlite_ledger_in_use_is_a_ledger(tmp_path):
    url = f"sqlite:///{tmp_path}/ledger.db"
    written(url)
    with Ledger.open(url) as ledger:
        request(ledger, module="late.py")
        code, said = run("backup", "--database", url, "--to", tmp_path / "copy.db")
        request(ledger, module="later.py")
    copied = f"sqlite:///{tmp_path}/copy.db"
    assert (code, said) == (0, f"{tmp_path}/copy.db: {head(copied)[0]:,} events, head {head(copied)[1]}\n")
    assert head(copied)[0] == head(url)[0] - 2
    assert found(copied) == []
    assert found(url, head(copied)[1]) == []
    # Restored: the copy is put in the ledger's place, without the old one's log.
    for rest in ("", "-wal", "-shm"):
        (tmp_path / f"ledger.db{rest}").unlink(missing_ok=True)
    (tmp_path / "copy.db").rename(tmp_path / "ledger.db")
    with Ledger.open(url) as ledger:
        request(ledger, module="later.py")
        assert found(url) == []


def test_a_backup_replaces_nothing_and_needs_a_ledger(tmp_path):
    url = f"sqlite:///{tmp_path}/ledger.db"
    assert "no such file" in run("backup", "--database", url, "--to", tmp_path / "copy.db")[1]
    Ledger.open(url).close()
    (tmp_path / "copy.db").write_text("mine")
    code, said = run("backup", "--database", url, "--to", tmp_path / "copy.db")
    assert (code, "is there already; a backup replaces nothing" in said) == (2, True)
    code, said = run("backup", "--database", url, "--to", tmp_path / "nowhere" / "copy.db")
    assert (code, "no backup: unable to open database file" in said) == (4, True)
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute("SELECT 1")
    connection.close()


def test_a_postgresql_ledger_is_backed_up_and_restored_by_its_own_tools(cluster, emptied, tmp_path):
    url = emptied()
    written(url)
    code, said = run("backup", "--database", url, "--to", tmp_path / "copy.dump")
    assert code == 2
    arguments = said.partition("its own tools: pg_dump ")[2].split()
    assert arguments[:3] == ["--format=custom", "--no-owner", f"--file={tmp_path}/copy.dump"]
    assert "gate" in arguments[3]
    cluster.run("pg_dump", *(argument.strip("'") for argument in arguments))
    name = cluster.database()
    cluster.run("pg_restore", "--no-owner", "--exit-on-error", f"--dbname={name}", f"{tmp_path}/copy.dump")
    assert head(cluster.url(name)) == head(url)
    assert found(cluster.url(name)) == []
    with Ledger.open(cluster.url(name)) as ledger:
        request(ledger, module="later.py")
    assert found(cluster.url(name), head(url)[1]) == []
