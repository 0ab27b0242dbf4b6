"""Which photos are meant, what their pictures are called, how these are written, and where tokens come from."""

import json
import os
from pathlib import Path

import pytest

from portrait_client.mark import Mark, checksum, marked
from portrait_client.options import DEFAULTS, Options
from portrait_client.picture import Picture
from portrait_client.plan import NAME, check_name, plan
from portrait_client.search import search
from portrait_client.tokens import VARIABLE, find_token
from portrait_client.writing import why_unwritable, write_picture

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


def make_portrait(name: str, photo: str) -> None:
    """Make a picture that this client has saved as that of a photo of this name."""
    picture = Picture(b"\x89PNG\r\n\x1a\n" + bytes(25), "image/png")
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(marked(picture, Mark(None, checksum(photo), {})))


def planned(*arguments: str, out: str | None = None, name: str = NAME, options: Options = DEFAULTS) -> dict[str, str]:
    found = search(arguments)
    tasks, failures = plan(found.photos, [options], Path(out) if out else None, name)
    assert found.failures == failures == []
    return {str(task.photo): str(task.wanted[0].path) for task in tasks}


def amiss(*arguments: str, out: str | None = None) -> dict[str, str]:
    found = search(arguments)
    failures = [*found.failures, *plan(found.photos, [Options()], Path(out) if out else None)[1]]
    return {failure.name: failure.reason for failure in failures}


def test_a_picture_lies_beside_its_photo_and_says_what_it_is() -> None:
    make("a/photo.jpg")
    assert planned("a/photo.jpg") == {"a/photo.jpg": "a/photo-draw.png"}
    assert planned("a/photo.jpg", options=Options("sketch", format="webp")) == {"a/photo.jpg": "a/photo-sketch.webp"}
    assert planned("a/photo.jpg", out="b") == {"a/photo.jpg": "b/photo-draw.png"}
    name = "{style}/{stem}.{suffix} {frame} {line} {size}"
    assert planned("a/photo.jpg", name=name) == {"a/photo.jpg": "a/draw/photo.jpg photo normal native.png"}


@pytest.mark.parametrize("name", ["{stem", "{nothing}", "{}", "{stem.nothing}", "{stem:d}"])
def test_a_template_that_would_not_do_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"^--name: there are \{stem\}, .*, got "):
        check_name(name, 1)


def test_several_styles_need_several_names() -> None:
    with pytest.raises(ValueError, match=r"needs \{style\} for several styles, got \{stem\}"):
        check_name("{stem}", 2)
    assert check_name("{stem}", 1) == "{stem}"


def test_a_folder_keeps_its_shape() -> None:
    make("in/a.JPG", "in/deep/er/b.webp", "in/notes.txt", "in/.hidden.png")
    assert planned("in", out="out") == {
        "in/a.JPG": "out/a-draw.png",
        "in/deep/er/b.webp": "out/deep/er/b-draw.png",
    }


def test_hidden_folders_and_thumbnails_are_not_entered_unless_named() -> None:
    make("in/a.jpg", "in/.thumbnails/a.jpg", "in/@eaDir/a.jpg/SYNOPHOTO_THUMB.jpg", "in/#recycle/b.jpg")
    assert list(planned("in")) == ["in/a.jpg"]
    assert list(planned("in/**/*.jpg")) == ["in/a.jpg"]
    assert list(planned("in/.thumbnails")) == ["in/.thumbnails/a.jpg"]


def test_what_is_left_out_is_counted_by_its_kind() -> None:
    make("in/a.jpg", "in/b.DNG", "in/deep/c.DNG", "in/README", "in/.hidden")
    assert search(["in"]).skipped == {".DNG": 2, "README": 1}
    assert search(["in/b.DNG"]).skipped == {}  # who names a file means it
    assert list(planned("in/b.DNG")) == ["in/b.DNG"]


def test_a_folder_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    make("in/a.jpg", "in/closed/b.jpg")
    listed = os.scandir

    def refuse(path: str) -> "os._ScandirIterator[str]":
        """As for another user's folder; to root none is closed."""
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert amiss("in") == {"in/closed": "cannot be read (Permission denied)"}


def test_a_glob_in_quotes_means_its_files_and_what_its_folders_hold() -> None:
    make("a.jpg", "b.png", "deep/c.jpg", "deep/er/d.jpg")
    assert list(planned("*.jpg")) == ["a.jpg"]
    assert list(planned("**/*.jpg")) == ["a.jpg", "deep/c.jpg", "deep/er/d.jpg"]
    assert planned("d*", out="out") == {"deep/c.jpg": "out/deep/c-draw.png", "deep/er/d.jpg": "out/deep/er/d-draw.png"}
    assert planned("deep/*/d.jpg", out="out") == {"deep/er/d.jpg": "out/er/d-draw.png"}


def test_a_name_with_brackets_is_a_name_first() -> None:
    make("photo[1].jpg", "photo1.jpg")
    assert list(planned("photo[1].jpg")) == ["photo[1].jpg"]


def test_a_photo_that_is_met_twice_is_drawn_once() -> None:
    make("a.jpg")
    Path("link.jpg").symlink_to("a.jpg")
    assert list(planned("a.jpg", "*.jpg", ".", str(Path.cwd()), "./a.jpg", "link.jpg")) == ["a.jpg"]


def test_a_linked_album_is_followed_and_a_loop_ends() -> None:
    make("album/a.jpg", "in/b/c.jpg")
    Path("in/album").symlink_to(Path("album").absolute())
    Path("in/again").symlink_to(Path("in/b").absolute())
    Path("in/b/loop").symlink_to(Path("in").absolute())
    assert planned("in", out="out") == {"in/b/c.jpg": "out/b/c-draw.png", "in/album/a.jpg": "out/album/a-draw.png"}


def test_own_pictures_are_no_photos_whatever_they_are_called() -> None:
    make("a.jpg", "anna-portrait.jpg", "a-draw.jpg")
    make_portrait("b.JPG", "x.jpg")
    make_portrait("out/a-draw.png", "a.jpg")
    assert list(planned(".", "b.JPG")) == ["a-draw.jpg", "a.jpg", "anna-portrait.jpg"]
    assert sorted(map(str, search(["."]).portraits)) == ["b.JPG", "out/a-draw.png"]


def test_photos_of_one_name_get_pictures_of_two() -> None:
    make("a.png", "a.jpg")
    both = {"a.jpg": "a-draw.png", "a.png": "a.png-draw.png"}
    assert planned("a.png", "a.jpg") == both
    make_portrait("a-draw.png", "a.jpg")
    assert planned("a.png") == {"a.png": "a.png-draw.png"}
    assert planned("a.jpg") == {"a.jpg": "a-draw.png"}


def test_photos_that_can_have_no_picture_of_their_own_are_named() -> None:
    make("x/a.jpg", "y/a.jpg")
    reason = "its picture would be out/a-draw.png, which is that of x/a.jpg; give it another --name or --out"
    assert amiss("x/a.jpg", "y/a.jpg", out="out") == {"y/a.jpg": reason}


def test_a_photo_is_never_overwritten() -> None:
    make("a.png", "b.jpg", "b-draw.png")
    assert planned("a.png", name="{stem}") == {"a.png": "a.png.png"}
    assert planned("b.jpg", "b-draw.png")["b.jpg"] == "b.jpg-draw.png"


def test_a_long_name_is_cut_and_stays_a_name_of_its_own() -> None:
    names = ("é" * 120 + "1.jpg", "é" * 120 + "2.jpg")
    make(*names)
    pictures = [Path(picture) for picture in planned(".", options=Options("composite")).values()]
    assert len(set(pictures)) == 2
    for picture in pictures:
        assert picture.name.endswith(".png")
        write_picture(picture, b"picture", force=False)


def test_what_is_not_there_is_named() -> None:
    make("empty/notes.txt")
    assert amiss("absent.jpg", "empty", "*.jpg").keys() == {"absent.jpg", "*.jpg"}


def test_writing_makes_folders_and_leaves_nothing_else() -> None:
    write_picture(Path("a/b/c.png"), b"picture", force=False)
    assert [path.name for path in Path("a/b").iterdir()] == ["c.png"]
    assert Path("a/b/c.png").read_bytes() == b"picture"


def test_a_folder_is_tried_without_being_made() -> None:
    make("file")
    assert why_unwritable(Path("a/b")) == ""
    assert why_unwritable(Path("file")) == "Not a directory"
    assert why_unwritable(Path("/proc/a")) != ""
    assert [path.name for path in Path().iterdir()] == ["file"]


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
