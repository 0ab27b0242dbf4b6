import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from handler.module_info import FORMS
from handler.precision import offered, settle
from model.quantization.fidelity import Fidelity
from scripts import benchmark
from scripts.bench import isa, packages, spec
from scripts.bench.inputs import SEEDED, seeded
from scripts.bench.machine import this_machine
from scripts.bench.operators import ADDING, CONVOLUTIONS, ENLARGING, GROUPS, JOINING, POOLING, REST, group_of
from scripts.bench.race import Result
from scripts.bench.report import HEADINGS, left_out, machine_list, operators_table, rows, served_table, spread, table
from scripts.bench.service import IN_PROCESS, Served, Service
from scripts.bench.spec import BASELINE, ENGINES, candidates, own, split
from scripts.serving.machine import Arrangement, usable_cores
from scripts.serving.paths import ROOT

# dB against eager, by what an engine computes in
LEAST_PSNR = {"fp32": 80, "bf16": 40, "int8": 30, "int8-w7": 30}


def result(engine: str, threads: int, *seconds: float) -> Result:
    return Result(engine, threads, seconds, Fidelity(41.234, 0.98765), 512.4)


@pytest.fixture
def server_alone(tmp_path: Path) -> dict[str, str]:
    """Variables with which Python finds nothing that requirements/client.txt adds to requirements/server.txt."""
    (tmp_path / "without").mkdir()
    for name in ("grpc", "tenacity"):  # httpx2 comes with huggingface_hub
        missing = f'raise ModuleNotFoundError("No module named {name}", name="{name}")\n'
        (tmp_path / "without" / f"{name}.py").write_text(missing)
    return {**os.environ, "PYTHONPATH": str(tmp_path / "without")}


def run(arguments: list[str], environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "scripts.benchmark", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_every_engine_that_this_cpu_has_draws_what_eager_draws(server_alone: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = run(["--weights", "seeded-u2netp", "--side", "64", "--rounds", "1", "--json", str(file)], server_alone)
    assert done.returncode == 0, done.stderr
    report = json.loads(file.read_text())
    names, missing = split(candidates(peers=False))
    assert report["left_out"] == missing
    check_engines(report["engines"], names)
    check_details(report, own(names))
    assert report["weights"] == "seeded-u2netp"
    assert done.stdout.startswith("This machine:\n\n- CPU: ")
    assert f"| {own(names)[-1]} |" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figures.json", "without"]


def check_engines(found: list[dict[str, Any]], names: list[str]) -> None:
    cores = usable_cores()
    engines = {row["engine"]: row for row in found if row["threads"] == cores}
    assert list(engines) == names
    for name, row in engines.items():
        assert row["median_ms"] > 0
        assert row["memory_mb"] > 0
        assert row["psnr_db"] > LEAST_PSNR[ENGINES[name].precision]
    assert engines[BASELINE]["psnr_db"] == math.inf
    assert {row["threads"] for row in found} == {1, cores}


def check_details(report: dict[str, Any], own_names: list[str]) -> None:
    assert {row["workers"] * row["threads"] for row in report["arrangements"]} == {usable_cores()}
    assert [row["engine"] for row in report["operators"]] == own_names
    for row in report["operators"]:
        assert list(row["milliseconds"]) == list(GROUPS)
        assert min(row["milliseconds"].values()) > 0
    assert [row["megapixels"] for row in report["overhead"]] == [0.5, 12]
    assert report["machine"]["precisions"] == offered("cpu", FORMS)


def test_without_the_packages_of_a_client_serve_names_the_command_that_installs_them(
    server_alone: dict[str, str],
) -> None:
    done = run(["--serve"], server_alone)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert re.match(r"--serve: \w+ is not installed", done.stderr)
    assert "pip install -r requirements/client.txt" in done.stderr


def test_peers_that_are_not_installed_come_with_the_commands_that_install_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(packages, "PEERS_PYTHON", tmp_path / "python")
    assert benchmark.main(["--peers"]) == 1
    assert "pip install -r requirements/peers.txt" in capsys.readouterr().err


def has(
    monkeypatch: pytest.MonkeyPatch, *sets: str, served_in: tuple[str, ...] = (), limit: str = "", gpu: bool = False
) -> None:
    """Pretend to a CPU with these instruction sets, in a process that is held down to `limit`, and to a GPU or none."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: dict.fromkeys(sets, True))
    monkeypatch.setattr(spec, "offered", lambda device, forms: list(served_in))
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)


AVX2 = ("avx2",)
VNNI = (*AVX2, "avx512_f", "avx512_vnni")
ZEN4 = (*VNNI, "avx512_bf16")
W7 = ("fp32", "int8-w7")
NO_BF16 = "this CPU does not compute in bf16"
NO_INT8 = "this CPU has no exact instructions for int8"
NO_GPU = "no GPU is here, or this torch has no CUDA"
MORE = "ONNX Runtime cannot be held down and this CPU has more"
GPU = ["GPU fp32", "GPU fp16"]
BF16, ONNX = ["TorchScript bf16", "OpenVINO bf16"], ["ONNX Runtime fp32", "ONNX Runtime int8"]


@pytest.mark.parametrize(
    ("sets", "served_in", "limit", "missing"),
    [
        (AVX2, W7, "", {NO_BF16: BF16, NO_INT8: ["TorchScript int8"]}),
        (AVX2, W7, "AVX2", {NO_BF16: BF16, NO_INT8: ["TorchScript int8"]}),
        (VNNI, (*W7, "int8"), "", {NO_BF16: BF16, "this CPU is exact in int8": ["TorchScript int8-w7"]}),
        (ZEN4, ("fp32", "bf16", "int8-w7", "int8"), "", {"this CPU is exact in int8": ["TorchScript int8-w7"]}),
        (ZEN4, W7, "AVX2", {NO_BF16: BF16, NO_INT8: ["TorchScript int8"], MORE: ONNX}),
        (ZEN4, W7, "AVX512_CORE", {NO_BF16: BF16, NO_INT8: ["TorchScript int8"], MORE: ONNX}),
    ],
)
def test_engines_that_a_cpu_does_not_have_are_left_out_with_the_reason(
    sets: tuple[str, ...],
    served_in: tuple[str, ...],
    limit: str,
    missing: dict[str, list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    has(monkeypatch, *sets, served_in=served_in, limit=limit)
    names, reasons = split(candidates(peers=True))
    assert reasons == {**missing, NO_GPU: GPU}
    assert sorted([*names, *(name for left in reasons.values() for name in left)]) == sorted(ENGINES)
    assert own(names)[-1] == f"TorchScript {served_in[-1]}"


def test_a_gpu_is_measured_beside_the_cpu_and_is_not_what_the_cpus_details_are_about(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    has(monkeypatch, *AVX2, served_in=W7, gpu=True)
    names, _ = split(candidates(peers=False))
    assert set(GPU) <= set(names)
    assert own(names) == ["TorchScript fp32", "TorchScript int8-w7"]


def test_one_integer_engine_of_this_project_is_there_at_most() -> None:
    names, _ = split(candidates(peers=False))
    here = offered("cpu", FORMS)
    integers = [name for name in names if "int8" in name]
    assert integers == ([f"TorchScript {settle('int8', here)}"] if "int8-w7" in here else [])


def test_engines_left_out_are_one_line() -> None:
    line = left_out({NO_BF16: BF16, NO_INT8: ["TorchScript int8"]})
    assert line == (
        "Left out, as this CPU does not compute in bf16: TorchScript bf16, OpenVINO bf16; "
        "as this CPU has no exact instructions for int8: TorchScript int8."
    )


def test_an_instruction_set_that_the_cpu_does_not_have_is_refused_in_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    has(monkeypatch, *AVX2)
    assert benchmark.main(["--isa", "avx512"]) == 1
    assert capsys.readouterr().err == "--isa avx512: of what matters this CPU has only avx2\n"


@pytest.mark.parametrize(("name", "onednn"), [("avx2", "AVX2"), ("avx512", "AVX512_CORE")])
def test_a_limit_holds_for_a_process_from_its_start(name: str, onednn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    has(monkeypatch, *ZEN4)
    started: list[tuple[list[str], dict[str, str]]] = []

    def record(command: list[str], env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
        started.append((command, env))
        return subprocess.CompletedProcess(command, 7)

    monkeypatch.setattr(subprocess, "run", record)
    assert benchmark.main(["--isa", name, "--rounds", "1"]) == 7
    [(command, environment)] = started
    assert command[1:] == ["-m", "scripts.benchmark", "--isa", name, "--rounds", "1"]
    assert (environment["ONEDNN_MAX_CPU_ISA"], environment["ATEN_CPU_CAPABILITY"]) == (onednn, name)


def test_a_process_that_is_held_down_measures_and_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    has(monkeypatch, *ZEN4)
    for variable, value in isa.variables("avx2").items():
        monkeypatch.setenv(variable, value)
    assert benchmark.main(["--isa", "avx2", "--weights", "nowhere.pth"]) == 1
    assert "- held down to: ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2\n" in capsys.readouterr().out


def test_a_machine_is_named_with_all_that_figures_depend_on(tmp_path: Path) -> None:
    package = tmp_path / "lib" / "python3.11" / "site-packages" / "openvino-1.2.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Name: openvino\nVersion: 1.2\n")
    machine = this_machine(tmp_path)
    assert machine.cpu
    assert machine.cores == usable_cores()
    assert machine.versions["torch"] == torch.__version__
    assert machine.versions["openvino"] == "1.2"
    assert set(machine.instruction_sets) <= set(isa.SETS)
    assert machine_list(machine).count("\n") == 5


@pytest.mark.parametrize(
    ("path", "group"),
    [
        (["mkldnn::_convolution_pointwise", "forward", "forward"], CONVOLUTIONS),
        (["aten::add_", "mkldnn::_convolution_pointwise_", "onto", "forward"], CONVOLUTIONS),
        (["onednn::qconv2d_pointwise", "forward"], CONVOLUTIONS),
        (["onednn::qconv2d_pointwise", "_double", "join", "forward"], ENLARGING),
        (["aten::copy_", "_double", "join", "forward"], ENLARGING),
        (["aten::upsample_bilinear2d", "interpolate", "upsample_like", "join", "forward"], ENLARGING),
        (["aten::copy_", "join", "forward"], JOINING),
        (["aten::copy_", "aten::clone", "aten::contiguous", "laid", "forward"], JOINING),
        (["aten::max_pool2d_with_indices", "pool", "forward"], POOLING),
        (["aten::cat", "pool", "forward"], POOLING),
        (["aten::add_", "add", "forward"], ADDING),
        (["aten::add_", "forward", "forward"], REST),
        (["aten::sigmoid"], REST),
    ],
)
def test_an_operator_is_counted_by_what_it_is_part_of(path: list[str], group: str) -> None:
    assert group_of(path) == group


def test_a_table_of_operators_has_two_columns_for_each_engine() -> None:
    columns = [dict.fromkeys(GROUPS, 1.0) | {CONVOLUTIONS: most} for most in (94.0, 4.0)]
    text = operators_table([{"engine": f"x{i}", "milliseconds": column} for i, column in enumerate(columns)])
    lines = text.splitlines()
    assert lines[2] == "| convolutions | 94.0 | 94 | 4.0 | 40 |"
    assert lines[-1] == "| all | 100.0 | 100 | 10.0 | 100 |"
    assert len(lines) == len(GROUPS) + 3


def test_too_few_photos_are_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert benchmark.main(["--photos", str(tmp_path), "--weights", "seeded-u2netp"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


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
