"""Runs engines against each other: each in its own process, all taking turns.

Turns spread the noise of a shared machine evenly, which is what makes ratios within one run hold.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from model.quantization.fidelity import Fidelity, compare, worst
from scripts.bench.inputs import Inputs
from scripts.bench.spec import BASELINE, ENGINES
from scripts.serving.machine import worker_environment
from scripts.serving.paths import ROOT

_QUIET = {"KINETO_LOG_LEVEL": "6"}  # torch's profiler says when it starts and stops, at level 5


@dataclass(frozen=True)
class Result:
    """What one engine came to with a number of threads."""

    engine: str
    threads: int
    seconds: tuple[float, ...]  # per photo
    fidelity: Fidelity  # the worst of the compared photos, against eager fp32
    memory_mb: float  # peak, resident, of the whole process


class Child:
    """The process of one engine."""

    def __init__(self, name: str, inputs: Inputs, threads: int, python: str) -> None:
        command = [python, "-m", "scripts.bench.child", name, str(inputs.folder), str(threads)]
        environment = _environment(ENGINES[name].tuned, threads)
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.name = name

    def answer(self) -> object:
        """Wait for the next answer. Raises `RuntimeError` when the process has ended instead."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name}: its process ended with status {self._process.wait()}")
        return json.loads(line)

    def send(self, order: str) -> None:
        """Give an order, without waiting for its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()

    def ask(self, order: str) -> object:
        """Give an order and wait for its answer."""
        self.send(order)
        return self.answer()

    def end(self) -> None:
        """Let the process end, and wait for it."""
        self._process.communicate()


def _environment(tuned: bool, threads: int) -> dict[str, str]:
    """Return a worker's environment for ours, a plain one for all others; what they are held down to is in both."""
    own = worker_environment(threads)
    plain = {name: value for name, value in os.environ.items() if name not in own} | _QUIET
    return {**plain, **own} if tuned else plain


@contextmanager
def children(names: list[str], inputs: Inputs, threads: int, pythons: Mapping[bool, str]) -> Iterator[list[Child]]:
    """One process for each name, made one after the other; gone after the block."""
    started: list[Child] = []
    try:
        for name in tqdm(names, desc="making engines", leave=False, disable=None):
            started.append(Child(name, inputs, threads, pythons[ENGINES[name].peer]))
            started[-1].answer()
        yield started
    finally:
        for child in started:
            child.end()


def convert(names: Iterable[str], inputs: Inputs, python: str) -> None:
    """Have the models of peers written by `scripts.bench.convert`. Raises `RuntimeError` that says why not."""
    wanted = dict.fromkeys(ENGINES[name].model for name in names if ENGINES[name].peer)
    for model in tqdm(wanted, desc="converting for peers", leave=False, disable=None):
        command = [python, "-m", "scripts.bench.convert", str(inputs.folder), model]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise RuntimeError(f"{model} could not be made: {reason}")


def race(names: list[str], inputs: Inputs, threads: int, rounds: int, pythons: Mapping[bool, str]) -> list[Result]:
    """Time every engine `rounds` times in turn, after one round that does not count."""
    with children(names, inputs, threads, pythons) as racers:
        seconds: dict[str, list[float]] = {name: [] for name in names}
        for turn in tqdm(range(rounds + 1), desc=f"{threads} threads", leave=False, disable=None):
            for child in racers:
                [taken] = _numbers(child.ask("time 1"))
                if turn:
                    seconds[child.name].append(taken)
        drawings = {child.name: _drawings(child, inputs.folder) for child in racers}
        memory = {child.name: _number(child.ask("memory")) for child in racers}
    exact = drawings[BASELINE]
    found = {
        name: worst([compare(mine, theirs) for mine, theirs in zip(maps, exact, strict=True)])
        for name, maps in drawings.items()
    }
    return [Result(name, threads, tuple(seconds[name]), found[name], memory[name]) for name in names]


def photos_per_second(name: str, inputs: Inputs, workers: int, threads: int, each: int) -> float:
    """Throughput of `workers` processes with `threads` each, all busy with `each` photos at once."""
    with children([name] * workers, inputs, threads, {False: sys.executable}) as crew:
        for child in crew:
            child.ask("time 1")
        for child in crew:
            child.send(f"time {each}")
        rates = [each / sum(_numbers(child.answer())) for child in crew]
    return sum(rates)


def _drawings(child: Child, folder: Path) -> list[torch.Tensor]:
    path = folder / f"{child.name.replace(' ', '-')}.pt"
    child.ask(f"draw {path}")
    maps: list[torch.Tensor] = torch.load(path)
    return maps


def _numbers(answer: object) -> list[float]:
    assert isinstance(answer, list)
    return [float(value) for value in answer]


def _number(answer: object) -> float:
    assert isinstance(answer, int | float)
    return float(answer)
