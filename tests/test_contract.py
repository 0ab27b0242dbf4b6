"""The contract of the endpoint, on a real TorchServe, in every way that a photo can be sent."""

import base64
import io
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import grpc
import numpy as np
import psutil
import pytest
import requests
from PIL import Image

from handler.module_info import FORMS
from handler.precision import offered
from handler.styles import STYLES
from tests.tools.hostile import BAD, EITHER, GOOD, HUGE, encoded, picture
from tests.tools.serving import Server, Stubs
from tests.tools.shared import needs_shared, shared
from tests.tools.transports import TRANSPORTS, Reply, Transports

PHOTO = encoded(picture(160, 120), "PNG")
GRPC = {400: grpc.StatusCode.INVALID_ARGUMENT, 413: grpc.StatusCode.RESOURCE_EXHAUSTED}


@pytest.fixture(scope="module")
def ways(server: Server, stubs: Stubs) -> Transports:
    return Transports(server, stubs)


@pytest.fixture(scope="module")
def drawn(ways: Transports) -> bytes:
    """Return the picture of a good photo, before any harm."""
    return ways.raw(PHOTO).body


@pytest.fixture
def unharmed(server: Server, ways: Transports, drawn: bytes) -> Iterator[None]:
    """Around a test that hurts: the worker's process and the picture of a good photo stay as they were."""
    before = workers(server)
    yield
    assert workers(server) == before
    assert ways.raw(PHOTO).body == drawn


def workers(server: Server) -> list[int]:
    return [worker.pid for worker in server.model().workers]


def pixels(body: bytes) -> np.typing.NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(body)))


def check_error(reply: Reply, status: int) -> None:
    """Return the JSON of an error over REST; the message alone over gRPC. Nothing of the server in either."""
    assert reply.status in (status, GRPC[status])
    message = reply.body.decode()
    if reply.status == status:
        told = json.loads(reply.body)
        assert reply.headers["Content-Type"] == "application/json"
        assert set(told) == {"code", "type", "message"}
        assert told["code"] == status
        message = told["message"]
    assert 10 < len(message) < 400
    assert not re.search(r"Traceback|\.py\b|site-packages|/tmp|<html", message)


@pytest.mark.parametrize("style", STYLES)
def test_every_way_in_gives_the_same_picture(ways: Transports, style: str) -> None:
    bodies = [getattr(ways, way)(PHOTO, style=style, size="200").body for way in TRANSPORTS]
    assert len(set(bodies)) == 1
    assert pixels(bodies[0]).shape[:2] == (150, 200)


def test_put_is_post(server: Server, ways: Transports) -> None:
    answer = requests.put(server.predictions, data=PHOTO, timeout=60)
    assert (answer.status_code, answer.content) == (200, ways.raw(PHOTO).body)


def test_headers_tell_what_the_picture_is(ways: Transports) -> None:
    headers = ways.raw(PHOTO, style="sketch", frame="face", format="webp").headers
    assert headers["Content-Type"] == "image/webp"
    assert headers["Portrait-Style"] == "sketch"
    assert headers["Portrait-Size"] == "160x120"
    assert headers["Portrait-Faces"] == "0"
    assert headers["Portrait-Precision"] == offered("cpu", FORMS)[-1]
    name, digits = headers["Portrait-Weights"].split()
    assert name
    assert len(digits) == 12


def test_accept_decides_the_format(server: Server) -> None:
    answer = requests.post(server.predictions, data=PHOTO, headers={"Accept": "image/webp"}, timeout=60)
    assert answer.headers["Content-Type"] == "image/webp"


def test_nothing_of_the_upload_is_in_the_answer(ways: Transports) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    photo = encoded(picture(), "JPEG", exif=exif, comment=b"a secret name")
    for kind in ("png", "jpeg", "webp"):
        body = ways.raw(photo, format=kind).body
        assert b"secret" not in body
        assert not Image.open(io.BytesIO(body)).getexif()


@pytest.mark.parametrize("way", TRANSPORTS)
@pytest.mark.parametrize(
    ("photo", "options", "status"),
    [
        (b"", {}, 400),
        (BAD["html"](), {}, 400),
        (BAD["jpeg cut at 50 %"](), {}, 400),
        (BAD["tiff"](), {}, 400),
        (PHOTO, {"style": "oil"}, 400),
        (PHOTO, {"size": "7"}, 400),
        (PHOTO, {"alpha": "0.5"}, 400),
        (PHOTO, {"stile": "draw"}, 400),
        (PHOTO, {"background": "transparent", "format": "jpeg"}, 400),
        (HUGE["png of 50000 x 50000"](), {}, 413),
    ],
)
def test_a_fault_has_one_status_in_every_way(
    ways: Transports, way: str, photo: bytes, options: dict[str, str], status: int
) -> None:
    check_error(getattr(ways, way)(photo, **options), status)


@pytest.mark.parametrize("way", ["raw", "grpc"])
def test_a_photo_over_the_limit_is_413(ways: Transports, way: str) -> None:
    check_error(getattr(ways, way)(HUGE["more than 20 MB"]()), 413)


def test_a_body_over_the_limit_is_torchserves_413(ways: Transports) -> None:
    assert ways.raw(bytes(40_000_000)).status == 413
    # a client that is still sending may see its stream torn down before it sees why
    refused = (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.CANCELLED)
    assert ways.grpc(bytes(40_000_000)).status in refused


def test_an_unknown_model_is_404(ways: Transports) -> None:
    assert ways.post("nobody", data=PHOTO).status == 404
    assert ways.post("portrait/9.9", data=PHOTO).status == 404
    assert ways.predict({"data": PHOTO}, model="nobody").status == grpc.StatusCode.INTERNAL


def test_no_worker_is_503(server: Server, ways: Transports) -> None:
    server.scale(0)
    try:
        assert ways.raw(PHOTO).status == 503
        assert ways.grpc(PHOTO).status == grpc.StatusCode.INTERNAL
    finally:
        server.scale(server.run.arrangement.workers)


def spent(server: Server) -> tuple[float, float]:
    """Return CPU seconds and bytes of all workers."""
    processes = [psutil.Process(pid) for pid in workers(server)]
    return sum(sum(one.cpu_times()[:2]) for one in processes), sum(one.memory_info().rss for one in processes)


@contextmanager
def little_is_spent(server: Server, seconds: float = 0.3) -> Iterator[None]:
    """Check that what is sent within the block costs the workers that much, and 150 MB, at most."""
    began, held = spent(server)
    yield
    now, holding = spent(server)
    assert now - began < seconds
    assert holding - held < 150e6


@pytest.mark.usefixtures("unharmed")
def test_a_hundred_bad_requests_harm_nobody_and_cost_little(server: Server, ways: Transports) -> None:
    sent = 0
    for name, make in (BAD | HUGE).items():
        status, photo = 413 if name in HUGE else 400, make()
        for send in (ways.raw, ways.grpc):
            with little_is_spent(server):
                reply = send(photo)
            check_error(reply, status)
            sent += 1
    assert sent >= 100


@pytest.mark.usefixtures("unharmed")
def test_odd_but_legal_photos_are_drawn(ways: Transports) -> None:
    for name, make in GOOD.items():
        reply = ways.raw(make())
        assert reply.status == 200, name
        assert pixels(reply.body).size > 0
    for name, make in EITHER.items():
        assert ways.raw(make()).status in (200, 400), name


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize(
    ("headers", "body", "statuses"),
    [
        ({"Content-Type": "application/json"}, PHOTO, {200}),
        ({"Content-Type": "text/plain"}, PHOTO, {200, 400}),
        ({"Content-Type": "application/json"}, b"{}", {400}),
        ({"Content-Type": "application/json"}, b"[]", {400}),
        ({"Content-Type": "application/json"}, b"[" * 1_000_000, {400}),
        ({"Content-Type": "application/json"}, b"42", {400}),
        ({"Content-Type": "application/json"}, b'{"data": "?"}', {400}),
        ({"explain": "True"}, PHOTO, {200}),
        ({"describe": "True"}, PHOTO, {200}),
        ({"url_path": "../../etc/passwd"}, PHOTO, {200}),
        ({"Portrait-Style": "dr\xe4w"}, PHOTO, {400}),
        ({"Portrait-Style": "x" * 7000}, PHOTO, {400}),
        ({"Portrait-Style": "../../draw"}, PHOTO, {400}),
    ],
)
def test_odd_transport(ways: Transports, headers: dict[str, str], body: bytes, statuses: set[int]) -> None:
    sent = {name: value.encode("latin-1") for name, value in headers.items()}
    reply = ways.post(data=body, headers=sent)
    assert reply.status in statuses
    if reply.status == 400:
        check_error(reply, 400)


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("style", [b"x" * 10_000_000, b"draw\0", b"../draw", b"\xff\xfe"])
def test_odd_field_values(ways: Transports, style: bytes) -> None:
    check_error(ways.post(files={"data": PHOTO, "style": style}), 400)
    check_error(ways.predict({"data": PHOTO, "style": style}), 400)


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_json_is_read_however_it_is_spelt(ways: Transports, kind: str, mark: bytes) -> None:
    data = base64.urlsafe_b64encode(PHOTO).rstrip(b"=")
    body = mark + b'{"data": "%s", "style": "composite", "alpha": 1e-05, "size": 200.0}' % data
    expected = ways.raw(PHOTO, style="composite", alpha="0.00001", size="200").body
    assert ways.post(data=body, headers={"Content-Type": kind}).body == expected


def part(name: str, value: bytes, more: str = "") -> bytes:
    return f'--edge\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + value + b"\r\n"


def post_parts(ways: Transports, *parts: bytes) -> Reply:
    headers = {"Content-Type": "multipart/form-data; boundary=edge"}
    return ways.post(data=b"".join(parts) + b"--edge--\r\n", headers=headers)


@pytest.mark.usefixtures("unharmed")
def test_two_photos_in_one_request_are_refused(ways: Transports) -> None:
    reply = post_parts(ways, part("data", PHOTO, "; filename=a"), part("data", PHOTO, "; filename=b"))
    check_error(reply, 400)
    assert b"data: is there twice" in reply.body


def test_a_part_in_base64_is_told_so(ways: Transports) -> None:
    encoding = "\r\nContent-Transfer-Encoding: base64"
    reply = post_parts(ways, part("data", base64.b64encode(PHOTO), encoding))
    check_error(reply, 400)
    assert b"base64" in reply.body
    # of a file, TorchServe itself says so, with its own status
    reply = post_parts(ways, part("data", base64.b64encode(PHOTO), "; filename=a" + encoding))
    assert (reply.status, json.loads(reply.body)["message"]) == (500, "TransferEncoding Unknown: base64")


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data; boundary=edge", b"".join(part(str(i), b"") for i in range(20_000)) + b"--edge--\r\n"),
        ("application/x-www-form-urlencoded", b"a&" * 200_000),
        ("application/json", b'{"data": "", "a": [' + b"{}," * 1_000_000 + b"{}]}"),
        ("application/json", b'{"data": "' + b"A " * 5_000_000 + b'"}'),
    ],
    ids=["parts", "form", "json", "spaces"],
)
def test_a_flood_of_fields_costs_a_worker_little(server: Server, ways: Transports, kind: str, body: bytes) -> None:
    with little_is_spent(server, seconds=1):
        check_error(ways.post(data=body, headers={"Content-Type": kind}), 400)


def test_the_wrong_part_and_no_part_tell_how_to_send(ways: Transports) -> None:
    for files in ({"photo": PHOTO}, {"style": b"draw"}):
        reply = ways.post(files=files)
        check_error(reply, 400)
        assert b"curl -F data=@photo.jpg" in reply.body


def test_form_encoding_tells_how_to_send(ways: Transports) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert b"curl -T photo.jpg" in ways.post(data=b"photo=me", headers=kind).body


@pytest.mark.usefixtures("unharmed")
def test_a_form_with_a_broken_escape_is_torchserves_own_500(ways: Transports) -> None:
    """It reaches no worker; the proxy in deploy/ sends such bodies on as plain bytes."""
    reply = ways.post(data=b"photo=%ff%zz", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert (reply.status, json.loads(reply.body)["type"]) == (500, "ErrorDataDecoderException")


@pytest.mark.usefixtures("unharmed")
def test_a_client_that_leaves_in_the_middle_harms_nobody(server: Server, ways: Transports) -> None:
    address = ("127.0.0.1", server.run.ports.rest)
    head = f"POST /predictions/portrait HTTP/1.1\r\nHost: x\r\nContent-Length: {len(PHOTO)}\r\n\r\n"
    for share in (0, len(PHOTO) // 2, len(PHOTO)):
        with socket.create_connection(address) as connection:
            connection.sendall(head.encode() + PHOTO[:share])
    assert ways.predict({"data": PHOTO}, timeout=0.001).status == grpc.StatusCode.DEADLINE_EXCEEDED


def test_paths_outside_the_api_are_not_found(server: Server) -> None:
    for path in ("/predictions/../../etc/passwd", "/etc/passwd", "/predictions/%2e%2e%2fetc"):
        with socket.create_connection(("127.0.0.1", server.run.ports.rest)) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            answer = connection.recv(65536)
        assert answer.split(b" ")[1] in (b"404", b"405"), path
        assert b"root:" not in answer


def test_nothing_can_be_registered_by_address(server: Server) -> None:
    source = {"url": "https://example.com/evil.mar"}
    answer = requests.post(f"{server.management}/models", params=source, timeout=10)
    assert 400 <= answer.status_code < 500


def test_describe_tells_styles_options_limits_and_weights(server: Server) -> None:
    url = f"{server.management}/models/portrait?customized=true"
    told = requests.get(url, timeout=30).json()[0]
    about = told["customizedMetadata"]
    assert about["styles"] == list(STYLES)
    assert about["limits"]["megabytes"] == 20
    assert len(about["weights"]["sha256"]) == 64


def test_ping_answers_on_both(server: Server, stubs: Stubs) -> None:
    assert requests.get(f"{server.rest}/ping", timeout=10).json()["status"] == "Healthy"
    with server.grpc_channel() as channel:
        service = stubs.inference_grpc.InferenceAPIsServiceStub(channel)
        answer = service.Ping(stubs.inference.TorchServeHealthResponse(), timeout=10)
    assert json.loads(answer.health)["status"] == "Healthy"


def test_grpc_management_describes_and_scales(server: Server, stubs: Stubs) -> None:
    management = stubs.management
    with server.grpc_management_channel() as channel:
        service = stubs.management_grpc.ManagementAPIsServiceStub(channel)
        told = service.DescribeModel(management.DescribeModelRequest(model_name="portrait"), timeout=10)
        assert json.loads(told.msg)[0]["modelName"] == "portrait"
        for count in (1, server.run.arrangement.workers):
            sizes = {"min_worker": count, "max_worker": count}
            scaling = management.ScaleWorkerRequest(model_name="portrait", synchronous=True, **sizes)
            assert "portrait" in service.ScaleWorker(scaling, timeout=300).msg
            assert len(workers(server)) == count
        wrong = management.ScaleWorkerRequest(model_name="portrait", min_worker=3, max_worker=1)
        with pytest.raises(grpc.RpcError):
            service.ScaleWorker(wrong, timeout=10)


def test_scaling_while_photos_come_in_gives_no_wrong_picture(server: Server, ways: Transports) -> None:
    expected, wrong, stop = ways.raw(PHOTO).body, [], threading.Event()

    def keep_asking() -> None:
        while not stop.is_set():
            reply = ways.raw(PHOTO)
            # a worker that is scaled away may leave its request unanswered, never answer it wrongly
            if reply.body != expected and reply.status not in (HTTPStatus.INTERNAL_SERVER_ERROR,):
                wrong.append(reply)

    askers = [threading.Thread(target=keep_asking) for _ in range(2)]
    for asker in askers:
        asker.start()
    try:
        for count in (3, 1, server.run.arrangement.workers):
            server.scale(count)
            assert len(workers(server)) == count
    finally:
        stop.set()
        for asker in askers:
            asker.join()
    assert not wrong


@needs_shared("corpus")
@pytest.mark.usefixtures("unharmed")
def test_broken_files_of_the_corpus_are_refused(ways: Transports) -> None:
    for path in shared("corpus").glob("pngsuite/x*.png"):
        check_error(ways.raw(path.read_bytes()), 400)
