"""The advisories that are matched against: those of RustSec, or as many made up where they cannot be had."""

import json
import os
import pathlib
import subprocess

SOURCE = "https://github.com/rustsec/advisory-db"
# As many as RustSec had in August 2026.
MADE_UP = 1_193


def prepare(folder):
    """Form, folder and name of each database. A checkout that BENCH_ADVISORIES names is used, or one is cloned."""
    folder.mkdir(parents=True, exist_ok=True)
    checkout = pathlib.Path(os.environ.get("BENCH_ADVISORIES", folder / "advisory-db"))
    if not (checkout / ".git").exists() and not (checkout / "HEAD").is_file():
        cloned = subprocess.run(["git", "clone", "--quiet", SOURCE, checkout], capture_output=True)
        if cloned.returncode != 0:
            return made_up(folder)
    found = []
    for form, branch in (("OSV JSON", "osv"), ("Markdown", "main")):
        found.append((form, unpacked(checkout, branch, folder / f"rustsec-{branch}"), f"RustSec of {committed(checkout, branch)}"))
    return found


def known(checkout, branch):
    """The branch, or as a clone has it."""
    names = [branch, f"origin/{branch}"]
    return next(name for name in names if git(checkout, "rev-parse", "--verify", "--quiet", name).returncode == 0)


def committed(checkout, branch):
    return git(checkout, "log", "-1", "--format=%cs", known(checkout, branch)).stdout.decode().strip()


def unpacked(checkout, branch, into):
    """The files of a branch, without the repository around them."""
    into.mkdir(exist_ok=True)
    files = git(checkout, "archive", known(checkout, branch)).stdout
    subprocess.run(["tar", "-x", "-C", into], input=files, check=True)
    return into


def git(checkout, *arguments):
    return subprocess.run(["git", "-C", checkout, *arguments], capture_output=True)


def made_up(folder):
    """Of the same shape and length, one file each; every fourth package has a second advisory."""
    markdown, osv = folder / "made-up-md", folder / "made-up-osv"
    for place in range(MADE_UP):
        identity, package = f"RUSTSEC-2026-{place:04}", f"package-{place * 3 // 4}"
        title, text = f"A flaw of {package}", "What an attacker can do with it, in some detail. " * 25
        vector = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
        fixed = [f"{major}.{place % 13}.{place % 7}" for major in range(1, 2 + place % 3)]
        events = [{"introduced": "0.0.0-0"}]
        for version in fixed:
            events += [{"fixed": version}, {"introduced": f"{int(version[0]) + 1}.0.0"}]
        record = {
            "id": identity,
            "modified": "2026-08-01T12:00:00Z",
            "published": "2026-01-01T12:00:00Z",
            "aliases": [f"CVE-2026-{place:05}", f"GHSA-aaaa-bbbb-{place:04}"],
            "summary": title,
            "details": text,
            "severity": [{"type": "CVSS_V3", "score": vector}],
            "affected": [
                {
                    "package": {"ecosystem": "crates.io", "name": package, "purl": f"pkg:cargo/{package}"},
                    "ranges": [{"type": "SEMVER", "events": events[:-1]}],
                    "versions": [],
                    "database_specific": {"categories": ["denial-of-service"], "cvss": vector, "informational": None},
                }
            ],
            "references": [{"type": "PACKAGE", "url": f"https://crates.io/crates/{package}"}],
        }
        write(osv / "crates" / f"{identity}.json", json.dumps(record))
        patched = ", ".join(f'"^{version}"' for version in fixed[:-1]) + (", " if fixed[:-1] else "") + f'">= {fixed[-1]}"'
        front = f'[advisory]\nid = "{identity}"\npackage = "{package}"\ndate = "2026-01-01"\ncvss = "{vector}"\naliases = {json.dumps(record["aliases"])}\n'
        write(markdown / "crates" / package / f"{identity}.md", f"```toml\n{front}\n[versions]\npatched = [{patched}]\n```\n\n# {title}\n\n{text}\n")
    return [("OSV JSON", osv, "made up as RustSec's"), ("Markdown", markdown, "made up as RustSec's")]


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
