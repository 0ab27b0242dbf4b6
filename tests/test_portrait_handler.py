"""The class that TorchServe loads, called as TorchServe calls it, on a small real network."""

import fcntl
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from ts.context import Context, RequestProcessor
from ts.utils.util import PredictionException

from handler.cores import Cores
from handler.finders import Finders
from handler.portrait_handler import PortraitHandler
from handler.request_log import request_id
from handler.styles import STYLES
from portrait_client.picture import content_type_of
from tests.tools.hostile import encoded, picture

REST = {"url_path": "predictions/portrait", "host": "localhost"}
PHOTO = encoded(picture(96, 72), "PNG")
TALL = encoded(picture(60, 90), "PNG")
Row = tuple[dict[str, Any], dict[str, Any]]


@pytest.fixture(scope="module")
def handler(module_folder: Path) -> PortraitHandler:
    made = PortraitHandler()
    made.initialize(context([], module_folder))
    return made


def context(rows: list[Row], folder: Path = Path(), **settings: object) -> Context:
    config = {"handler": settings}
    made = Context("portrait", str(folder), {}, len(rows), None, "0.12.0", True, None, config)
    made.request_processor = [RequestProcessor(headers) for _, headers in rows]
    return made


def ask(handler: PortraitHandler, *rows: Row) -> list[tuple[int, dict[str, str], Any]]:
    """Status, headers and body of each row of one batch."""
    used = context(list(rows))
    bodies = handler.handle([row for row, _ in rows], used)
    statuses = [used.get_response_status(i)[0] for i in range(len(rows))]
    headers = [used.get_response_headers(i) for i in range(len(rows))]
    return list(zip(statuses, headers, bodies, strict=True))


def raw(photo: bytes = PHOTO, **headers: str) -> Row:
    names = {f"Portrait-{name.title()}": value for name, value in headers.items()}
    return {"body": bytearray(photo)}, REST | names


@pytest.mark.parametrize("style", STYLES)
def test_a_photo_becomes_a_picture_of_its_size(handler: PortraitHandler, style: str) -> None:
    [(status, headers, body)] = ask(handler, raw(style=style))
    assert status == 200
    assert Image.open(io.BytesIO(body)).size == (96, 72)
    sha256 = handler.pipeline.drawer.info.sha256
    assert headers == {
        "Content-Type": "image/png",
        "Portrait-Style": style,
        "Portrait-Size": "96x72",
        "Portrait-Weights": f"seeded {sha256[:12]}",
        "Portrait-Precision": handler.pipeline.drawer.precision,
    }


def test_a_photo_is_drawn_with_a_share_of_the_threads(handler: PortraitHandler) -> None:
    ask(handler, raw())
    alone = torch.get_num_threads()
    handler.cores, before = Cores(handler.cores.folder, 4), handler.cores
    try:
        with (handler.cores.folder / "another").open("w") as mark:
            fcntl.flock(mark, fcntl.LOCK_EX)
            ask(handler, raw())
            assert torch.get_num_threads() == 2
    finally:
        handler.cores = before
    ask(handler, raw())
    assert torch.get_num_threads() == alone


def test_faces_are_told_in_the_face_frame(
    handler: PortraitHandler, finders: Finders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "pipeline", replace(handler.pipeline, finders=finders))
    [(_, headers, _)] = ask(handler, raw(frame="face"))
    assert headers["Portrait-Faces"] == "0"


def test_no_number_of_faces_is_claimed_where_nothing_finds_them(handler: PortraitHandler) -> None:
    [(status, headers, _)] = ask(handler, raw(frame="face"))
    assert status == 200
    assert "Portrait-Faces" not in headers


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_the_answer_is_in_the_format_that_was_asked_for(handler: PortraitHandler, kind: str) -> None:
    [(_, headers, body)] = ask(handler, raw(format=kind))
    assert headers["Content-Type"] == f"image/{kind}"
    assert Image.open(io.BytesIO(body)).format == kind.upper()


def test_lines_come_as_outlines_too(handler: PortraitHandler) -> None:
    [(_, headers, body)] = ask(handler, raw(format="svg"))
    assert headers["Content-Type"] == "image/svg+xml"
    assert content_type_of(body) == "image/svg+xml"


def test_a_mixed_batch_gives_what_each_gets_alone(handler: PortraitHandler) -> None:
    rows = [raw(), raw(TALL, style="sketch"), raw(b"no photo"), raw(frame="stretch"), raw(size="1")]
    together = ask(handler, *rows)
    assert together == [ask(handler, row)[0] for row in rows]
    assert [status for status, _, _ in together] == [200, 200, 400, 200, 400]


def test_a_refusal_is_json_in_torchserves_shape(handler: PortraitHandler) -> None:
    [(status, headers, body)] = ask(handler, raw(style="oil"))
    assert (status, headers) == (400, {"Content-Type": "application/json"})
    message = "style: must be draw, sketch or composite, got oil"
    assert json.loads(body) == {"code": 400, "type": "BadRequest", "message": message}


def test_over_grpc_a_refusal_is_raised(handler: PortraitHandler) -> None:
    part = {"data": {"content-type": "text/plain"}}
    with pytest.raises(PredictionException) as caught:
        ask(handler, ({"data": bytearray(b"no photo")}, part))
    assert (caught.value.error_code, caught.value.message[:6]) == (400, "photo:")


def test_over_grpc_a_refusal_in_a_batch_leaves_its_neighbours_alone(handler: PortraitHandler) -> None:
    photos = (PHOTO, b"no photo")
    rows: list[Row] = [({"data": bytearray(photo)}, {}) for photo in photos]
    assert [status for status, _, _ in ask(handler, *rows)] == [200, 400]


def test_a_black_photo_is_drawn(handler: PortraitHandler) -> None:
    [(status, _, body)] = ask(handler, raw(encoded(Image.new("RGB", (50, 40)), "PNG")))
    assert status == 200
    assert np.asarray(Image.open(io.BytesIO(body))).shape == (40, 50)


def test_describe_tells_styles_options_limits_and_weights(handler: PortraitHandler) -> None:
    told = handler.handle([{}], context([({}, {"describe": "True"})]))[0]
    assert told["styles"] == list(STYLES)
    assert told["options"]["size"]["default"] == "native"
    assert told["limits"]["megapixels"] == 65
    assert told["weights"]["sha256"] == handler.pipeline.drawer.info.sha256
    json.dumps(told)


def test_a_clients_describe_header_is_no_question_of_the_operators(handler: PortraitHandler) -> None:
    [(status, headers, _)] = ask(handler, ({"body": bytearray(PHOTO)}, REST | {"describe": "True"}))
    assert (status, headers["Content-Type"]) == (200, "image/png")


def test_a_wrong_setting_keeps_the_worker_from_starting(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"handler\.megabyte:"):
        PortraitHandler().initialize(context([], tmp_path, megabyte=5))


def test_a_line_tells_what_came_of_a_request_and_nothing_of_what_was_in_it(
    handler: PortraitHandler, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    damaged = encoded(picture(), "PNG").replace(b"IDAT", b"SECR")
    ask(handler, raw(style="sketch"), raw(style="SECRET"), raw(damaged))
    ask(handler, ({"body": bytearray(PHOTO)}, REST | {"x-request-id": "order-7"}))
    *lines, last = [json.loads(text) for text in caplog.messages if text.startswith("{")]
    assert [(line["outcome"], line["status"], line["style"], line["picture"]) for line in lines] == [
        ("drawn", 200, "sketch", "96x72"),
        ("refused", 400, None, None),
        ("refused", 400, None, None),
    ]
    assert (lines[0]["received"], lines[1]["sent"]) == (len(PHOTO), 0)
    assert set(lines[0]["seconds"]) >= {"preprocess", "inference", "postprocess"}
    assert last["id"] == "order-7"
    assert "SECR" not in caplog.text


def test_a_request_that_failed_has_a_line_too(
    handler: PortraitHandler, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(handler, "pipeline", replace(handler.pipeline, threads=lambda: 1 // 0))
    with pytest.raises(ZeroDivisionError):
        ask(handler, raw())
    (line,) = [json.loads(text) for text in caplog.messages if text.startswith("{")]
    assert (line["outcome"], line["status"], line["received"]) == ("failed", None, len(PHOTO))


@pytest.mark.parametrize("given", ["a b", "a" * 65, "", "é", 'a"'])
def test_an_id_that_is_no_plain_word_is_torchserves_own(given: str) -> None:
    assert request_id({"X-Request-ID": given}, "own") == "own"


def test_a_page_elsewhere_may_read_the_headers(handler: PortraitHandler) -> None:
    [(_, headers, _)] = ask(handler, ({"body": bytearray(PHOTO)}, REST | {"Origin": "https://app.example"}))
    assert headers["Access-Control-Expose-Headers"] == "*"
