"""SBOMs beside the tools of others, on the same inputs in one run: what they cost, and what their SBOMs hold."""

import json
import os
import pathlib
import subprocess
import sys

import inputs
from harness import run, take_turns

NPM = {"@cyclonedx/cdxgen": "12.8.4", "@cyclonedx/cyclonedx-npm": "6.0.1", "pnpm": "12.21.0"}
CRATES = {"cargo-cyclonedx": "0.5.9", "cargo-sbom": "0.10.0"}
JUDGE = ("sbom-tools", "0.3.0")
ROUNDS = 5


def install(tools):
    """The peers, each from its registry."""
    for crate, version in CRATES.items():
        if not (tools / "bin" / crate).is_file():
            cargo_install(tools, crate, version)
    if not (tools / "bin" / JUDGE[0]).is_file():
        cargo_install(tools, *JUDGE, "--no-default-features", "--features", "cli")
    if not all((tools / "node_modules" / name).is_dir() for name in NPM):
        (tools / "package.json").write_text(json.dumps({"private": True, "dependencies": NPM}))
        inputs.sh(["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"], tools)


def cargo_install(tools, crate, version, *flags):
    print(f"installing {crate} {version}", file=sys.stderr)
    build = tools / "build"
    env = {"CARGO_TARGET_DIR": str(build)}
    inputs.sh(["cargo", "install", crate, "--version", version, "--locked", "--quiet", "--root", tools, *flags], tools, env)


class Tool:
    """A program that writes an SBOM of a folder."""

    def __init__(self, name, command, file=None, cwd=None, env=None, codes=(0,)):
        self.name, self.command, self.file, self.cwd, self.env, self.codes = name, command, file, cwd, env, codes

    def measured(self):
        return run(self.command, cwd=self.cwd, env=self.env, codes=self.codes)

    def bom(self):
        """What it writes; none when it wrote no JSON."""
        done = subprocess.run(
            [str(argument) for argument in self.command], cwd=self.cwd, env={**os.environ, **(self.env or {})}, capture_output=True
        )
        bytes_ = pathlib.Path(self.file).read_bytes() if self.file else done.stdout
        try:
            return json.loads(bytes_), bytes_
        except ValueError:
            return None, bytes_


def again(bench, folder, out):
    """Ours as it is without options, with what an earlier run kept; kept here, not in the folder of whoever measures."""
    file = out / "avouch.json"
    return Tool("avouch", [bench.avouch, "sbom", folder, "-q", "-o", file], file, env={"XDG_CACHE_HOME": str(out / "caches")})


def rust_tools(bench, tools, folder, out):
    offline = {"CARGO_NET_OFFLINE": "true"}
    bin_ = tools / "bin"
    manifest = folder / "Cargo.toml"
    return [
        again(bench, folder, out),
        Tool("avouch --fresh", [bench.avouch, "sbom", folder, "-q", "--fresh", "-o", out / "fresh.json"], out / "fresh.json"),
        Tool("avouch --quick", [bench.avouch, "sbom", folder, "-q", "--quick", "-o", out / "quick.json"], out / "quick.json"),
        Tool(
            "cargo cyclonedx",
            [bin_ / "cargo-cyclonedx", "cyclonedx", "-q", "-f", "json", "--spec-version", "1.5", "--override-filename", "peer", "--manifest-path", manifest],
            folder / "peer.json",
            env=offline,
        ),
        Tool("cargo-sbom", [bin_ / "cargo-sbom", "--output-format", "cyclone_dx_json_1_6"], cwd=folder, env=offline),
        Tool(
            "cdxgen",
            [tools / "node_modules/.bin/cdxgen", "-t", "rust", "--no-install-deps", "--no-recurse", "-o", out / "cdxgen.json", folder],
            out / "cdxgen.json",
        ),
    ]


def npm_tools(bench, tools, folder, out):
    bin_ = tools / "node_modules/.bin"
    return [
        again(bench, folder, out),
        Tool("npm sbom", ["npm", "sbom", "--package-lock-only", "--sbom-format", "cyclonedx"], cwd=folder, codes=(0, 1)),
        Tool(
            "cyclonedx-npm",
            [bin_ / "cyclonedx-npm", "--package-lock-only", "--ignore-npm-errors", "--spec-version", "1.6", "-o", out / "cyclonedx-npm.json"],
            out / "cyclonedx-npm.json",
            cwd=folder,
        ),
        Tool(
            "cdxgen",
            [bin_ / "cdxgen", "-t", "js", "--no-install-deps", "--no-babel", "--no-recurse", "-o", out / "cdxgen.json", folder],
            out / "cdxgen.json",
        ),
    ]


def pnpm_tools(bench, tools, folder, out):
    bin_ = tools / "node_modules/.bin"
    return [
        again(bench, folder, out),
        Tool("pnpm sbom", [inputs.pnpm_of(tools), "sbom", "--sbom-format", "cyclonedx", "--lockfile-only", "--ignore-workspace"], cwd=folder),
        Tool(
            "cdxgen",
            [bin_ / "cdxgen", "-t", "js", "--no-install-deps", "--no-babel", "--no-recurse", "-o", out / "cdxgen.json", folder],
            out / "cdxgen.json",
        ),
    ]


# What must hold beside whom: the least ratio of processor time, and whether memory must be less, too.
BARS = {"cargo cyclonedx": (10, False), "npm sbom": (1, True), "pnpm sbom": (1, True)}


def subjects(bench):
    tools = bench.tools.parent
    tools.mkdir(parents=True, exist_ok=True)
    install(tools)
    rust, npm, pnpm = inputs.prepare(tools.parent / "bench-inputs", tools)
    for name, folder in rust.items():
        yield f"`{name}` {inputs.CRATES[name]}, Cargo.lock", rust_tools, folder
    yield f"`{inputs.SHRINKWRAPPED[0]}` {inputs.SHRINKWRAPPED[1]}, npm-shrinkwrap.json", npm_tools, npm
    yield f"`{inputs.UNLOCKED[0]}` {inputs.UNLOCKED[1]}, pnpm-lock.yaml", pnpm_tools, pnpm


def peers(bench, row, ms, mb):
    """SBOMs of public software, with what lies in the caches, beside the peers of each ecosystem."""
    rows, contents = [], []
    for given, of, folder in subjects(bench):
        out = bench.folder / folder.name
        out.mkdir()
        tools = of(bench, bench.tools.parent, folder, out)
        # The first run of ours, which keeps what the others find.
        tools[0].measured()
        costs = take_turns(ROUNDS, **{tool.name: tool.measured for tool in tools})
        mine = costs["avouch"]
        told = [f"{costs[f'avouch {option}'].cpu * 1000:,.0f} ms {option}" for option in ("--fresh", "--quick") if f"avouch {option}" in costs]
        beside = f" ({', '.join(told)})" if told else ""
        for tool in tools:
            if tool.name.startswith("avouch"):
                continue
            peer = costs[tool.name]
            ratio, memory = peer.cpu / mine.cpu, peer.memory / mine.memory
            least, less_memory = BARS.get(tool.name, (None, False))
            bar = ("–", None)
            if least is not None:
                text = f"≥ {least}× less" if least > 1 else "less time and memory"
                bar = (text, ratio >= least and (not less_memory or memory > 1))
            rows.append(
                row("SBOM", given, f"{ms(mine.cpu)}, {mb(mine)}{beside}", f"{tool.name} {ms(peer.cpu)}, {mb(peer)}", f"{ratio:.1f}× less time, {memory:.1f}× less memory", *bar)
            )
        contents += [(given, tool.name, content(*tool.bom(), judge(bench, out))) for tool in tools]
    write_contents(contents)
    return rows


def judge(bench, out):
    """Errors by rubric, as sbom-tools counts them."""

    def verdict(bytes_):
        file = out / "judged.json"
        file.write_bytes(bytes_)
        found = {}
        for rubric in ("ntia", "cisa-2026", "bsi"):
            command = [bench.tools.parent / "bin" / JUDGE[0], "validate", file, "--standard", rubric, "-o", "json"]
            done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
            found[rubric] = errors(done.stdout)
        return found

    return verdict


def errors(text):
    """How many errors a verdict counts; none when it is no verdict."""
    try:
        told = json.loads(text)
    except ValueError:
        return None
    told = told[0] if isinstance(told, list) and told else told
    if isinstance(told, dict):
        for key in ("error_count", "errors"):
            if isinstance(told.get(key), int):
                return told[key]
        listed = told.get("violations") or told.get("issues") or []
        return sum(1 for one in listed if str(one.get("severity", "")).lower() == "error")
    return None


def content(bom, bytes_, verdict):
    """What a CycloneDX document holds, counted without any library."""
    if bom is None:
        return None
    components, waiting = [], list(bom.get("components") or [])
    while waiting:
        component = waiting.pop()
        components.append(component)
        waiting += component.get("components") or []
    count = len(components) or 1
    share = lambda of: f"{100 * sum(1 for component in components if of(component)) / count:.1f} %"
    reference = lambda component: [r for r in component.get("externalReferences") or [] if r.get("type") == "distribution" and r.get("hashes")]
    edges = {one["ref"]: one.get("dependsOn") or [] for one in bom.get("dependencies") or []}
    root = (bom.get("metadata", {}).get("component") or {}).get("bom-ref")
    reached, waiting = set(), [root]
    while waiting:
        at = waiting.pop()
        if at not in reached:
            reached.add(at)
            waiting += edges.get(at, [])
    known = {component.get("bom-ref") for component in components}
    return {
        "spec": bom.get("specVersion", "?"),
        "components": len(components),
        "licence": share(lambda component: component.get("licenses")),
        "hash": share(lambda component: component.get("hashes")),
        "hash on distribution": share(reference),
        "purl": share(lambda component: component.get("purl")),
        "edges": sum(len(set(to)) for to in edges.values()),
        "reached": f"{100 * len(reached & known) / count:.1f} %",
        **verdict(bytes_),
    }


def write_contents(contents):
    """The second table, in docs/sbom.md."""
    columns = ["spec", "components", "licence", "hash", "hash on distribution", "purl", "edges", "reached", "ntia", "cisa-2026", "bsi"]
    lines = ["| input | tool | " + " | ".join(columns) + " |", "|" + "---|" * (len(columns) + 2)]
    for given, tool, held in contents:
        cells = ["no BOM"] + ["–"] * (len(columns) - 1) if held is None else [str("?" if held[name] is None else held[name]) for name in columns]
        lines.append(f"| {given} | {tool} | " + " | ".join(cells) + " |")
    top = pathlib.Path(__file__).resolve().parents[2]
    kept = top / "target" / "bench" / "contents.md"
    kept.write_text("\n".join(lines) + "\n")
