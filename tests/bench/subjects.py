"""The subjects of the profiles, up and running: the reference API, and the products below tests/products."""

import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
NODE = TOP / "target" / "test-tools" / "products" / "bin"
# Kinds that measure times, or use a limit up and wait until its window is over.
WAITING = {"http.timing-floor", "http.timing-equality", "http.rate-limit", "http.rate-window"}


@contextlib.contextmanager
def up(bench, profile):
    """The folder of a subject and the environment of whatever is run on it, while its service answers."""
    with tempfile.TemporaryDirectory(dir=bench.folder) as place:
        if profile == "auth-api":
            with reference(bench, pathlib.Path(place)) as told:
                yield told
            return
        if not (NODE / "node").exists():
            sys.exit(f"error: there is no Node.js in {NODE}: run tests/setup.sh first")
        command = [bench.reference_api, "product", "hold", TOP / "tests" / "products" / profile, place, "--node", NODE]
        held = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            told = json.loads(held.stdout.readline() or sys.exit(f"error: the subject of {profile} did not come up"))
            yield told["folder"], told["environment"]
        finally:
            held.stdin.close()
            held.wait()


@contextlib.contextmanager
def reference(bench, place):
    """The reference API with its own numbers, as tests/reference-run.sh starts it."""
    api, product, ready = str(bench.reference_api), place / "product", place / "ready"
    quiet = {"check": True, "capture_output": True, "text": True}
    made = subprocess.run([api, "repository", product, "--db", "data/app.db", "--ca", "run/ca.pem"], **quiet)
    for folder in ("data", "run", "logs"):
        (product / folder).mkdir(exist_ok=True)
    database, authority = product / "data" / "app.db", product / "run" / "ca.pem"
    subprocess.run([api, "seed", database, "--env-out", place / "env.sh"], **quiet)
    named = re.findall(r"^export (\w+)='?(.*?)'?$", (place / "env.sh").read_text(), re.MULTILINE)
    environment = {"PATH": os.environ["PATH"], "HOME": str(place), **dict(named)}
    serve = [api, "serve", "--db", database, "--https", "127.0.0.1:0", "--http", "127.0.0.1:0", "--ca-out", authority]
    serve += ["--commit", made.stdout.strip(), "--ready-file", ready, "--log", product / "logs" / "api.log"]
    service = subprocess.Popen(serve, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not ready.exists():
            if service.poll() is not None:
                sys.exit("error: the reference API did not start")
            time.sleep(0.05)
        answers = dict(line.split("=", 1) for line in ready.read_text().splitlines())
        settings = product / "avouch.toml"
        text = settings.read_text().replace("https://127.0.0.1:8443", answers["HTTPS"])
        settings.write_text(text.replace("http://127.0.0.1:8080", answers["HTTP"]))
        subprocess.run([api, "traffic", "--ready-file", ready, "--ca", authority], env=environment, **quiet)
        yield product, environment
    finally:
        service.terminate()
        service.wait()


def quick(bench, folder, environment):
    """The checks that can be asked and wait for nothing, and how many others can be asked."""
    command = [str(bench.avouch), "--quiet", "check", "--when", "build", "--bundle", "quick.json"]
    subprocess.run(command, cwd=folder, env=environment, capture_output=True)
    scope = json.loads((pathlib.Path(folder) / "quick.json").read_text())["scope"]
    asked = [check for check in scope["catalogue"]["checks"] if check["id"] not in scope["unfilled"]]
    names = [check["id"] for check in asked if check["kind"] not in WAITING]
    return names, len(asked) - len(names)
