"""Runs programs and tells what they cost: processor time, wall time, peak memory. Ways of doing the same take turns."""

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass


@dataclass
class Cost:
    """What one run took."""

    cpu: float  # seconds, user and system, with all children
    wall: float  # seconds
    memory: float  # MB (10^6 bytes), the largest of its processes
    code: int


def run(arguments, cwd=None, env=None, codes=(0,)):
    """Runs a program to its end. Its output goes nowhere; an unexpected exit code ends the bench with it."""
    start = time.monotonic()
    process = subprocess.Popen(
        [str(argument) for argument in arguments],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in codes:
        sys.exit(f"error: {arguments} ended with {process.returncode}:\n{errors.decode(errors='replace')}")
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(cpu, time.monotonic() - start, usage.ru_maxrss * 1024 / 1e6, process.returncode)


def told(arguments, env=None):
    """The `name value` lines that a program prints."""
    done = subprocess.run(
        [str(argument) for argument in arguments], env={**os.environ, **(env or {})}, capture_output=True, text=True
    )
    if done.returncode != 0:
        sys.exit(f"error: {arguments} ended with {done.returncode}:\n{done.stderr}")
    lines = (line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
    return {name: number(value) for name, value in lines}


def number(text):
    try:
        return float(text)
    except ValueError:
        return text


def take_turns(rounds, **ways):
    """Runs each way once, then each again: what disturbs the machine disturbs all of them. Gives the medians."""
    costs = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            costs[name].append(way())
    return {name: medians(runs) for name, runs in costs.items()}


def medians(runs):
    middle = lambda of: statistics.median(of(cost) for cost in runs)
    return Cost(middle(lambda c: c.cpu), middle(lambda c: c.wall), middle(lambda c: c.memory), runs[-1].code)


def machine():
    """What it was measured on, without a name of anything."""
    model = "unknown processor"
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    load = os.getloadavg()[0]
    kernel = os.uname().release.split("-")[0]
    return f"{os.cpu_count()} cores ({model}), {os.uname().sysname} {kernel}, load {load:.1f}"
