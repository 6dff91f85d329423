"""What the peers are compared on: public software, taken from the registries it is published in, at fixed versions.

Everything is kept in target/bench-inputs and made once. Lockfiles are those that the package itself ships, where it does.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

# At one commit each, from the forge. GIT_CONFIG_COUNT and its like can point git at a mirror (`url.….insteadOf`).
REPOSITORIES = {
    "cloudflare/workers-sdk": "f8308360283f97d33e188aee2e19c1ef9c09524a",
    "astral-sh/uv": "26a9dd4b2125bc271b47855e1fa0c49af3365db5",
    "trufflesecurity/trufflehog": "3ab759fef4bb5935d4fe9ac68b503d05346b8364",
    "zizmorcore/zizmor": "11bbf7e6cffac7ccf4f803d40255e0cd54c60236",
}
CRATES = {"cargo": "0.98.0", "nu": "0.116.1"}
SHRINKWRAPPED = ("@salesforce/cli", "2.146.3")
UNLOCKED = ("netlify-cli", "26.2.0")


def sh(arguments, cwd, env=None):
    done = subprocess.run(
        [str(argument) for argument in arguments], cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True
    )
    if done.returncode != 0:
        sys.exit(f"error: {arguments} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def crate(folder, name, version):
    """The sources of a published program, with the Cargo.lock that it was published with, and all that it needs in the cache."""
    into = folder / name
    if (into / "Cargo.lock").is_file():
        return into
    asking = folder / f"asking-for-{name}"
    asking.mkdir(parents=True, exist_ok=True)
    (asking / "lib.rs").write_text("")
    (asking / "Cargo.toml").write_text(
        f'[package]\nname = "asking"\nversion = "0.0.0"\nedition = "2021"\n[lib]\npath = "lib.rs"\n[workspace]\n[dependencies]\n{name} = "={version}"\n'
    )
    sh(["cargo", "fetch"], asking)
    home = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo"))
    found = sorted(home.glob(f"registry/src/*/{name}-{version}"))
    if not found:
        sys.exit(f"error: cargo fetched {name} {version} to nowhere in {home}")
    shutil.copytree(found[0], into)
    # It may ignore its own lockfile, although it is published with one.
    (into / ".gitignore").unlink(missing_ok=True)
    manifest = into / "Cargo.toml"
    manifest.chmod(0o644)
    # It lies below another workspace here, and belongs to none.
    manifest.write_text(manifest.read_text() + "\n[workspace]\n")
    # The toolchain that it asks for need not be here; the peers run the one that is.
    for pinned in into.glob("rust-toolchain*"):
        pinned.unlink()
    sh(["cargo", "fetch", "--locked"], into)
    shutil.rmtree(asking)
    return into


def packed(folder, name, version):
    """The files of a published npm package."""
    into = folder / name.replace("/", "-").lstrip("@")
    if (into / "package.json").is_file():
        return into
    into.mkdir(parents=True)
    archive = sh(["npm", "pack", "--silent", f"{name}@{version}"], into).strip().splitlines()[-1]
    sh(["tar", "-xzf", archive, "--strip-components=1"], into)
    (into / archive).unlink()
    return into


def checkout(folder):
    """Makes it what whoever works on it has: a git repository of its own, everything committed."""
    if (folder / ".git").is_dir():
        return
    (folder / "peer.json").unlink(missing_ok=True)
    who = ["-c", "user.name=bench", "-c", "user.email=bench@example.com", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "--quiet"], ["add", "--all", "--force"], ["commit", "--quiet", "-m", "As published"], ["update-index", "--refresh"]):
        sh(["git", *who, *arguments], folder)


def pnpm_of(tools):
    """pnpm's own program: the npm package holds it beside a script that would put it in place."""
    found = sorted((tools / "node_modules/@pnpm").glob("exe.*/pnpm"))
    if not found:
        sys.exit("error: npm installed no pnpm for this machine")
    return found[0]


def prepare(folder, tools):
    """Every input: name, folder, ecosystem."""
    folder.mkdir(parents=True, exist_ok=True)
    rust = {name: crate(folder, name, version) for name, version in CRATES.items()}
    npm = packed(folder, *SHRINKWRAPPED)
    pnpm = packed(folder, *UNLOCKED)
    if not (pnpm / "pnpm-lock.yaml").is_file():
        manifest = json.loads((pnpm / "package.json").read_text())
        # It is made with another package manager, and pnpm would refuse.
        for key in ("packageManager", "devEngines"):
            manifest.pop(key, None)
        # It asks for a tag that a registry behind a mirror need not have.
        manifest.get("devDependencies", {}).pop("verdaccio", None)
        (pnpm / "package.json").write_text(json.dumps(manifest, indent=2))
        # The templates that it brings along have lockfiles of their own, which are none of its.
        sh([pnpm_of(tools), "install", "--lockfile-only", "--ignore-scripts", "--ignore-workspace"], pnpm)
    for folder in [*rust.values(), npm, pnpm]:
        checkout(folder)
    return rust, npm, pnpm


def repository(folder, name):
    """A public repository at its commit, without what lies before it."""
    into = folder / name.replace("/", "-")
    if (into / ".git").is_dir():
        return into
    into.mkdir(parents=True)
    try:
        sh(["git", "init", "--quiet"], into)
        sh(["git", "fetch", "--quiet", "--depth", "1", f"https://github.com/{name}.git", REPOSITORIES[name]], into)
        sh(["git", "checkout", "--quiet", "--detach", "FETCH_HEAD"], into)
    except BaseException:
        # Half of it would be taken for all of it next time.
        shutil.rmtree(into)
        raise
    return into
