"""What a run comes to: photos, photos a second, and what they cost."""

import time
from collections import Counter
from dataclasses import dataclass, field

from deploy.ray.manifest import Fate, Line


@dataclass
class Summary:
    """Counts what becomes of the photos."""

    photos: int
    before: Counter[Fate]  # what earlier runs made of them
    skipped: Counter[str]  # suffixes of what is no photo
    price: float = 0.0  # of a node for an hour
    fates: Counter[Fate] = field(default_factory=Counter)  # of this run
    nodes: int = 0
    processes: int = 0
    began: float = 0.0

    def begin(self, nodes: int, processes: int) -> None:
        """Let the time, which costs, begin."""
        self.nodes, self.processes, self.began = nodes, processes, time.monotonic()

    def add(self, line: Line) -> None:
        """Count a photo."""
        self.fates[line.fate] += 1

    @property
    def failed(self) -> int:
        """Photos that could not be read or written."""
        return self.fates["failed"]

    def text(self) -> str:
        """Return the account, a line for each thing."""
        seconds = time.monotonic() - self.began if self.began else 0.0
        told = [f"photos   {self.photos}, {_counts(self.before) or 'none'} before"]
        if self.fates:
            cost = self.price * self.nodes * seconds / 3600
            told += [
                f"now      {_counts(self.fates)}",
                f"speed    {self.fates.total() / seconds:.2f} photos/s by {self.processes} processes on {self.nodes} "
                f"nodes, {seconds:.0f} s with their start",
            ]
            told += [f"cost     {cost:.4f}, {cost / self.fates.total() * 1e6:.2f} for a million"] if self.price else []
        told += [f"skipped  {_counts(self.skipped)}"] if self.skipped else []
        told += ["failed photos are tried again by the same command"] if self.failed else []
        return "\n".join(told)


def _counts(counts: "Counter[Fate] | Counter[str]") -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
