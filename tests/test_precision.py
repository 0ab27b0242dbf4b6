"""What is computed in, on this CPU and on those that it can be held down to."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from handler import precision
from handler.module_info import FORMS, WEIGHT_TOPS
from handler.precision import PRECISIONS, device_of, natively_bf16, offered, prefers_plain, settle, sums_exactly
from scripts.serving import arguments
from scripts.serving.errors import SetupError
from scripts.serving.trial import seconds_of_a_photo

ROOT = Path(__file__).parents[1]
X86 = {"architecture": "x86_64", "avx2": True}
ZEN4 = X86 | {"avx512_f": True, "avx512_vnni": True, "avx512_bf16": True}
ARM = {"architecture": "arm64", "dot": True, "bf16": True}


def computing(monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, object], top: int, isa: str = "") -> None:
    """Pretend to a CPU with these capabilities, exact for integer weights up to `top`."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    monkeypatch.setattr(precision, "sums_exactly", lambda weights: weights <= top)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", isa)


@pytest.mark.parametrize(
    ("capabilities", "top", "isa", "expected"),
    [
        (X86, 64, "", ["fp32", "int8-w7"]),
        (ZEN4, 127, "", ["fp32", "bf16", "int8-w7", "int8"]),
        (ZEN4, 64, "AVX512_CORE", ["fp32", "int8-w7"]),
        (ZEN4, 64, "avx2", ["fp32", "int8-w7"]),
        (ZEN4, 127, "AVX512_CORE_VNNI", ["fp32", "int8-w7", "int8"]),
        (ZEN4, 127, "SSE41", ["fp32"]),
        ({"architecture": "x86_64"}, 127, "", ["fp32"]),
        (ARM, 127, "", ["int8-w7", "int8", "fp32"]),
        ({"architecture": "arm64"}, 127, "", ["fp32"]),
    ],
)
def test_a_cpu_offers_what_it_computes_in_and_the_fastest_last(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, object], top: int, isa: str, expected: list[str]
) -> None:
    computing(monkeypatch, capabilities, top, isa)
    assert offered("cpu", FORMS) == expected
    assert offered("cpu", ["float"]) == [name for name in expected if PRECISIONS[name].form == "float"]
    assert settle("auto", expected) == expected[-1]


def test_a_gpu_computes_in_half_precision_and_never_in_integers() -> None:
    assert offered("cuda:0", FORMS) == ["fp32", "fp16"]


def test_a_gpu_beside_an_arm_cpu_draws_in_half_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    computing(monkeypatch, ARM, 127)
    assert offered("cuda:0", FORMS)[-1] == "fp16"


def test_without_torch_for_gpus_a_worker_draws_on_the_cpu() -> None:
    assert device_of(None) == "cpu"
    assert device_of(0) == ("cuda:0" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize(
    ("names", "expected"), [(["fp32", "int8-w7"], "int8-w7"), (["fp32", "int8-w7", "int8"], "int8")]
)
def test_int8_stands_for_the_fastest_in_integers(names: list[str], expected: str) -> None:
    assert settle("int8", names) == expected


@pytest.mark.parametrize("asked", ["bf16", "fp16", "fp64", "int"])
def test_what_is_not_there_is_refused_in_a_line_that_names_what_is(asked: str) -> None:
    with pytest.raises(ValueError, match=rf"^precision: must be auto or one of fp32, int8-w7 here, got {asked}$"):
        settle(asked, ["fp32", "int8-w7"])


def test_integers_are_offered_only_where_their_sums_come_out_right() -> None:
    for form, top in WEIGHT_TOPS.items():
        assert (form in offered("cpu", [form])) <= sums_exactly(top)
    assert "fp32" in offered("cpu", FORMS)


@pytest.mark.parametrize("isa", ["AVX2", "AVX512_CORE"])
def test_onednn_held_down_saturates_with_eight_bits_and_not_with_seven(isa: str) -> None:
    if isa == "AVX512_CORE" and not torch.cpu.get_capabilities().get("avx512_f"):
        pytest.skip("this CPU has no AVX-512")
    code = "from handler.precision import *; print(sums_exactly(127), sums_exactly(64), natively_bf16())"
    held = {**os.environ, "ONEDNN_MAX_CPU_ISA": isa}
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=held, capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["False", "True", "False"]


def test_bf16_and_layout_follow_the_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    computing(monkeypatch, ZEN4, 127)
    assert (natively_bf16(), prefers_plain("cpu")) == (True, False)
    computing(monkeypatch, ZEN4, 64, "AVX2")
    assert (natively_bf16(), prefers_plain("cpu")) == (False, True)
    computing(monkeypatch, ARM, 127)
    assert (natively_bf16(), prefers_plain("cpu")) == (False, False)
    computing(monkeypatch, X86, 64)
    assert (prefers_plain("cpu"), prefers_plain("cuda:0")) == (True, False)


def test_the_commands_offer_every_precision() -> None:
    assert sorted(arguments.PRECISIONS) == sorted([precision.AUTO, *PRECISIONS])


def test_a_precision_that_this_machine_lacks_is_refused_before_the_start(archive: Path) -> None:
    assert 0.01 < seconds_of_a_photo(archive, "fp32", 2) < 60
    missing = sorted(set(PRECISIONS) - set(offered("cpu", FORMS)))
    with pytest.raises(SetupError, match=rf"^precision: must be auto or one of fp32.* here, got {missing[0]}$"):
        seconds_of_a_photo(archive, missing[0], 2)


def test_an_image_without_the_handler_beside_the_archive_can_tell_too(archive: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    command = [sys.executable, "-m", "scripts.serving.trial", str(archive)]
    environments = [{**os.environ, "PORTRAIT_PRECISION": asked} for asked in ("fp32", "x")]
    told = [subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True) for env in environments]
    assert [done.returncode for done in told] == [0, 1]
    assert told[1].stderr.startswith("precision: must be auto or one of fp32")
    assert told[1].stderr.count("\n") == 1
