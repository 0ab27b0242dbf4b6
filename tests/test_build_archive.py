"""The archive: what is in it, that it is repeatable, and that a failed build harms nothing."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from handler.finders import Finders
from handler.module_info import FORMS, ModuleInfo
from model.files import sha256_of
from model.weights import person
from model.weights.errors import WeightsError
from model.weights.source import Weights, resolve
from scripts.archive import build as archives
from scripts.archive import record
from scripts.archive.build import ArchiveError, build, check
from scripts.archive.record import Record, inputs_digest, read_record
from scripts.build_archive import fetch_finders, main
from scripts.serving.paths import ROOT
from tests.tools.imports import import_graph, modules, reached


def entries(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as file:
        return {name: file.read(name) for name in file.namelist()}


def test_archive_holds_the_handler_as_a_package_beside_its_entry(archive: Path) -> None:
    names = set(entries(archive))
    modules = {path.name for path in (ROOT / "handler").glob("*.py")}
    expected = {f"handler/{name}" for name in modules - {"portrait_handler.py"}}
    own = {"portrait_handler.py", "model-config.yaml", "MAR-INF/MANIFEST.json", *FORMS.values()}
    assert names == expected | own | {path.name for path in person.cached()}


def test_archive_carries_the_models_of_person_and_faces_as_they_were_published(archive: Path, finders: Finders) -> None:
    carried = entries(archive)
    assert [hashlib.sha256(carried[m.name]).hexdigest() for m in person.MEDIAPIPE.members] == [
        m.sha256 for m in person.MEDIAPIPE.members
    ]


def test_where_the_models_cannot_be_fetched_the_build_says_so_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def unavailable(**_: object) -> tuple[Path, ...]:
        raise WeightsError("person: could not get mediapipe")

    monkeypatch.setattr(person, "fetch", unavailable)
    assert fetch_finders() == ()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("person: could not get mediapipe")
    assert "frame=face shows the whole photo" in line


def test_three_forms_of_the_network_take_little_more_than_one(archive: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        sizes = {entry.filename: entry.file_size for entry in file.infolist()}
    others = sum(sizes[name] for form, name in FORMS.items() if form != "float")
    assert sum(sizes.values()) <= 1.6 * (sum(sizes.values()) - others)


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> "tuple[Path, subprocess.CompletedProcess[str]]":
    """Return an archive of the same weights, by another process that has no hub, and what the command said."""
    folder = tmp_path_factory.mktemp("again")
    output = folder / "again.mar"
    command = [sys.executable, "-m", "scripts.build_archive", "--weights", "auto", "--output", str(output)]
    away = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(folder / "cache")}
    return output, subprocess.run(command, cwd=ROOT, env={**os.environ, **away}, capture_output=True, text=True)


def test_auto_takes_the_embedded_weights_when_the_hub_is_away(
    second: "tuple[Path, subprocess.CompletedProcess[str]]",
) -> None:
    output, done = second
    assert done.returncode == 0, done.stderr
    assert "hub" in done.stderr
    assert read_record(output) == Record(inputs_digest("auto"), sha256_of(output), "lite")


def test_second_build_in_another_process_has_the_same_entries(
    archive: Path, second: "tuple[Path, subprocess.CompletedProcess[str]]"
) -> None:
    first, other = entries(archive), entries(second[0])
    first_manifest, other_manifest = (json.loads(e.pop("MAR-INF/MANIFEST.json")) for e in (first, other))
    assert first.keys() == other.keys()
    assert set(FORMS.values()) < first.keys()
    assert [name for name in first if first[name] != other[name]] == []
    del first_manifest["createdOn"], other_manifest["createdOn"]
    assert first_manifest == other_manifest


def test_an_archive_has_its_record(archive: Path) -> None:
    expected = Record(inputs_digest("lite"), sha256_of(archive), "lite")
    assert read_record(archive) == expected


def test_damaged_weights_leave_the_old_archive_and_say_so(
    small_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "portrait.mar"
    output.write_bytes(b"the old archive")
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(small_weights.read_bytes()[:100_000])
    assert main(["--weights", str(damaged), "--output", str(output)]) == 1
    assert "damaged.safetensors" in capsys.readouterr().err
    assert output.read_bytes() == b"the old archive"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["damaged.safetensors", "portrait.mar"]


def test_handler_that_does_not_import_leaves_the_old_archive(
    archive: Path, small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unpack(weights: Weights, folder: Path, calibration: Path | None, finders: Finders) -> list[ModuleInfo]:
        """Return what was exported already for the session's archive."""
        with zipfile.ZipFile(archive) as file:
            file.extractall(folder, FORMS.values())
        return []

    monkeypatch.setattr(archives, "export", unpack)
    broken = tmp_path / "handler"
    broken.mkdir()
    for path in (ROOT / "handler").glob("*"):
        if path.is_file():
            (broken / path.name).write_bytes(path.read_bytes())
    (broken / "styles.py").write_text("import no_such_module_anywhere\n")
    monkeypatch.setattr(archives, "HANDLER", broken)
    output = tmp_path / "out" / "portrait.mar"
    output.parent.mkdir()
    output.write_bytes(b"the old archive")
    with pytest.raises(ArchiveError, match="no_such_module_anywhere"):
        build(resolve(str(small_weights)), output)
    assert output.read_bytes() == b"the old archive"
    assert list(output.parent.iterdir()) == [output]


def test_check_refuses_what_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "portrait.mar").write_bytes(b"PK but no zip")
    with pytest.raises(ArchiveError, match="zip"):
        check(tmp_path / "portrait.mar")


def test_digest_of_inputs_follows_weights_and_photos(tmp_path: Path) -> None:
    file, photos = tmp_path / "a.pth", tmp_path / "photos"
    photos.mkdir()
    file.write_bytes(b"one")
    digests = [inputs_digest(weights) for weights in ("auto", "hub", "lite", str(file))]
    digests.append(inputs_digest("lite", photos))  # of no photos: they are refused, not passed over
    file.write_bytes(b"two")
    (photos / "a.jpg").write_bytes(b"one")
    digests += [inputs_digest(str(file)), inputs_digest("lite", photos)]
    assert len(set(digests)) == len(digests)
    assert digests[-2] == inputs_digest(str(file))


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the checkout's code, which the digest is made of."""
    for package in ("handler", "model", "scripts", "requirements"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(record, "ROOT", tmp_path)
    return tmp_path


def changed(path: Path) -> str:
    """Return the digest once a line was added to a file."""
    with path.open("a") as file:
        file.write("\n# changed\n")
    return inputs_digest("lite")


def test_a_change_of_any_code_that_builds_an_archive_rebuilds(tree: Path) -> None:
    builds = reached(import_graph(ROOT), "scripts.archive.build") & modules(ROOT).keys()
    files = {str(modules(ROOT)[module].relative_to(ROOT)) for module in builds}
    files -= {"scripts/serving/paths.py", "scripts/serving/errors.py"}  # where files lie, and one exception
    files |= {
        "handler/portrait_handler.py",
        "handler/model-config.yaml",
        "requirements/server.txt",
        "requirements/torch.in",
    }
    assert len(files) > 30
    last = inputs_digest("lite")
    for file in sorted(files):
        before, last = last, changed(tree / file)
        assert last != before, file


def test_a_copy_of_the_checkout_does_not_rebuild(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = inputs_digest("lite")
    monkeypatch.setattr(record, "ROOT", shutil.copytree(tree, tree / "copy"))
    assert inputs_digest("lite") == here


def test_a_change_of_other_code_does_not_rebuild(tree: Path) -> None:
    before = inputs_digest("lite")
    for file in ("scripts/serve.py", "scripts/bench/race.py", "model/training/train.py", "handler/metrics.yaml"):
        assert changed(tree / file) == before, file
