"""How fast is `collect git`, and does it count the same lines? Beside PyDriller on the same commits of a repository.

usage: python benchmarks/collect.py REPO --peer-python PATH [--suffix .java ...] [--newest N] [--releases PLAN]
       python benchmarks/collect.py REPO --against TABLES [--releases yearly:2012:2019]

PyDriller is no dependency: install it in a virtual environment of its own and name that one's python. The repository is
cloned first, for PyDriller writes into its configuration; blobs that are missing are missing for both. Each contestant
is a process of its own, one after the other: seconds on the wall, seconds of work (which a busy machine hardly changes;
imports included), and the peak of the memory of the process and of its largest child. Without complexity both read the
lines of every change. With it PyDriller has lizard read the files as each commit left them; we run the whole command,
from an empty cache, which reads each distinct file of the releases once, and their imports. Every pair of commit and
file is compared; what differs is printed with the reason that was found.

With --against the tables are counted beside those of another folder in the same contract.
"""

import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from typing import Any

Result = dict[str, Any]
Lines = dict[tuple[str, str], tuple[int, int]]

PEER = """
import json, pathlib, resource, sys, time
from pydriller import Repository
repository, since, suffixes, complexity, out = json.loads(sys.argv[1])
begun, failed, lines = time.perf_counter(), [], []
for commit in Repository(repository, from_commit=since).traverse_commits():
    try:
        for file in commit.modified_files:
            path = file.new_path or file.old_path
            if path.endswith(tuple(suffixes)):
                lines.append((commit.hash, path, file.added_lines, file.deleted_lines))
                if complexity:
                    file.complexity, file.nloc
    except Exception as error:
        failed.append((commit.hash, " ".join(str(error).split())[-150:]))
seconds = time.perf_counter() - begun
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
work, memory = sum(one.ru_utime + one.ru_stime for one in used), [one.ru_maxrss for one in used]
told = {"seconds": seconds, "work": work, "lines": lines, "failed": failed, "memory": memory}
pathlib.Path(out).write_text(json.dumps(told))
"""


def run_ours(repository: str, since: str | None, suffixes: list[str], out: str) -> None:
    """What our process does without complexity."""
    from tqdm import tqdm

    from promotion_gate.collect.git import history
    from promotion_gate.collect.git import repository as repositories

    begun = time.perf_counter()
    with repositories.opened("ours", pathlib.Path(repository), 1 << 30) as opened, tqdm(disable=None) as bar:
        tips = [opened.head, *([f"^{since}^@"] if since else [])]
        commits = history.read(opened, tips, suffixes, history.Authors.salted([]), bar)
    seconds = time.perf_counter() - begun
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    work, memory = sum(one.ru_utime + one.ru_stime for one in used), [one.ru_maxrss for one in used]
    lines = [(commit.sha, file.path, file.added, file.deleted) for commit in commits for file in commit.files]
    pathlib.Path(out).write_text(json.dumps({"seconds": seconds, "work": work, "lines": lines, "memory": memory}))


def contest(command: list[str], arguments: list[Any], scratch: pathlib.Path) -> Result:
    """Run a contestant and return what it wrote."""
    out = scratch / "result.json"
    subprocess.run([*command, json.dumps([*arguments, str(out)])], check=True)
    return json.loads(out.read_text())


def command_of_ours(repository: pathlib.Path, plan: str, folder: pathlib.Path, *further: str) -> Result:
    """Run the whole command, from an empty cache; its report on the repository is in `report`, all are in `reports`."""
    command = [str(pathlib.Path(sys.executable).with_name("promotion-gate")), "collect", "git", str(repository)]
    options = ["--releases", plan, "--out", str(folder / "raw"), "--cache", str(folder / "cache"), "--json", *further]
    begun = time.perf_counter()
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE) as process:
        said = process.stdout.read() if process.stdout else b""
        _, status, used = os.wait4(process.pid, 0)  # its own children included, for it has waited for them
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - begun
    assert process.returncode == 0
    work = used.ru_utime + used.ru_stime
    reports = json.loads(said)
    return {
        "seconds": seconds, "work": work, "memory": [used.ru_maxrss], "report": reports[0], "reports": reports,
    }  # fmt: skip


def spent(result: Result) -> str:
    """Time and memory in words."""
    memory = " + ".join(f"{one / 1024:.0f}" for one in result["memory"])
    return f"{result['seconds']:.1f} s, {result['work']:.1f} s of work, {memory} MB"


def ratio(slow: Result, fast: Result) -> str:
    """How many times as fast, in words."""
    wall, work = (slow[one] / fast[one] for one in ("seconds", "work"))
    return f"{wall:.1f} times as fast, with one {work:.1f}th of the work"


def lines_of(result: Result) -> Lines:
    """Lines by commit and file; a file that a commit has twice (a rename onto a deleted one) is added up."""
    found: Lines = {}
    for sha, path, added, deleted in result["lines"]:
        known = found.get((sha, path), (0, 0))
        found[sha, path] = known[0] + (added or 0), known[1] + (deleted or 0)
    return found


def reason(repository: pathlib.Path, sha: str, path: str) -> str:
    """Why two counts of a file differ, from the patch itself."""
    show = ["show", "--format=", "-M", "--no-ext-diff", "--no-textconv", sha, "--", path]
    patch = subprocess.run(["git", f"--git-dir={repository}", *show], capture_output=True).stdout
    body = patch.split(b"\n@@", 1)[-1]
    if b"Binary files" in patch:
        return "binary: git counts no lines"
    if b"\r" in body.replace(b"\r\n", b""):
        return "a lone carriage return, which PyDriller takes out of the patch"
    try:
        body.decode()
    except UnicodeDecodeError:
        return "a patch that is not UTF-8, of which PyDriller drops bytes"
    return "unexplained"


def compare(repository: pathlib.Path, ours: Result, theirs: Result) -> None:
    """Print in how many pairs of commit and file the lines are the same, and why they are not in the others."""
    one, other = lines_of(ours), lines_of(theirs)
    failed = {sha for sha, _ in theirs["failed"]}
    keys = {key for key in one.keys() | other.keys() if key[0] not in failed}
    differing = sorted(key for key in keys if one.get(key) != other.get(key))
    print(f"lines: {len(keys):,} pairs of commit and file, {len(keys) - len(differing):,} with equal counts")
    if failed:
        print(f"  left out: {len(failed)} commits that PyDriller could not read: {theirs['failed'][0][1]}")
    why = {key: reason(repository, *key) for key in differing}
    for said, count in Counter(why.values()).most_common():
        print(f"  {count} differ: {said}")
    for key in differing[:20]:
        print(f"    {key[0][:12]} {key[1]}: {one.get(key)} here, {other.get(key)} there; {why[key]}")


def beside_peer(options: argparse.Namespace, repository: pathlib.Path, scratch: pathlib.Path) -> None:
    """Race PyDriller and compare the lines."""
    since, git = None, ["git", f"--git-dir={repository}", "rev-list"]
    if options.newest:
        main_line = [*git, "--first-parent", f"--max-count={options.newest}", "HEAD"]
        since = subprocess.run(main_line, check=True, capture_output=True, text=True).stdout.split()[-1]
    asked = [str(repository), since, options.suffix]
    ours = contest([sys.executable, __file__, "--run"], asked, scratch)
    theirs = contest([options.peer_python, "-c", PEER], [*asked, False], scratch)
    print(f"without complexity: {spent(ours)}\n  PyDriller {spent(theirs)}: {ratio(theirs, ours)}")
    compare(repository, ours, theirs)
    whole = command_of_ours(repository, options.releases, scratch)
    commits = sum(whole["report"]["commits"].values())
    heavy = contest([options.peer_python, "-c", PEER], [*asked, True], scratch)
    print(f"with complexity: {spent(whole)} for the whole command on {commits:,} commits")
    which = "the newest of these commits alone" if since else "these commits"
    print(f"  PyDriller on {which} {spent(heavy)}: {ratio(heavy, whole)}")


def beside_tables(options: argparse.Namespace, repository: pathlib.Path, scratch: pathlib.Path) -> None:
    """Count modules and dependencies beside those of another folder."""
    import pandas as pd  # not above: Linux counts a parent's memory as its child's

    whole = command_of_ours(repository, options.releases, scratch)
    print(f"{sum(whole['report']['commits'].values()):,} commits: {spent(whole)}")
    for name, key in (("modules", ["module"]), ("dependencies", ["module", "depends_on"])):
        folders = (scratch / "raw", options.against)
        own, other = (pd.read_csv(folder / f"{name}.csv.gz", dtype={"release": str}) for folder in folders)
        joined = own.merge(other, on=["release", *key], how="outer", indicator="where", suffixes=("", "_other"))
        both, here, there = (joined[joined["where"] == one] for one in ("both", "left_only", "right_only"))
        print(f"{name}: {len(both):,} in both, {len(here):,} only here, {len(there):,} only there")
        print(f"  only here, by ending: {here.module.str.rpartition('.')[2].value_counts().to_dict()}")
        print(f"  only there, for example: {there[key].head(1).to_dict('records')}")
        if name == "dependencies":
            linked = {(row.release, row.module, row.depends_on.rpartition("/")[2]) for row in own.itertuples()}
            names = [
                (row.release, row.module, row.depends_on.rpartition("/")[2]) in linked for row in there.itertuples()
            ]
            print(f"  only there, and here to another file of that name: {sum(names):,}")
        for metric in ("commits", "churn", "authors", "age_days"):
            if f"{metric}_other" in both:
                equal = (both[metric] == both[f"{metric}_other"]).mean()
                print(f"  {metric}: equal in {equal:.1%} of the rows in both")


def main() -> None:
    if sys.argv[1:2] == ["--run"]:
        run_ours(*json.loads(sys.argv[2]))
        return
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("repository", type=pathlib.Path)
    cli.add_argument("--peer-python", help="python of an environment with PyDriller")
    cli.add_argument("--suffix", nargs="+", default=[".java"])
    cli.add_argument("--newest", type=int, help="newest commits of the main line, with what they merged; else all")
    cli.add_argument("--releases", default="yearly:2012:2019")
    cli.add_argument("--against", type=pathlib.Path, help="folder of tables to count beside")
    options = cli.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        clone = scratch / "repository.git"
        clone_it = ["git", "clone", "--quiet", "--bare", "--shared", str(options.repository), str(clone)]
        subprocess.run(clone_it, check=True)
        if options.peer_python:
            beside_peer(options, clone, scratch)
        if options.against:
            beside_tables(options, clone, scratch)


if __name__ == "__main__":
    main()
