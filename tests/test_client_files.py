import json
import os
from pathlib import Path

import pytest

from portrait_client.files import plan, write_picture
from portrait_client.tokens import VARIABLE, find_token

HERE = "http://127.0.0.1:8080"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty current folder, and no token in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path


def make(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"photo")


def planned(*arguments: str, out: str | None = None, suffix: str = ".png") -> dict[str, str]:
    tasks, failures = plan(arguments, Path(out) if out else None, suffix)
    assert failures == []
    return {str(task.photo): str(task.picture) for task in tasks}


def amiss(*arguments: str) -> dict[str, str]:
    return {failure.name: failure.reason for failure in plan(arguments, None, ".png")[1]}


def test_a_portrait_lies_beside_its_photo() -> None:
    make("a/photo.jpg")
    assert planned("a/photo.jpg") == {"a/photo.jpg": "a/photo-portrait.png"}
    assert planned("a/photo.jpg", suffix=".webp") == {"a/photo.jpg": "a/photo-portrait.webp"}
    assert planned("a/photo.jpg", out="b") == {"a/photo.jpg": "b/photo-portrait.png"}


def test_a_folder_keeps_its_shape() -> None:
    make("in/a.JPG", "in/deep/er/b.webp", "in/notes.txt", "in/.hidden.png")
    assert planned("in", out="out") == {
        "in/a.JPG": "out/a-portrait.png",
        "in/deep/er/b.webp": "out/deep/er/b-portrait.png",
    }


def test_a_glob_in_quotes_means_its_files() -> None:
    make("a.jpg", "b.png", "deep/c.jpg")
    assert list(planned("*.jpg")) == ["a.jpg"]
    assert list(planned("**/*.jpg")) == ["a.jpg", "deep/c.jpg"]


def test_a_name_with_brackets_is_a_name_first() -> None:
    make("photo[1].jpg", "photo1.jpg")
    assert list(planned("photo[1].jpg")) == ["photo[1].jpg"]


def test_a_photo_named_twice_is_drawn_once() -> None:
    make("a.jpg")
    assert list(planned("a.jpg", "*.jpg", ".", str(Path.cwd()))) == ["a.jpg"]


def test_portraits_made_before_are_no_photos() -> None:
    make("a.jpg", "a-portrait.png", "self-portrait.jpg")
    assert list(planned(".")) == ["a.jpg", "self-portrait.jpg"]
    assert list(planned("a-portrait.png", "self-portrait.jpg")) == ["self-portrait.jpg"]  # as a shell expands a glob
    make("out/a-portrait.png")
    assert list(planned(".", out="out")) == ["a.jpg", "self-portrait.jpg"]


def test_two_photos_never_share_a_portrait() -> None:
    make("a.jpg", "a.png")
    assert amiss("a.jpg", "a.png") == {"a.png": "its portrait would be a-portrait.png, which is that of a.jpg"}


def test_what_is_not_there_is_named() -> None:
    make("empty/notes.txt")
    assert amiss("absent.jpg", "empty", "*.jpg").keys() == {"absent.jpg", "empty", "*.jpg"}


def test_writing_makes_folders_and_leaves_nothing_else() -> None:
    write_picture(Path("a/b/c.png"), b"picture", force=False)
    assert [path.name for path in Path("a/b").iterdir()] == ["c.png"]
    assert Path("a/b/c.png").read_bytes() == b"picture"


@pytest.mark.parametrize("has_links", [True, False])
def test_nothing_is_overwritten_unless_forced(has_links: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not has_links:
        monkeypatch.setattr(os, "link", refuse_links)
    write_picture(Path("a.png"), b"first", force=False)
    with pytest.raises(FileExistsError):
        write_picture(Path("a.png"), b"second", force=False)
    assert Path("a.png").read_bytes() == b"first"
    write_picture(Path("a.png"), b"second", force=True)
    assert Path("a.png").read_bytes() == b"second"
    assert list(Path().iterdir()) == [Path("a.png")]


def refuse_links(source: Path, target: Path) -> None:
    """As a FAT file system does."""
    if target.exists():
        raise FileExistsError(17, "File exists", str(target))
    raise PermissionError(1, "Operation not permitted")


def write_keys(path: Path, key: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"management": {"key": "m"}, "inference": {"key": key, "expiration time": "t"}}))
    return path


def test_a_token_comes_from_the_option_the_environment_or_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_token(None, None, HERE) is None
    write_keys(Path("key_file.json"), "of this folder")
    assert find_token(None, None, HERE) == "of this folder"
    assert find_token(None, write_keys(Path("else.json"), "of a file"), HERE) == "of a file"
    monkeypatch.setenv(VARIABLE, "of the environment")
    assert find_token(None, None, HERE) == "of the environment"
    assert find_token("given", None, HERE) == "given"


@pytest.mark.parametrize("server", ["http://127.0.0.1:9080", "localhost:9080", "127.0.0.1:8070"])
def test_the_key_of_a_server_that_runs_from_here_is_found(server: str) -> None:
    write_keys(Path("build/serve/9080/key_file.json"), "of the server")
    assert find_token(None, None, server) == "of the server"


@pytest.mark.parametrize("server", ["https://portraits.example", "192.0.2.7:8080", "http://127.0.0.1.example"])
def test_the_key_of_this_machine_is_not_sent_to_another(server: str) -> None:
    write_keys(Path("key_file.json"), "secret")
    assert find_token(None, None, server) is None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"inference": 3}'])
def test_a_key_file_without_a_key_is_refused(text: str) -> None:
    Path("keys.json").write_text(text)
    with pytest.raises(ValueError, match=r"keys\.json: holds no inference key"):
        find_token(None, Path("keys.json"), HERE)
