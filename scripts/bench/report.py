"""Results -> a table for people, and JSON for programs."""

import platform
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from scripts.bench.race import Result
from scripts.bench.spec import BASELINE

HEADINGS = ("engine", "threads", "median ms", "spread ms", "x eager", "photos / core-hour", "PSNR", "SSIM", "MB")


def rows(results: Sequence[Result]) -> list[dict[str, Any]]:
    """One row for each result; the spread is that of the middle half of the times."""
    eager = {r.threads: statistics.median(r.seconds) for r in results if r.engine == BASELINE}
    return [
        {
            "engine": r.engine,
            "threads": r.threads,
            "median_ms": 1000 * statistics.median(r.seconds),
            "spread_ms": 1000 * spread(r.seconds),
            "x_eager": eager[r.threads] / statistics.median(r.seconds),
            "photos_per_core_hour": 3600 / statistics.median(r.seconds) / r.threads,
            "psnr_db": r.fidelity.psnr,
            "ssim": r.fidelity.ssim,
            "memory_mb": r.memory_mb,
        }
        for r in results
    ]


def spread(seconds: Sequence[float]) -> float:
    """Distance between the first and the third quartile; 0 for a single time."""
    if len(seconds) < 2:
        return 0.0
    low, _, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return high - low


def table(found: Sequence[dict[str, Any]]) -> str:
    """Markdown."""
    lines = [HEADINGS, tuple("---" for _ in HEADINGS), *map(_cells, found)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    same = row["engine"] == BASELINE
    return (
        row["engine"],
        str(row["threads"]),
        f"{row['median_ms']:.0f}",
        f"{row['spread_ms']:.0f}",
        f"{row['x_eager']:.2f}",
        f"{row['photos_per_core_hour']:.0f}",
        "" if same else f"{row['psnr_db']:.1f}",
        "" if same else f"{row['ssim']:.4f}",
        f"{row['memory_mb']:.0f}",
    )


def machine() -> str:
    """What the figures were measured on."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")]
    capable = torch.cpu.get_capabilities()
    flags = [flag for flag in ("avx2", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16") if capable.get(flag)]
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {len(names) or 'unknown'} cores, {', '.join(flags)}; torch {torch.__version__}"
