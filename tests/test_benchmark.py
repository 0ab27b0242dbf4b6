import json
import math
from pathlib import Path

import pytest

from model.export import has_int8
from model.fidelity import Fidelity
from scripts import benchmark
from scripts.bench.inputs import SEEDED, seeded
from scripts.bench.race import Result
from scripts.bench.report import HEADINGS, rows, served_table, spread, table
from scripts.bench.served import IN_PROCESS, Served, Service
from scripts.bench.spec import BASELINE, ENGINES
from scripts.serving.machine import Arrangement, usable_cores


def result(engine: str, threads: int, *seconds: float) -> Result:
    return Result(engine, threads, seconds, Fidelity(41.234, 0.98765), 512.4)


@pytest.mark.skipif(not has_int8(), reason="this CPU has no int8 instructions")
def test_every_engine_of_this_project_draws_what_eager_draws(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"
    small = ["--weights", "seeded-u2netp", "--side", "64", "--rounds", "1", "--json", str(file)]
    assert benchmark.main(small) == 0
    report = json.loads(file.read_text())
    cores = usable_cores()
    found = {row["engine"]: row for row in report["engines"] if row["threads"] == cores}
    assert list(found) == [name for name, engine in ENGINES.items() if not engine.peer]
    assert report["weights"] == "seeded-u2netp"
    for row in found.values():
        assert row["median_ms"] > 0
        assert row["memory_mb"] > 0
    assert found[BASELINE]["psnr_db"] == math.inf
    assert found["TorchScript fp32"]["psnr_db"] > 80
    assert found["TorchScript bf16"]["psnr_db"] > 40
    assert found["TorchScript int8"]["psnr_db"] > 30
    assert {row["threads"] for row in report["engines"]} == {1, cores}
    assert {row["workers"] * row["threads"] for row in report["arrangements"]} == {cores}
    assert [row["megapixels"] for row in report["around"]] == [0.5, 12]
    printed = capsys.readouterr().out
    assert "| TorchScript int8 |" in printed
    assert [path.name for path in tmp_path.iterdir()] == ["figures.json"]


def test_peers_that_are_not_installed_come_with_the_commands_that_install_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(benchmark, "PEERS_PYTHON", tmp_path / "python")
    assert benchmark.main(["--peers"]) == 1
    assert "pip install -r requirements/peers.txt" in capsys.readouterr().err


def test_weights_that_are_not_there_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main(["--weights", "nowhere.pth"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_ratios_and_costs_follow_from_medians_of_the_same_threads() -> None:
    found = rows([result(BASELINE, 2, 3.0, 1.0, 2.0), result("x", 2, 0.5), result(BASELINE, 1, 4.0), result("x", 1, 2)])
    assert [row["x_eager"] for row in found] == [1, 4, 1, 2]
    assert [row["median_ms"] for row in found] == [2000, 500, 4000, 2000]
    assert [row["photos_per_core_hour"] for row in found] == [900, 3600, 900, 1800]


def test_the_spread_is_that_of_the_middle_half() -> None:
    assert spread([1, 2, 3, 4, 100]) == 2
    assert spread([1]) == 0


def test_a_table_has_a_cell_for_every_heading() -> None:
    text = table(rows([result(BASELINE, 2, 2.0), result("TorchScript int8", 2, 0.5)]))
    header, line, baseline, other = text.splitlines()
    assert header.split(" | ") == ["| " + HEADINGS[0], *HEADINGS[1:-1], HEADINGS[-1] + " |"]
    assert {row.count("|") for row in (header, line, baseline, other)} == {len(HEADINGS) + 1}
    assert other == "| TorchScript int8 | 2 | 500 | 0 | 4.00 | 3600 | 41.2 | 0.9877 | 512 |"


def test_a_table_of_ways_has_a_line_for_each() -> None:
    one = Served(IN_PROCESS, Arrangement(1, 2), 1, 200, 90.0, 95, 99, 9, 400)
    two = Served(IN_PROCESS, Arrangement(2, 1), 2, 200, 190.0, 195, 199, 10, 400)
    rest = Served("REST", Arrangement(2, 2), 1, 200, 101.4, 150, 160, 9.5, 412.3)
    crowded = Served("REST", Arrangement(2, 2), 4, 200, 400, 450, 460, 9.6, 420)
    text = served_table(Service(2.94, (one, two), (rest, crowded))).splitlines()
    assert text[2] == "| in-process | 1 | 2 each | 1 | 90 | 95 | 99 | 9.00 | 400 |"
    assert text[4] == "| REST | 2 | 2 shared | 1 | 101 | 150 | 160 | 9.50 | 412 |"
    assert text[7:] == [
        "TorchServe is ready 2.9 s after its start.",
        "REST adds 11 ms to a single photo.",
        "REST at 4 at once: 0.96 of the best in-process.",
        "A worker grows by 1.9% over the last 200 photos.",
    ]


@pytest.mark.parametrize("source", SEEDED)
def test_seeded_weights_are_of_their_size_and_the_same_every_time(source: str, tmp_path: Path) -> None:
    one, other = (seeded(tmp_path / name, SEEDED[source]) for name in ("one.safetensors", "other.safetensors"))
    assert one.sha256 == other.sha256
    assert one.name == f"seeded-{SEEDED[source]}"
