"""Secrets and the hygiene of pipelines in public repositories: what looking for them costs, beside the tools of others."""

import pathlib
import shutil
import subprocess
import tempfile

import inputs
import peers
from harness import run, take_turns, told

RIPSECRETS = ("ripsecrets", "0.1.11")
RIPGREP = ("ripgrep", "15.1.0")
# What ripgrep looks for: as many alternatives as a set of rules would at least need.
LITERALS = "AKIA|ghp_|glpat-|xoxb-|sk_live_|-----BEGIN|api_key|password"
# The last is a scanner's own repository, full of tokens: the worst case, not ordinary sources.
SCANNED = ("cloudflare/workers-sdk", "astral-sh/uv", "trufflesecurity/trufflehog")
DENSE = "trufflesecurity/trufflehog"
PIPELINES = ("astral-sh/uv", "cloudflare/workers-sdk", "zizmorcore/zizmor")
ROUNDS = 7


def installed(tools):
    """ripsecrets from its registry; ripgrep as it is installed on the machine, otherwise from its registry, too."""
    tools.mkdir(parents=True, exist_ok=True)
    if not (tools / "bin" / RIPSECRETS[0]).is_file():
        peers.cargo_install(tools, *RIPSECRETS)
    rg = shutil.which("rg")
    if rg is None:
        rg = tools / "bin" / "rg"
        if not rg.is_file():
            peers.cargo_install(tools, *RIPGREP)
    version = subprocess.run([rg, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    return rg, f"ripgrep {version}", tools / "bin" / RIPSECRETS[0]


def weight(folder):
    """How much a working tree holds, and in how many files."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and ".git" not in path.parts]
    return sum(path.stat().st_size for path in files) / 1e6, len(files)


def scan(bench, row, ms, mb):
    tools = bench.tools.parent
    kept = tools.parent / "bench-inputs"
    rg, rg_name, ripsecrets = installed(tools)
    rows = []
    for name in SCANNED:
        tree = inputs.repository(kept, name)
        size, files = weight(tree)
        costs = take_turns(
            ROUNDS,
            ours=lambda: run([bench.avouch, "scan", tree, "-q", "--no-cache"], codes=(0, 1)),
            rg=lambda: run([rg, "-uu", "-i", "-c", "-g", "!.git", LITERALS, tree], codes=(0, 1)),
        )
        # It takes a hundred times as long: once is enough to say so.
        slow = run([ripsecrets, tree], codes=(0, 1))
        mine, other = costs["ours"], costs["rg"]
        rate, ratio = size / mine.cpu, mine.cpu / other.cpu
        given = f"`{name}`, {files:,} files, {size:.0f} MB" + (", full of tokens" if name == DENSE else "")
        bar = ("≥ 100 MB/s", rate >= 100) if name != DENSE else ("–", None)
        rows.append(row("secrets, rate a core", given, f"{rate:.0f} MB/s", "–", "–", *bar))
        bar = ("≤ 3×", ratio <= 3) if name != DENSE else ("–", None)
        rows.append(row("secrets, processor time", given, ms(mine.cpu), f"{rg_name}, 8 alternatives: {ms(other.cpu)}", f"{ratio:.2f}×", *bar))
        rows.append(row("secrets, processor time", given, ms(mine.cpu), f"ripsecrets {ms(slow.cpu)}", f"{slow.cpu / mine.cpu:.0f}× less"))
        rows.append(row("secrets, peak memory", given, mb(mine), f"{rg_name} {mb(other)}", f"{mine.memory / other.memory:.1f}×", "≤ 64 MiB", mine.memory <= 64 * 1.048576))
    return rows + again(bench, row, ms, kept)


def again(bench, row, ms, kept):
    """The start of the program, and a repository that did not change, or by one commit, since it was last searched."""
    # Outside of this repository, whose git ignores what is measured: what it ignores is not searched.
    with tempfile.TemporaryDirectory() as small:
        (pathlib.Path(small) / "a.txt").write_text("nothing\n")
        start = take_turns(ROUNDS, start=lambda: run([bench.avouch, "scan", small, "-q"]))["start"]
    rows = [row("secrets, start", "a folder with one line", f"{ms(start.cpu)} of processor time, {ms(start.wall)} by the clock", "–", "–", "≤ 30 ms", start.cpu <= 0.030)]
    tree = inputs.repository(kept, SCANNED[0])
    whole = lambda: run([bench.avouch, "scan", tree, "-q"], codes=(0, 1))
    whole()
    unchanged = take_turns(ROUNDS, again=whole)["again"]
    rows.append(row("secrets, unchanged", f"`{SCANNED[0]}`, its tree", f"{ms(unchanged.wall)}, {ms(unchanged.cpu)} of processor time", "–", "–", "≤ 0.3 s", unchanged.wall <= 0.3))
    copy = bench.folder / "history"
    top = pathlib.Path(__file__).resolve().parents[2]
    subprocess.run(["git", "clone", "--quiet", f"file://{top}", copy], check=True)
    commits = int(subprocess.run(["git", "-C", copy, "rev-list", "--count", "HEAD"], capture_output=True, text=True, check=True).stdout)
    history = lambda: run([bench.avouch, "scan", copy, "--history", "-q"], codes=(0, 1))
    first = history()
    unchanged = take_turns(ROUNDS, again=history)["again"]
    given = f"this repository with its history, {commits} commits"
    beside = f"the first time {ms(first.wall)}"
    rows.append(row("secrets, unchanged", given, f"{ms(unchanged.wall)}, {ms(unchanged.cpu)} of processor time", beside, "–", "≤ 0.3 s", unchanged.wall <= 0.3))
    numbers = iter(range(ROUNDS + 1))

    def one_more():
        (copy / "one-more.txt").write_text(f"the commit number {next(numbers)}\n")
        git = ["git", "-C", copy, "-c", "user.name=bench", "-c", "user.email=bench@example.com"]
        subprocess.run([*git, "add", "one-more.txt"], check=True)
        subprocess.run([*git, "commit", "--quiet", "-m", "One more"], check=True)
        return history()

    more = take_turns(ROUNDS, more=one_more)["more"]
    rows.append(row("secrets, one commit more", given, f"{ms(more.wall)}, {ms(more.cpu)} of processor time", beside, "–", "≤ 0.3 s", more.wall <= 0.3))
    return rows


def hygiene(bench, row, ms, mb):
    """Every kind over pipelines, hooks and dependencies, one after another."""
    program = bench.examples / "hygiene_cost"
    here = bench.folder / "repository"
    top = pathlib.Path(__file__).resolve().parents[2]
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"file://{top}", here], check=True)
    kept = bench.tools.parent.parent / "bench-inputs"
    rows = []
    for name, folder in [("this repository", here)] + [(f"`{name}`", inputs.repository(kept, name)) for name in PIPELINES]:
        seen = told([program, folder])
        whole = take_turns(ROUNDS, whole=lambda: run([program, folder], env={"ONCE": "1"}))["whole"]
        given = f"{name}, {seen['pipelines']:.0f} workflows in {seen['files']:,.0f} files, {seen['kinds']:.0f} kinds"
        took = f"{seen['all_ms']:.1f} ms, as a process {ms(whole.cpu)} and {mb(whole)}"
        rows.append(row("hygiene, processor time", given, took, "–", "–", "≤ 50 ms", seen["all_ms"] <= 50))
    folder = inputs.repository(kept, PIPELINES[0])
    few, many = told([program, folder, 4]), told([program, folder, 16])
    times, growth = many["all_ms"] / few["all_ms"], many["all_ms"] / few["all_ms"] / (many["pipelines"] / few["pipelines"])
    given = f"{few['pipelines']:.0f} to {many['pipelines']:.0f} workflows: those of `{PIPELINES[0]}` many times over"
    rows.append(row("hygiene, growth", given, f"{times:.1f}× the time", f"{many['pipelines'] / few['pipelines']:.1f}× the workflows", f"{growth:.2f}", "linear (≤ 1.25)", growth <= 1.25))
    return rows
