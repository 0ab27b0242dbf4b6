"""The training run: what is shown when, when it is saved, which weights are kept."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from tqdm import tqdm

from model.files import whole
from model.network.u2net import U2Net
from model.training.backgrounds import Image, Size, without_person
from model.training.network import (
    Batch,
    State,
    blend,
    measure_statistics,
    new_network,
    settle,
    train_step,
    twin_of,
    with_state,
)
from model.training.plates import Plates
from model.training.precision import autocast
from model.training.preview import write_preview
from model.training.views import batch, example, normalise

# How often which size (height, width), examples at once. Small views teach most per second; the
# large ones teach what a whole picture looks like.
Shape = tuple[float, Size, int]
VIEWS: dict[str, tuple[Shape, ...]] = {
    "small": ((0.5, (160, 160), 2), (0.3, (192, 160), 2), (0.2, (256, 224), 1)),
    "medium": ((0.5, (256, 224), 1), (0.3, (320, 288), 1), (0.2, (448, 384), 1)),
    "large": ((0.3, (224, 192), 2), (0.3, (320, 288), 1), (0.25, (384, 352), 1), (0.15, (512, 448), 1)),
}
MEASURED = 40  # batches over which the statistics of batch norm are measured before they are fixed
STATE_FILE = "state.pt"


@dataclass(frozen=True)
class Recipe:
    """Everything, beside the photos, that decides the weights."""

    steps: int
    seed: int = 0
    rate: float = 2e-3  # of AdamW, at its highest
    views: str = "medium"  # a row of VIEWS
    stray: float = 3.0  # weight of ink far from every true line
    decay: float = 1.0  # the last share of the steps, in which the rate falls to 0
    settled: float = 0.0  # the last share of the steps, with the statistics of batch norm fixed
    warm_up: int = 30  # steps until the rate is reached
    measure: bool = True  # whether those statistics are measured first, or kept from an earlier run
    twins: int = 2  # batches per step, each on a core of its own
    keep: float = 0.995  # of the running mean of the weights, per step


@dataclass(frozen=True)
class Data:
    """People to learn from, backgrounds without people, and people who choose the checkpoint."""

    people: Sequence[Plates]
    scenes: Sequence[Image]
    judges: Sequence[Plates]


@dataclass
class Run:
    """What an interruption must not lose."""

    networks: list[U2Net]  # twins: the same parameters
    optimizer: torch.optim.Optimizer
    mean: State
    step: int = 0
    best_loss: float = math.inf
    best: State = field(default_factory=dict)


def split(table: dict[str, Plates], held_out: Sequence[str], judges: Sequence[str]) -> Data:
    """Plates by name -> data; `held_out` and `judges` are names never trained on."""
    kept_back = {*held_out, *judges}
    people = [plates for name, plates in table.items() if name not in kept_back]
    scenes = [without_person(plates[512]) for plates in people]
    return Data(people, scenes, [table[name] for name in judges if name in table])


def new_run(recipe: Recipe, start: State | None = None) -> Run:
    """Return a run at its first step, from scratch or from weights."""
    network = new_network(recipe.seed)
    if start is not None:
        network.load_state_dict(start)
    optimizer = torch.optim.AdamW(network.parameters(), recipe.rate, fused=True)
    twins = [network, *(twin_of(network) for _ in range(recipe.twins - 1))]
    return Run(twins, optimizer, {name: t.clone() for name, t in network.state_dict().items()})


def train(run: Run, recipe: Recipe, data: Data, folder: Path, save_every: int = 100, until: int | None = None) -> State:
    """Goes on to the recipe's last step, or to `until` -> the weights with the lowest loss on the judges' photos.

    Every `save_every` steps the run and a preview are written to `folder`.
    """
    last = recipe.steps if until is None else min(until, recipe.steps)
    progress = tqdm(range(run.step, last), initial=run.step, total=last, unit="step")
    for step in progress:
        loss = _step(run, recipe, data, step)
        progress.set_postfix(loss=f"{loss:.3f}", best=f"{run.best_loss:.3f}")
        if run.step % save_every == 0 or run.step == last:
            judge(run, data)
            save_run(run, recipe, folder)
            write_preview(with_state(run.mean), data.judges or data.people[:4], folder / "preview.png")
            tqdm.write(f"step {run.step}: loss {loss:.4f}, best of the judges {run.best_loss:.4f}")
    return run.best


def _step(run: Run, recipe: Recipe, data: Data, step: int) -> float:
    # seeded by the step, so that a resumed run sees what an uninterrupted one does
    rng = np.random.default_rng((recipe.seed, step))
    batches = [_batch(rng, VIEWS[recipe.views], data) for _ in run.networks]
    for group in run.optimizer.param_groups:
        group["lr"] = rate_at(recipe, step)
    first_settled = math.ceil(recipe.steps * (1 - recipe.settled))
    if step == first_settled and recipe.measure:
        _measure(run, recipe, data)
    for network in run.networks:
        network.train()
        if step >= first_settled:
            settle(network)
    loss = train_step(run.networks, run.optimizer, batches, recipe.stray)
    run.step = step + 1
    blend(run.mean, run.networks[0], min(recipe.keep, run.step / (run.step + 10)))
    return loss


def _measure(run: Run, recipe: Recipe, data: Data) -> None:
    batches = (_batch(np.random.default_rng((recipe.seed, i)), VIEWS[recipe.views], data)[0] for i in range(MEASURED))
    measure_statistics(run.networks[0], batches)
    for name, buffer in run.networks[0].named_buffers():
        run.mean[name].copy_(buffer)
    for twin in run.networks[1:]:
        twin.load_state_dict(run.networks[0].state_dict())


def _batch(rng: Generator, shapes: tuple[Shape, ...], data: Data) -> Batch:
    _, size, count = shapes[rng.choice(len(shapes), p=[share for share, _, _ in shapes])]
    return batch([example(rng, size, data.people, data.scenes) for _ in range(count)])


def rate_at(recipe: Recipe, step: int) -> float:
    """Return the learning rate of a step, counted from 0: it climbs, holds, and falls to 0 as a cosine."""
    climb = min(1.0, (step + 1) / recipe.warm_up)
    falling = recipe.steps * recipe.decay
    gone = (step - (recipe.steps - falling)) / falling if falling else 0.0
    return recipe.rate * climb * 0.5 * (1 + math.cos(math.pi * max(0.0, gone)))


@torch.no_grad()
def judge(run: Run, data: Data) -> None:
    """Keep the running mean when the judges' photos like it best; without judges, the newest."""
    network = with_state(run.mean)
    losses = [_fault(network, person) for person in data.judges]
    loss = float(np.mean(losses)) if losses else -float(run.step)
    if loss < run.best_loss:
        run.best_loss = loss
        run.best = {name: tensor.clone() for name, tensor in run.mean.items()}


def _fault(network: U2Net, person: Plates) -> float:
    """Mean absolute error of the fused map: what is seen, on the whole photo."""
    plate = person[384]
    maps = torch.from_numpy(1 - plate.drawing.astype(np.float32) / 255)[None, None]
    with autocast():
        fused = network(normalise(plate.photo)[None])
    return float((fused.float() - maps).abs().mean())


def save_run(run: Run, recipe: Recipe, folder: Path) -> None:
    """Write the run so that `load_run` goes on from it."""
    folder.mkdir(parents=True, exist_ok=True)
    stored = {
        "recipe": asdict(recipe),
        "network": run.networks[0].state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "mean": run.mean,
        "best": run.best,
        "best_loss": run.best_loss,
        "step": run.step,
    }
    with whole(folder / STATE_FILE) as part:
        torch.save(stored, part)


def newest_weights(folder: Path) -> tuple[State, bool]:
    """At the last save of the run in `folder`: weights under our names; is batch norm settled?"""
    stored: dict[str, Any] = torch.load(folder / STATE_FILE, weights_only=True)
    return stored["network"], stored["recipe"]["settled"] > 0


def load_run(recipe: Recipe, folder: Path) -> Run | None:
    """Return the run interrupted in `folder`, or None. Raises ValueError when it followed another recipe."""
    path = folder / STATE_FILE
    if not path.exists():
        return None
    stored: dict[str, Any] = torch.load(path, weights_only=True)
    if stored["recipe"] != asdict(recipe):
        raise ValueError(f"{path}: begun as {stored['recipe']}, not {asdict(recipe)}; use another folder")
    run = new_run(recipe)
    run.networks[0].load_state_dict(stored["network"])
    for twin in run.networks[1:]:
        twin.load_state_dict(stored["network"])
    run.optimizer.load_state_dict(stored["optimizer"])
    run.mean, run.best = stored["mean"], stored["best"]
    run.step, run.best_loss = stored["step"], stored["best_loss"]
    return run
