"""Seeded `u2netp` weights whose line maps have contrast, so that precisions can be told apart."""

from pathlib import Path

from model.weights.source import Weights, resolve
from scripts.bench.inputs import seeded


def seeded_weights(path: Path) -> Weights:
    """Write a checkpoint under the published names; always the same bytes."""
    return resolve(str(seeded(path, "u2netp").path))
