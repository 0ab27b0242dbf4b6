"""Two steps of training on generated portraits: what comes out, and what an interruption loses."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from model.network.u2net import U2Net
from model.training import plates, precision, views
from model.training import train as training
from model.training.network import measure_statistics, new_network, save_weights, train_step
from model.training.plates import SIDES, Plate, Plates, load_plates
from model.training.preview import line_map
from model.training.subjects import read_hints
from model.training.train import VIEWS, Data, Recipe, Run, Shape, judge, load_run, new_run, rate_at, split, train
from model.training.views import batch, example
from model.weights.loading import load_network
from model.weights.source import EMBEDDED
from scripts.training import average_checkpoints, train_lite
from tests.tools.portraits import write_portraits

# Much smaller than in use: nothing here depends on size, and without AVX-512 one step on the
# smallest views of training takes seconds.
TINY: tuple[Shape, ...] = ((0.5, (32, 32), 2), (0.5, (64, 32), 1))
PLATES = SIDES[:-1]
JUDGED = 64  # side of the plates that choose the checkpoint, pixels
RECIPE = Recipe(steps=2, seed=3, views="tiny", settled=0.5)


@pytest.fixture(scope="module", autouse=True)
def light_training() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(VIEWS, "tiny", TINY)
        patch.setattr(plates, "SIDES", PLATES)
        patch.setattr(views, "SIDES", PLATES)
        threads = torch.get_num_threads()
        # as the script has it; two threads on busy cores wait for each other in every layer
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def data(light_training: None, tmp_path_factory: pytest.TempPathFactory) -> Data:
    folder = tmp_path_factory.mktemp("training")
    hints = write_portraits(folder / "photos", ("a", "b"))
    table = load_plates(folder / "photos", folder / "plates", read_hints(hints))
    data = split(table, held_out=(), judges=("b",))
    return replace(data, judges=[_shrunk(person) for person in data.judges])


def _shrunk(person: Plates) -> Plates:
    """Put the smallest plate, made smaller still, in place of every size."""
    plate = person[SIDES[0]]
    images = (cv2.resize(image, (JUDGED, JUDGED)) for image in (plate.photo, plate.mask, plate.drawing))
    photo, mask, drawing = (image.astype(np.uint8) for image in images)
    return dict.fromkeys(person, Plate(photo, mask, drawing, plate.face))


class StoppedError(Exception):
    """Stands for a run that is ended from outside."""


def test_an_interrupted_run_ends_with_the_weights_of_an_uninterrupted_one(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "MEASURED", 2)
    whole = train(new_run(RECIPE), RECIPE, data, tmp_path / "whole", save_every=1)

    def stop(*_: object) -> None:
        raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(training, "write_preview", stop)
        with pytest.raises(StoppedError):
            train(new_run(RECIPE), RECIPE, data, tmp_path / "parts", save_every=1)
    run = load_run(RECIPE, tmp_path / "parts")
    assert run is not None
    assert run.step == 1
    resumed = train(run, RECIPE, data, tmp_path / "parts", save_every=1)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_sitting_ends_where_it_is_told_and_the_next_goes_on(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "MEASURED", 2)
    train(new_run(RECIPE), RECIPE, data, tmp_path, until=1)
    run = load_run(RECIPE, tmp_path)
    assert run is not None
    assert run.step == 1
    train(run, RECIPE, data, tmp_path)
    assert run.step == RECIPE.steps


def test_runs_are_mixed_by_their_mean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [new_run(Recipe(steps=2, seed=seed)) for seed in (1, 2)]
    for name, run in zip("ab", runs, strict=True):
        run.best = run.mean
        training.save_run(run, RECIPE, tmp_path / name)
    assert average_checkpoints.main([str(tmp_path), "a:best", "b:mean", str(tmp_path / "mixed.safetensors")]) == 0
    mixed = load_network(tmp_path / "mixed.safetensors").state_dict()
    name = "encoder.0.entry.conv.weight"
    torch.testing.assert_close(mixed[name], (runs[0].mean[name] + runs[1].mean[name]) / 2, atol=1e-3, rtol=1e-2)
    capsys.readouterr()
    assert average_checkpoints.main([str(tmp_path), "a:worst", str(tmp_path / "x.safetensors")]) == 1
    assert capsys.readouterr().err.startswith("a:worst: must be RUN:best or RUN:mean")


def test_another_recipe_does_not_go_on_in_the_same_folder(tmp_path: Path) -> None:
    training.save_run(new_run(RECIPE), RECIPE, tmp_path)
    with pytest.raises(ValueError, match="begun as"):
        load_run(Recipe(steps=3), tmp_path)


def test_the_script_leaves_weights_that_load_and_a_preview(tmp_path: Path) -> None:
    hints = write_portraits(tmp_path / "photos", ("a",))
    arguments = [str(tmp_path / "photos"), str(tmp_path / "work"), "--hints", str(hints), "--views", "tiny"]
    assert train_lite.main([*arguments, "--steps", "2"]) == 0
    written = tmp_path / "work" / "run" / "u2netp_portrait_lite.safetensors"
    assert written.stat().st_size < 5e6
    untrained = new_network(0).fuse.weight.half().float()
    assert not torch.equal(load_network(written).fuse.weight, untrained)
    assert (tmp_path / "work" / "run" / "preview.png").is_file()


@pytest.mark.parametrize("row", VIEWS)
def test_each_row_of_views_gives_examples_of_its_sizes(row: str, data: Data) -> None:
    rng = np.random.default_rng(0)
    assert sum(share for share, _, _ in VIEWS[row]) == pytest.approx(1)
    for _, size, _ in VIEWS[row]:
        assert example(rng, size, data.people, data.scenes).photo.shape == (*size, 3)


def _step(network: U2Net, photos: Tensor) -> None:
    train_step([network], torch.optim.SGD(network.parameters()), [(photos, photos[:, :1].sigmoid())], 3.0)


def _judge(network: U2Net, photos: Tensor) -> None:
    side = photos.shape[-1]
    blank = np.full((side, side), 255, np.uint8)
    plate = Plate(np.zeros((side, side, 3), np.uint8), blank, blank, (0.5, 0.5))
    judge(Run([network], torch.optim.SGD(network.parameters()), network.state_dict()), Data([], [], [{384: plate}]))


# every pass of training through a network, as it takes the network and normalised photos (B, 3, H, W)
PASSES: dict[str, Callable[[U2Net, Tensor], object]] = {
    "step": _step,
    "statistics": lambda network, photos: measure_statistics(network, [photos]),
    "judge": _judge,
    "preview": lambda network, photos: line_map(network.eval(), np.zeros((*photos.shape[2:], 3), np.uint8)),
}


@pytest.fixture
def computed_in() -> Iterator[set[torch.dtype]]:
    """Yield the types of what convolutions return."""
    seen: set[torch.dtype] = set()

    def note(module: nn.Module, _: object, returned: Tensor) -> None:
        if isinstance(module, nn.Conv2d):
            seen.add(returned.dtype)

    with register_module_forward_hook(note):
        yield seen


@pytest.mark.parametrize("name", PASSES)
@pytest.mark.parametrize(("native", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_pass_takes_bf16_only_where_the_cpu_computes_in_it(
    name: str, native: bool, expected: torch.dtype, computed_in: set[torch.dtype], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "natively_bf16", lambda: native)
    PASSES[name](new_network(0), torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    assert computed_in == {expected}


def test_steps_on_one_example_bring_its_loss_down(data: Data) -> None:
    run = new_run(RECIPE)
    shown = batch([example(np.random.default_rng(1), (64, 64), data.people, data.scenes)])
    losses = [train_step(run.networks, run.optimizer, [shown, shown], 3.0) for _ in range(8)]
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("settled", [False, True])
def test_settled_statistics_stay_as_they_are(settled: bool, data: Data, tmp_path: Path) -> None:
    recipe = Recipe(steps=1, views="tiny", settled=1.0 if settled else 0.0, measure=False)
    run = new_run(recipe)
    name = "encoder.0.entry.bn.running_mean"
    before = run.networks[0].state_dict()[name].clone()
    train(run, recipe, data, tmp_path)
    assert torch.equal(before, run.networks[0].state_dict()[name]) == settled


def test_measured_statistics_are_those_of_the_photos_shown() -> None:
    network = new_network(0)
    photos = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    measure_statistics(network, [photos])
    entry = network.get_submodule("encoder.0.entry")
    shown = entry.get_submodule("conv")(photos).mean((0, 2, 3))
    assert torch.allclose(network.state_dict()["encoder.0.entry.bn.running_mean"], shown, atol=1e-2)


def test_twins_share_their_parameters_and_agree_on_statistics(data: Data) -> None:
    run = new_run(RECIPE)
    shown = [batch([example(np.random.default_rng(i), (64, 64), data.people, data.scenes)]) for i in (1, 2)]
    train_step(run.networks, run.optimizer, shown, 3.0)
    states = [network.state_dict() for network in run.networks]
    assert len(states) == 2
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_the_rate_climbs_holds_and_falls() -> None:
    recipe = Recipe(steps=100, rate=1.0, warm_up=10, decay=0.5)
    rates = [rate_at(recipe, step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[10:50] == pytest.approx([1.0] * 40)
    assert np.all(np.diff(rates[50:]) < 0)
    assert rates[99] < 0.01


def test_weights_beyond_half_precision_are_refused(tmp_path: Path) -> None:
    state = new_network(0).state_dict()
    state["fuse.bias"] = torch.tensor([1e6])
    with pytest.raises(ValueError, match="half precision"):
        save_weights(state, tmp_path / "weights.safetensors")


def test_the_embedded_weights_are_small_and_load() -> None:
    assert EMBEDDED.stat().st_size < 5e6
    assert load_network(EMBEDDED).fuse.weight.isfinite().all()
