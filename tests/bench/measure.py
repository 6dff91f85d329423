"""Every measurement of docs/performance.md. Each compares within one run; the results of each are kept in target/bench, so
that one of them can be measured again without the others. `all.sh` builds what this runs."""

import argparse
import datetime
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import advisories  # noqa: E402
import peers as others  # noqa: E402
import sources  # noqa: E402
import subjects  # noqa: E402
from harness import Cost, machine, medians, run, take_turns, told  # noqa: E402

TOP = pathlib.Path(__file__).resolve().parents[2]
KEPT = TOP / "target" / "bench"
PAGE = TOP / "docs" / "performance.md"
CONTENTS = TOP / "docs" / "sbom.md"
BEGIN, END = "<!-- table: make bench -->", "<!-- end of table -->"
ROUNDS = 5


class Bench:
    """Where the programs are, and a folder for one measurement."""

    def __init__(self, built, tools, folder, nights, runs):
        self.avouch = built / "avouch"
        self.reference_api = built / "reference-api"
        self.examples = built / "examples"
        self.tools = tools
        self.folder = folder
        self.nights = nights
        self.runs = runs


def row(what, given, result, beside="–", ratio="–", bar="–", holds=None):
    """One line of the table. `holds` is None where there is no bar."""
    verdict = "–" if holds is None else ("holds" if holds else "**missed**")
    return [what, given, result, beside, ratio, bar, verdict]


def git(folder, *arguments):
    who = ["-c", "user.name=bench", "-c", "user.email=bench@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", folder, *who, *arguments], check=True, capture_output=True)


def sbom(bench):
    """This repository: one BOM of the whole against cargo-cyclonedx, and against `cargo metadata`, which that begins with."""
    copy = bench.folder / "repository"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"file://{TOP}", copy], check=True)
    manifest = ["--manifest-path", copy / "Cargo.toml"]
    # Once with the network, for the manifests of platforms that were never built here; measured without it.
    run(["cargo", "fetch", "--locked", *manifest])
    offline = {"CARGO_NET_OFFLINE": "true"}
    peer = [bench.tools / "cargo-cyclonedx", "cyclonedx", "--format", "json", "--spec-version", "1.5", "--quiet", *manifest]
    metadata = ["cargo", "metadata", "--format-version", "1", "--locked", *manifest]
    # As any `git status` leaves it: the files of a clone are as young as its index, and would be read to be compared.
    git(copy, "update-index", "--refresh")
    whole = [bench.avouch, "sbom", copy, "--quiet", "--spec", "1.5", "-o", bench.folder / "bom.json"]
    # Kept here between runs, not in the folder of whoever measures.
    caches = {"XDG_CACHE_HOME": str(bench.folder / "caches")}
    run(whole, env=caches)
    costs = take_turns(
        max(ROUNDS, 7),
        first=lambda: run([*whole, "--fresh"]),
        again=lambda: run(whole, env=caches),
        quick=lambda: run([*whole, "--quick"]),
        peer=lambda: run(peer, env=offline),
        metadata=lambda: run(metadata, env=offline),
    )
    components = len(json.loads((bench.folder / "bom.json").read_text())["components"])
    peer, metadata = costs["peer"], costs["metadata"]
    given = f"this repository, {components} components"
    rows = []
    for name, told in (("again", "each run but the first"), ("first", "the first run: archives hashed, texts read"), ("quick", "`--quick`")):
        ratio = peer.cpu / costs[name].cpu
        rows.append(row("SBOM, processor time", f"{given}, {told}", ms(costs[name].cpu), f"cargo cyclonedx {ms(peer.cpu)}", f"{ratio:.1f}× less", "≥ 10× less", ratio >= 10))
    mine = costs["again"]
    return rows + [
        row("SBOM, processor time", given, ms(mine.cpu), f"cargo metadata alone {ms(metadata.cpu)}", f"{metadata.cpu / mine.cpu:.1f}× less"),
        row("SBOM, peak memory", given, mb(costs["first"]), f"cargo cyclonedx {mb(peer)}", f"{peer.memory / costs['first'].memory:.1f}× less", "≤ 64 MiB", costs["first"].memory <= 64 * 1.048576),
    ]


def scale(bench):
    """An SBOM beside parsing its lockfile, at three sizes; and the memory of the whole program."""
    sizes, forms = (5_000, 20_000, 50_000), (("cargo", "Cargo.lock"), ("npm", "package-lock.json"))
    rows, seen = [], {}
    for packages in sizes:
        seen[packages] = told([bench.examples / "scale", packages])
        for form, name in forms:
            parse, made = seen[packages][f"{form}_parse_ms"], seen[packages][f"{form}_sbom_ms"]
            given = f"`{name}`, {packages:,} packages"
            rows.append(row("SBOM beside parsing", given, f"{made:.1f} ms", f"parsing alone {parse:.1f} ms", f"{made / parse:.2f}×", "≤ 3×", made / parse <= 3))
    small, large = sizes[0], sizes[-1]
    for form, name in forms:
        times = large / small
        growth = {what: seen[large][f"{form}_{what}_ms"] / seen[small][f"{form}_{what}_ms"] for what in ("sbom", "parse")}
        rows.append(row("SBOM, growth", f"`{name}`, {small:,} to {large:,} packages", f"{growth['sbom']:.1f}× the time", f"{times:.0f}× the packages; parsing alone {growth['parse']:.1f}×", f"{growth['sbom'] / times:.2f}", "linear (≤ 1.25)", growth["sbom"] / times <= 1.25))
    for packages in (3_000, large):
        folder = bench.folder / str(packages)
        run([bench.examples / "scale", packages, folder])
        for form, name in forms:
            mine = run([bench.avouch, "sbom", folder / form, "--quiet", "--lock-only", "-o", bench.folder / "bom.json"])
            bar = ("≤ 64 MiB", mine.memory <= 64 * 1.048576) if packages == 3_000 else ("–", None)
            rows.append(row("SBOM, peak memory", f"`{name}`, {packages:,} packages", mb(mine), "–", "–", *bar))
    return rows


def advise(bench):
    """Loading the database of RustSec, in both its forms, and holding a thousand made-up packages against it."""
    rows = []
    for form, folder, of in advisories.prepare(TOP / "target" / "bench-inputs"):
        seen = told([bench.examples / "cost", folder])
        if seen["unreadable"]:
            sys.exit(f"error: {seen['unreadable']:.0f} files of {folder} cannot be read")
        given = f"{of}, {seen['advisories']:,.0f} advisories in {seen['files']:,.0f} files of {form}"
        rows.append(limited("advisories, loading", given, seen, "load", 50))
        if form == "OSV JSON":
            given = f"{seen['components']:,.0f} packages, 500 of them known ({of}): {seen['findings']:,.0f} found in {seen['affected']:,.0f}"
            rows.append(limited("advisories, matching", given, seen, "match", 5))
    return rows


def limited(what, given, seen, name, limit):
    """A row whose bar is a time: processor time, since one thread does it on warm files and waits for nothing but the machine."""
    wall, cpu = seen[f"{name}_ms"], seen[f"{name}_cpu_ms"]
    return row(f"{what}, processor time", given, f"{cpu:.1f} ms", f"by the clock {wall:.1f} ms", "–", f"≤ {limit} ms", cpu <= limit)


def retention(bench):
    """One million rows of two million, gently, against one DELETE and the recipe; alone for the cost, beside a writer for its waits."""
    seen = told([bench.examples / "purge_cost", 1_000_000, ROUNDS], env={"TMPDIR": str(bench.folder)})
    given = f"1,000,000 of 2,000,000 rows, {seen['bytes'] / 1e6:.0f} MB, 2 indexes"
    writer = "as above, 200 inserts a second beside it"
    rate = lambda name, less=0.0: 1e6 / (seen[f"{name}_cpu_s"] - less)
    gentle, windows, beside_writer = rate("gentle"), rate("gentle", seen["proof_cpu_s"]), rate("gentle_beside")
    default, same = "one DELETE, SQLite's default cache", "one DELETE, 64 MB cache as ours"
    rows = []

    def rated(what, input, ours, name, beside, bar=None):
        ratio = ours / rate(name)
        bound = (f"≥ {bar}×", ratio >= bar) if bar else ("–", None)
        rows.append(row(f"retention, rows a CPU second{what}", input, f"{ours / 1e3:.0f} k", f"{beside}: {rate(name) / 1e3:.0f} k", f"{ratio:.2f}×", *bound))

    rated(": plan, windows and proof", given, gentle, "single", default, 0.9)
    rated(": windows alone", given, windows, "single", default, 0.9)
    rated(": plan, windows and proof", given, gentle, "single_64mb", same)
    rated(": windows alone", given, windows, "single_64mb", same)
    rated("", writer, beside_writer, "single_beside", default, 0.8)
    rated("", writer, beside_writer, "single_64mb_beside", same, 0.7)
    rated("", given, gentle, "recipe", "`IN (SELECT … LIMIT 500)`, time and again", 2)
    plan = seen["proof_cpu_s"] / seen["gentle_cpu_s"]
    rows.append(row("retention, plan and proof", given, f"{seen['proof_cpu_s']:.2f} s of a processor", f"the whole run {seen['gentle_cpu_s']:.2f} s", f"{plan:.2f}×", "≤ 0.1×", plan <= 0.1))
    stall, single = seen["gentle_beside_stall_ms"], seen["single_beside_stall_ms"]
    noise = seen["nothing_beside_stall_ms"]
    rows.append(row("retention, worst stall of the writer", writer, f"{stall:.0f} ms", f"one DELETE {single:,.0f} ms; nobody deleting {noise:.0f} ms", f"1/{single / stall:.0f}", "≤ 1/100", stall * 100 <= single))
    p99, quiet = seen["gentle_beside_p99_ms"], seen["nothing_beside_p99_ms"]
    rows.append(row("retention, wait of 99 in 100 inserts", writer, f"{p99:.1f} ms", f"nobody deleting {quiet:.1f} ms", f"{p99 - quiet:.1f} ms more", "≤ 20 ms more", p99 - quiet <= 20))
    for name, given_here in (("gentle", given), ("gentle_beside", writer)):
        mine, other = seen[f"{name}_wal_mb"], seen[f"{name.replace('gentle', 'single')}_wal_mb"]
        rows.append(row("retention, largest write-ahead log", given_here, f"{mine:.0f} MB", f"one DELETE {other:.0f} MB", f"{mine / other:.2f}×", "≤ 0.25×", mine / other <= 0.25))
    mine, other = seen["gentle_beside_wall_s"], seen["single_beside_wall_s"]
    rows.append(row("retention, wall time", writer, f"{mine:.1f} s in {seen['gentle_beside_windows']:.0f} windows", f"one DELETE {other:.1f} s", f"{mine / other:.1f}×"))
    return rows


def memory(bench):
    """What `avouch retention run` holds while five of ten million rows go, and the same of a hundredth of them."""
    peaks = {}
    for count in (100_000, 10_000_000):
        product = bench.folder / f"of-{count}"
        product.mkdir()
        database = sqlite3.connect(product / "app.db")
        # The youngest is of today, so that no clock seems wrong; half of them are older than the rule keeps.
        now, step = int(time.time()), 10
        database.executescript(
            f"""PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;
            CREATE TABLE events (id INTEGER PRIMARY KEY, tenant INTEGER, user INTEGER, kind TEXT, at INTEGER, body TEXT);
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {count})
            INSERT INTO events (tenant, user, kind, at, body) SELECT (i * 7919 % 1000) * (i * 104729 % 1000) / 2000, i * 31 % 5000, 'view',
            {now} + (i - {count} - 1) * {step} + i * 37 % 10, hex(zeroblob(65)) FROM n;
            CREATE INDEX by_tenant ON events (tenant, at); CREATE INDEX by_time ON events (at); PRAGMA wal_checkpoint(TRUNCATE);"""
        )
        database.close()
        git(product, "init", "--quiet")
        run([bench.avouch, "-C", product, "init"])
        settings = product / "avouch.toml"
        origin = next(line for line in settings.read_text().splitlines() if line.startswith("origin"))
        rule = 'name = "events"\ndatabase = "main"\ntable = "events"\ncolumn = "at"\nmax_lag = "30 days"\nfuse_percent = 100\n'
        settings.write_text(
            f'[product]\nname = "Bench"\nslug = "bench"\n\n[evidence]\n{origin}\n\n[databases.main]\nurl = "sqlite:app.db"\n\n'
            f'[[retention]]\n{rule}keep = "{count // 2 * step // 60} minutes"\n'
        )
        run([bench.avouch, "-C", product, "retention", "init"])
        peaks[count] = run([bench.avouch, "-C", product, "retention", "run"])
        size, database = (product / "app.db").stat().st_size, sqlite3.connect(product / "app.db")
        left = database.execute("SELECT count(*) FROM events").fetchone()[0]
        database.close()
        assert left < count * 0.51, f"{left} of {count} are left"
        shutil.rmtree(product)
    few, many = peaks[100_000], peaks[10_000_000]
    given = f"5,000,000 of 10,000,000 rows, {size / 1e9:.1f} GB, 2 indexes, SQLite"
    limit = 128 * 1024 * 1024 / 1e6
    return [row("retention, peak memory", given, mb(many), f"50,000 of 100,000 rows {mb(few)}", f"{many.memory / few.memory:.1f}×", "≤ 128 MiB", many.memory <= limit)]


def postgres(bench):
    """One million rows of two million on a Postgres of its own, gently, against the recipe, as it is written with 5,000 rows and with 500, and one DELETE."""
    bench.folder.chmod(0o755)  # The server runs as somebody else.
    seen = told([bench.examples / "postgres_cost", 1_000_000, 3], env={"TMPDIR": str(bench.folder)})
    given = f"1,000,000 of 2,000,000 rows, {seen['bytes'] / 1e6:.0f} MB, 2 indexes, Postgres {seen['version']}"
    ways = ("recipe", "`IN (SELECT … ORDER BY … LIMIT 5000)`", 2), ("narrow", "`IN (SELECT … ORDER BY … LIMIT 500)`", 2), ("single", "one DELETE", None)
    rows = []
    for unit, what in (("cpu", "processor time of the server and ours"), ("wall", "wall time")):
        mine = seen[f"gentle_{unit}_s"]
        for name, beside, bar in ways:
            other = seen[f"{name}_{unit}_s"]
            bound = (f"≥ {bar}× less", other / mine >= bar) if bar else ("–", None)
            rows.append(row(f"retention on Postgres, {what}", given, f"{mine:.2f} s", f"{beside} {other:.2f} s", f"{other / mine:.2f}× less", *bound))
    return rows


def d1(bench):
    """Rows that D1 reads, and bills, for each that is deleted: what its own answers say in the test on a local D1."""
    figures = bench.folder / "figures"
    subprocess.run(["cargo", "test", "--locked", "--quiet", "-p", "avouch-retain", "--test", "d1"], cwd=TOP, check=True, env={**os.environ, "AVOUCH_FIGURES": str(figures)}, stdout=sys.stderr)
    rows = []
    for line in figures.read_text().splitlines():
        what, read, deleted, recipe = line.rsplit(" ", 3)
        ratio, recipe = int(read) / int(deleted), float(recipe)
        given = f"{int(deleted):,} of {int(deleted) + 10_000:,} rows, {what}"
        rows.append(row("retention on D1, rows read a row deleted", given, f"{ratio:.4f}", f"`IN (SELECT … LIMIT 500)` {recipe:.2f}", f"{recipe / ratio:.1f}× less", "1.00", round(ratio, 2) == 1))
    return rows


def verify(bench):
    """A log of 10,000 entries, each with a payload and a signature of its own."""
    log = bench.folder / "log"
    key = subprocess.run([bench.examples / "grown_log", log, "10000"], check=True, capture_output=True, text=True).stdout.strip()
    mine = [bench.avouch, "verify", log / "public", "--key", key, "--as-of", "2026-11-22T00:00:00Z"]
    hashing = ["sh", "-c", f"find '{log}/public' -type f -print0 | xargs -0 sha256sum"]
    costs = take_turns(ROUNDS, mine=lambda: run(mine), hashing=lambda: run(hashing))
    mine, hashing = costs["mine"], costs["hashing"]
    given = "10,000 entries with payloads and signatures, 20,000 files"
    return [
        row("verify, wall time", given, ms(mine.wall), f"sha256sum of the same files {ms(hashing.wall)}", f"{mine.wall / hashing.wall:.1f}×", "< 1.5 s", mine.wall < 1.5),
        row("verify, processor time", given, ms(mine.cpu), f"sha256sum of the same files {ms(hashing.cpu)}", f"{mine.cpu / hashing.cpu:.1f}×"),
        row("verify, peak memory", given, mb(mine)),
    ]


def render(bench):
    """Sites of two sizes, and Hugo with as many pages, where it is installed."""
    base = "https://trust.example.com"
    fresh = lambda name: (shutil.rmtree(bench.folder / name, ignore_errors=True), bench.folder / name)[1]
    preview = lambda runs: run([bench.examples / "preview", fresh(f"site-{runs}"), base, str(runs)])
    small, large = 1_850, 19_850
    ways = {"small": lambda: preview(small), "large": lambda: preview(large)}
    preview(small)
    preview(large)
    pages = {runs: sum(1 for _ in (bench.folder / f"site-{runs}").rglob("*.html")) for runs in (small, large)}
    hugo = shutil.which("hugo")
    if hugo:
        for runs in (small, large):
            hugo_site(bench.folder / f"hugo-{runs}", bench.folder / f"site-{runs}")
        build = lambda runs: run([hugo, "--quiet", "--source", bench.folder / f"hugo-{runs}", "--destination", fresh(f"hugo-out-{runs}")])
        ways |= {"hugo_small": lambda: build(small), "hugo_large": lambda: build(large)}
    costs = take_turns(3, **ways)
    rows = []
    for name, runs in (("small", small), ("large", large)):
        mine, peer = costs[name], costs.get(f"hugo_{name}")
        given = f"{pages[runs]:,} pages"
        if peer:
            ratio = peer.cpu / mine.cpu
            rows.append(row("site, processor time", given, ms(mine.cpu), f"Hugo with finished bodies {ms(peer.cpu)}", f"{ratio:.1f}× less", "≥ 5× less", ratio >= 5))
            rows.append(row("site, peak memory", given, mb(mine), f"Hugo {mb(peer)}", f"{peer.memory / mine.memory:.1f}× less"))
        else:
            rows.append(row("site, processor time", given, ms(mine.cpu), "Hugo is not installed"))
    growth = (costs["large"].cpu / costs["small"].cpu) / (pages[large] / pages[small])
    rows.append(row("site, growth", f"{pages[small]:,} to {pages[large]:,} pages", f"{costs['large'].cpu / costs['small'].cpu:.1f}× the time", f"{pages[large] / pages[small]:.1f}× the pages", f"{growth:.2f}", "linear (≤ 1.25)", growth <= 1.25))
    return rows


def hugo_site(folder, site):
    """The same pages for Hugo: each body is finished HTML, Hugo puts it into one layout. Less than half of our work."""
    if folder.exists():
        shutil.rmtree(folder)
    kinds = '["taxonomy", "term", "RSS", "sitemap", "robotsTXT", "404"]'
    (folder / "layouts" / "_default").mkdir(parents=True)
    (folder / "config.toml").write_text(f'baseURL = "https://trust.example.com/"\ndisableKinds = {kinds}\n')
    layout = None
    for path in site.rglob("*.html"):
        text = path.read_text()
        start, end = text.find("<main"), text.rfind("</main>")
        if start < 0 or end < 0:
            continue
        if layout is None:
            head, rest = text[:start], text[end + len("</main>"):]
            title_from, title_to = head.find("<title>"), head.find("</title>")
            head = head[:title_from] + "<title>{{ .Title }}" + head[title_to:]
            layout = head + "{{ .Content }}" + rest
            for name in ("single.html", "list.html"):
                (folder / "layouts" / "_default" / name).write_text(layout)
            (folder / "layouts" / "index.html").write_text(layout)
        target = folder / "content" / path.relative_to(site).parent / "page.html"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f'---\ntitle: "{path.parent.name[:40]}"\n---\n{text[start:end]}</main>')


def year(bench):
    """A year by the sample schedule. With --nights it is less than a year, and its files are projected."""
    nights = bench.nights
    seen = told([bench.examples / "year", bench.folder / "year", nights])
    in_a_year, told_as = seen["files"], "–"
    if nights < 365:
        part = told([bench.examples / "year", bench.folder / "part", nights // 6])
        a_night = (seen["files"] - part["files"]) / (nights - nights // 6)
        in_a_year += a_night * (365 - nights)
        told_as = f"{a_night:.1f} a night, **projected** {in_a_year:,.0f} in a year"
    site = bench.folder / "year" / "public"
    # The first of the made-up nights is that of 2025-11-21.
    end = f"{datetime.date(2025, 11, 21) + datetime.timedelta(days=nights)}T00:00:00Z"
    checked = take_turns(3, mine=lambda: run([bench.avouch, "verify", site, "--key", seen["key"], "--as-of", end]))["mine"]
    given = f"{nights} nights, 4 rules every 15 minutes, a release a month"
    parts = ", ".join(f"`{part}` {seen[f'{part}_files']:,.0f}" for part in ("e", "blob", "dsse", "tile", "en", "fr", "sbom"))
    return [
        row("publishing, files", given, f"{seen['files']:,.0f}", parts, told_as, "< 10,000 a year", in_a_year < 10_000),
        row("publishing, bytes", given, f"{seen['bytes'] / 1e6:.0f} MB", f"pages `e` {seen['e_bytes'] / 1e6:.0f} MB, payloads `blob` {seen['blob_bytes'] / 1e6:.0f} MB"),
        row("publishing, one night", given, f"{seen['last_night_s']:.2f} s at the end", f"{seen['first_night_s']:.2f} s at the beginning"),
        row("publishing, verify", f"its {seen['entries']:,.0f} entries", ms(checked.wall)),
    ]


def job(bench):
    """The whole job on a small repository that did not change."""
    product = bench.folder / "product"
    (product / "src").mkdir(parents=True)
    shutil.copy(TOP / "Cargo.lock", product)
    (product / "Cargo.toml").write_text('[package]\nname = "avouch"\nversion = "0.1.0"\n')
    (product / "src" / "main.rs").write_text("fn main() {}\n")
    (product / "SECURITY.md").write_text("# Security\n\nReports: security@example.com\n")
    git(product, "init", "--quiet")
    git(product, "add", "Cargo.lock", "Cargo.toml", "src", "SECURITY.md")
    git(product, "commit", "--quiet", "-m", "Begin")
    git(product, "tag", "v0.1.0")
    database = sqlite3.connect(product / "app.db")
    database.executescript("PRAGMA journal_mode = WAL; CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER); CREATE INDEX by_at ON events (at);")
    database.executemany("INSERT INTO events (at) VALUES (?)", ((1_790_000_000 + nth * 100,) for nth in range(10_000)))
    database.commit()
    database.close()
    run([bench.avouch, "-C", product, "init", "--profile", "auth-api"])
    settings = product / "avouch.toml"
    rule = '\n[databases.main]\nurl = "sqlite:app.db"\n\n[[retention]]\nname = "events"\ndatabase = "main"\ntable = "events"\ncolumn = "at"\nkeep = "24 months"\n'
    text = settings.read_text()
    if "\n[databases.main]" not in text:
        settings.write_text(text + rule)
    whole = lambda: run([bench.avouch, "-C", product, "--quiet", "run"], codes=(0, 1, 3))
    first = whole()
    warm = take_turns(ROUNDS, warm=whole)["warm"]
    given = "one tag, 350 packages, one rule on 10,000 rows, profile `auth-api`, no target"
    return [
        row("whole job, wall time", given, ms(warm.wall), f"the first time {ms(first.wall)}", "–", "< 1 s", warm.wall < 1),
        row("whole job, processor time", given, ms(warm.cpu), f"the first time {ms(first.cpu)}"),
        row("whole job, peak memory", given, mb(warm)),
    ]


def profiles(bench):
    """The check run of each profile on its subject, without the checks that measure times or wait for the windows of limits."""
    rows = []
    for profile in sorted(path.stem for path in (TOP / "mappings" / "profiles").glob("*.toml")):
        costs = []
        # A subject of its own each time: within a minute a second run would wait for the limits that the first used.
        for _ in range(ROUNDS):
            with subjects.up(bench, profile) as (folder, environment):
                run([bench.avouch, "init", "--new-log"], cwd=folder, env=environment)
                checks, left = subjects.quick(bench, folder, environment)
                costs.append(run([bench.avouch, "--quiet", "check", *checks], cwd=folder, env=environment, codes=(0, 1, 3)))
        cost = medians(costs)
        given = f"`{profile}` on its subject: {len(checks)} checks, {left} of times and limits left out"
        rows.append(row("check run, wall time", given, ms(cost.wall), f"{ms(cost.cpu)} of processor time", "–", "< 2 s", cost.wall < 2))
    return rows


def kept_in():
    """Whether files lay in memory: then nothing waits for a disk."""
    folder = os.environ.get("BENCH_DIR")
    if folder is None:
        return ""
    kind = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True).stdout.strip()
    return f", files on {kind}"


def ms(seconds):
    return f"{seconds * 1000:,.0f} ms"


def mb(cost: Cost):
    return f"{cost.memory:.0f} MB"


def peers(bench):
    """SBOMs of public software beside the tools of others; what the SBOMs hold goes to docs/sbom.md."""
    return others.peers(bench, row, ms, mb)


def scan(bench):
    """Secrets in public repositories, beside ripgrep with as many alternatives and beside ripsecrets."""
    return sources.scan(bench, row, ms, mb)


def hygiene(bench):
    """Pipelines, hooks and dependencies of public repositories."""
    return sources.hygiene(bench, row, ms, mb)


def alarms(bench):
    """Checks of times and limits, again and again beside load, of a service that keeps its promises: none may fail."""
    command = ["cargo", "test", "--quiet", "--locked", "-p", "avouch", "--test", "false_alarms", "--", "--nocapture"]
    environment = {**os.environ, "AVOUCH_REPEATED_RUNS": str(bench.runs)}
    done = subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True)
    counts = {}
    for words in map(str.split, done.stdout.splitlines()):
        if len(words) == 3 and words[2].isdigit():
            counts.setdefault(words[0], {})[words[1]] = int(words[2])
    if not counts:
        sys.exit(f"the repeated runs told nothing:\n{done.stdout}{done.stderr}")
    total = sum(sum(told.values()) for told in counts.values())
    of = lambda outcome: sum(told.get(outcome, 0) for told in counts.values())
    untold = total - of("pass") - of("fail")
    given = f"{bench.runs} runs of {len(counts)} checks of times and limits, 6 services at a time, one processor kept busy"
    failed = of("fail")
    return [row("false alarms", given, f"{failed} of {total}", f"could not tell: {untold}", "–", "none", failed == 0)]


SECTIONS = {section.__name__: section for section in (sbom, scale, advise, peers, scan, hygiene, retention, memory, postgres, d1, verify, render, year, job, profiles, alarms)}


def table():
    """The kept results as Markdown, in the order of the sections."""
    lines = ["| what | input | avouch | beside it | ratio | bar | |", "|---|---|---|---|---|---|---|"]
    machines = []
    for name in SECTIONS:
        file = KEPT / f"{name}.json"
        if not file.is_file():
            lines.append(f"| {name} | not measured | – | – | – | – | – |")
            continue
        kept = json.loads(file.read_text())
        lines += ["| " + " | ".join(cells) + " |" for cells in kept["rows"]]
        machines.append(f"{name}: {kept['machine']}, {kept['commit']}")
    return "\n".join([*lines, "", "Measured on: " + "; ".join(machines) + "."])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--built", type=pathlib.Path, required=True)
    parser.add_argument("--tools", type=pathlib.Path, required=True)
    parser.add_argument("--write", action="store_true", help="replace the table in docs/performance.md")
    parser.add_argument("--nights", type=int, default=365, help="nights of the year (its work grows with their square)")
    parser.add_argument("--runs", type=int, default=200, help="repeated runs of the checks of times and limits")
    parser.add_argument("sections", nargs="*", metavar="|".join(SECTIONS))
    given = parser.parse_args()
    unknown = [name for name in given.sections if name not in SECTIONS]
    if unknown:
        parser.error(f"no measurement is named {unknown[0]}; there are {', '.join(SECTIONS)}")
    KEPT.mkdir(parents=True, exist_ok=True)
    commit = subprocess.run(["git", "-C", TOP, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    for name in given.sections or SECTIONS:
        print(f"measuring {name}", file=sys.stderr)
        seen = machine()
        with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR", KEPT)) as folder:
            rows = SECTIONS[name](Bench(given.built.resolve(), given.tools.resolve(), pathlib.Path(folder), given.nights, given.runs))
        (KEPT / f"{name}.json").write_text(json.dumps({"rows": rows, "machine": seen + kept_in(), "commit": commit}, indent=1))
    text = table()
    print(text)
    contents = KEPT / "contents.md"
    if contents.is_file():
        print(contents.read_text())
    if given.write:
        replace(PAGE, text)
        if contents.is_file():
            replace(CONTENTS, contents.read_text().rstrip())


def replace(page, table):
    """Puts a table where the page marks its place."""
    text = page.read_text()
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    page.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


if __name__ == "__main__":
    main()
