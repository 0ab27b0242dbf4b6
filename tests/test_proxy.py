"""deploy/nginx for real: Debian's nginx between clients and TorchServe."""

import contextlib
import json
import re
import select
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
from PIL import Image

from scripts.serving.paths import ROOT, SAMPLE
from scripts.serving.readiness import is_ready
from scripts.serving.settings import HOST, Ports, read_properties
from tests.tools.faulty_server import BAD_GATEWAY, BUSY, DIED, HANGS_UP, KILLED, FaultyServer, serving
from tests.tools.hostile import encoded, picture
from tests.tools.proxy import DEPLOY, NGINX, Proxy, start_proxy
from tests.tools.serving import Server, Stubs

pytestmark = pytest.mark.skipif(NGINX is None, reason="no nginx here; get it with: bash tests/tools/fetch_nginx.sh")

PHOTO = SAMPLE.read_bytes()
PREDICT = "/predictions/portrait"
MAX_BODY = 29360128  # max_request_size in config.properties
OTHER_PATHS = (
    "/",
    "/models",
    "/models/portrait",
    "/metrics",
    "/api-description",
    "/predictions",
    "/predictions/other",
    "/predictions/portrait/x",
    "/invocations",
    "/explanations/portrait",
    "/v1/models/portrait:predict",
    "/v2/models/portrait/infer",
)
# deploy/nginx waits 10 and 15 s; the mechanism is the same.
AT_ONCE, BURST = 24, 40  # of one client
OF_ALL = 64
SHORT = {"client_header_timeout": 1, "client_body_timeout": 1}
KEYS = '"~^Bearer Ab1$" anna;\n"~^Bearer Cd2$" carl;\n"~^Bearer Ef3$" metrics;\n'
ORIGIN = "https://app.example"


@pytest.fixture(scope="module")
def proxy(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """In front of the session's TorchServe."""
    origins = f'"{ORIGIN}" 1;\n'
    running = start_proxy(tmp_path_factory.mktemp("nginx"), server.run.ports, origins=origins, seconds=SHORT)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def guarded(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """Yield the same with keys of its own."""
    running = start_proxy(tmp_path_factory.mktemp("nginx"), server.run.ports, keys=KEYS)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """Nothing listens behind it."""
    running = start_proxy(tmp_path_factory.mktemp("nginx"), Ports(*range(1, 7)))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def direct(server: Server) -> bytes:
    """Return the picture that TorchServe itself answers."""
    return requests.post(server.predictions, data=PHOTO, timeout=60).content


def predict(proxy: Proxy, stubs: Stubs, port: int = 7000, key: str = "", method: str = "Predictions") -> bytes:
    """Return the picture of PHOTO by gRPC."""
    request = stubs.inference.PredictionsRequest(model_name="portrait", input={"data": PHOTO})
    metadata = [("authorization", f"Bearer {key}")] if key else []
    with proxy.channel(port) as channel:
        answer = getattr(stubs.inference_grpc.InferenceAPIsServiceStub(channel), method)(
            request, metadata=metadata, timeout=60
        )
        picture: bytes = answer.prediction if method == "Predictions" else b"".join(part.prediction for part in answer)
        return picture


def code_of(call: Callable[[], object]) -> grpc.StatusCode:
    """Return the status that a gRPC call fails with."""
    with pytest.raises(grpc.RpcError) as failure:
        call()
    code: grpc.StatusCode = failure.value.code()
    return code


def message_of(answer: requests.Response) -> str:
    """Of an error in the contract's shape."""
    assert answer.headers["Content-Type"] == "application/json"
    told = answer.json()
    assert set(told) == {"code", "type", "message"}
    assert told["code"] == answer.status_code
    return str(told["message"])


@pytest.mark.parametrize("port", [8000, 8443])
def test_rest_gives_the_same_picture_as_without_the_proxy(proxy: Proxy, direct: bytes, port: int) -> None:
    url, trust = proxy.url(PREDICT, port), str(proxy.certificate)
    assert requests.put(url, data=PHOTO, verify=trust, timeout=60).content == direct
    assert requests.post(url, files={"data": PHOTO}, verify=trust, timeout=60).content == direct


@pytest.mark.parametrize("port", [7000, 8443])
def test_grpc_gives_the_same_picture_as_without_the_proxy(proxy: Proxy, stubs: Stubs, direct: bytes, port: int) -> None:
    assert predict(proxy, stubs, port) == direct


def test_ping_passes(proxy: Proxy, stubs: Stubs) -> None:
    assert requests.get(proxy.url("/ping"), timeout=10).json() == {"status": "Healthy"}
    with proxy.channel() as channel:
        answer = stubs.inference_grpc.InferenceAPIsServiceStub(channel).Ping(stubs.inference.TorchServeHealthResponse())
    assert json.loads(answer.health) == {"status": "Healthy"}


def test_options_survive_http2_which_lowercases_their_headers(proxy: Proxy) -> None:
    options = ["--http2", "--cacert", str(proxy.certificate), "-H", "Portrait-Style: sketch", "-H", "PORTRAIT-SIZE: 64"]
    command = ["curl", "-sS", "-o", "/dev/null", "-D", "-", *options, "-T", str(SAMPLE), proxy.url(PREDICT, 8443)]
    headers = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert headers.startswith("HTTP/2 200")
    assert "portrait-style: sketch" in headers.lower()
    assert "portrait-size: 64x64" in headers.lower()


@pytest.mark.parametrize("path", OTHER_PATHS)
def test_other_paths_stay_out(proxy: Proxy, path: str) -> None:
    answer = requests.post(proxy.url(path), data=PHOTO, timeout=10)
    assert answer.status_code == 404
    assert PREDICT in message_of(answer)


@pytest.mark.parametrize(
    ("name", "kind"), [("openapi.yaml", "application/yaml"), ("api.html", "text/html; charset=utf-8")]
)
@pytest.mark.parametrize("port", [8000, 8443])
def test_the_description_of_the_api_needs_no_key(guarded: Proxy, name: str, kind: str, port: int) -> None:
    answer = requests.get(guarded.url(f"/{name}", port), verify=str(guarded.certificate), timeout=10)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)
    assert answer.content == (ROOT / "docs" / name).read_bytes()
    assert answer.headers["X-Request-ID"]


@pytest.mark.parametrize("path", ["/openapi.yaml/", "/openapi.yaml/../../keys/clients.map", "/api/api.html"])
def test_nothing_else_is_served_from_files(proxy: Proxy, path: str) -> None:
    answer = exchange(proxy, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert re.match(rb"HTTP/1.1 40[04] ", answer)


@pytest.mark.parametrize("path", [f"/explanations/portrait/1.0/../../..{PREDICT}", f"/x/..%2f{PREDICT[1:]}"])
def test_what_was_compared_is_what_torchserve_is_asked(proxy: Proxy, path: str) -> None:
    answer = exchange(proxy, f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx")
    assert b"photo: this is no" in answer  # the handler's word on a prediction; it knows no explanations


@pytest.mark.parametrize("path", [f"{PREDICT}%0a", f"{PREDICT}/1.0%0a", f"{PREDICT}/1.0/..%2f..%2f..%2fmodels"])
def test_no_disguise_gets_past_the_list_of_paths(proxy: Proxy, path: str) -> None:
    answer = exchange(proxy, f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert PREDICT.encode() in answer


def test_a_version_can_be_named(proxy: Proxy, direct: bytes) -> None:
    assert requests.post(proxy.url(f"{PREDICT}/1.0"), data=PHOTO, timeout=60).content == direct
    assert requests.post(proxy.url(f"{PREDICT}/9.0"), data=PHOTO, timeout=60).status_code == 404


@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_stay_out(proxy: Proxy, method: str) -> None:
    answer = requests.request(method, proxy.url(PREDICT), timeout=10)
    assert answer.status_code == 405
    assert "POST" in message_of(answer)


def test_stream_predictions_never_reaches_the_worker(proxy: Proxy, server: Server, stubs: Stubs) -> None:
    before = worker_pids(server)
    code = code_of(lambda: predict(proxy, stubs, method="StreamPredictions"))
    assert code is grpc.StatusCode.UNIMPLEMENTED
    assert worker_pids(server) == before


def test_grpc_management_stays_out(proxy: Proxy, stubs: Stubs) -> None:
    request = stubs.management.DescribeModelRequest(model_name="portrait")
    with proxy.channel() as channel:
        service = stubs.management_grpc.ManagementAPIsServiceStub(channel)
        assert code_of(lambda: service.DescribeModel(request, timeout=10)) is grpc.StatusCode.UNIMPLEMENTED


def worker_pids(server: Server) -> list[int]:
    return [worker.pid for worker in server.model().workers]


def test_metrics_have_a_port_of_their_own(proxy: Proxy) -> None:
    assert "ts_inference_requests_total" in requests.get(proxy.url("/metrics", 8002), timeout=10).text
    assert requests.get(proxy.url(PREDICT, 8002), timeout=10).status_code == 404


def test_metrics_are_for_the_key_of_that_name_alone(guarded: Proxy) -> None:
    def status(path: str, port: int, key: str) -> int:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return requests.request(
            "POST" if path == PREDICT else "GET", guarded.url(path, port), headers=headers, timeout=10
        ).status_code

    assert [status("/metrics", 8002, key) for key in ("", "Ab1", "Ef3")] == [401, 401, 200]
    assert status(PREDICT, 8000, "Ef3") == 401


def test_a_body_over_the_limit_is_refused_at_once(proxy: Proxy, stubs: Stubs) -> None:
    answer = requests.post(proxy.url(PREDICT), data=bytes(MAX_BODY + 1), timeout=30)
    assert answer.status_code == 413
    assert "28 MiB" in message_of(answer)
    request = stubs.inference.PredictionsRequest(model_name="portrait", input={"data": bytes(MAX_BODY + 1)})
    with proxy.channel() as channel:
        service = stubs.inference_grpc.InferenceAPIsServiceStub(channel)
        assert code_of(lambda: service.Predictions(request, timeout=30)) is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_the_largest_photo_that_is_allowed_reaches_the_handler(proxy: Proxy) -> None:
    answer = requests.post(proxy.url(PREDICT), data=bytes(20_000_000), timeout=60)
    assert answer.status_code == 400  # zeros are no photo, says the handler
    assert "proxy" not in message_of(answer)


@pytest.mark.parametrize(
    "kind",
    [
        "application/x-www-form-urlencoded",
        "\tapplication/x-www-form-urlencoded",
        "Application/X-WWW-Form-Urlencoded; charset=utf-8",
        "image/png, application/x-www-form-urlencoded",
        "text/plain",
        "multipart/form-data",
        "multipart/mixed; boundary=a",
    ],
)
def test_another_content_type_is_told_how_to_send_a_photo(proxy: Proxy, kind: str) -> None:
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\nContent-Type:{kind}"
    answer = exchange(proxy, f"{head}\r\n\r\na&a")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"curl -T" in answer


@pytest.mark.parametrize("kind", ["image/jpeg", "IMAGE/X-Unknown; name=a.jpg", "application/octet-stream", ""])
def test_the_content_type_of_a_photo_may_be_any(proxy: Proxy, direct: bytes, kind: str) -> None:
    answer = requests.post(proxy.url(PREDICT), data=PHOTO, headers={"Content-Type": kind}, timeout=60)
    assert answer.content == direct


def test_of_two_content_types_torchserve_reads_the_one_that_was_compared(proxy: Proxy) -> None:
    kinds = "Content-Type: image/png\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    answer = exchange(
        proxy, f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n{kinds}\r\na&a"
    )
    assert b"photo: this is no" in answer or b"no valid HTTP" in answer  # nginx from 1.23 on refuses it


@pytest.mark.parametrize(
    "request_line",
    [
        f"post {PREDICT} HTTP/1.1",
        f"POST {PREDICT}%00 HTTP/1.1",
        "CONNECT example.com:443 HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        f"POST {PREDICT} HTTP/9.1",
        f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nHost: y",
        f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nA: {'a' * 40_000}",
        f"POST /{'a' * 40_000} HTTP/1.1",
        "\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03",  # how TLS begins
    ],
    ids=["lower case", "%00", "CONNECT", "OPTIONS *", "version", "two hosts", "long header", "long path", "TLS"],
)
def test_what_is_no_http_is_refused_in_json(proxy: Proxy, request_line: str) -> None:
    head, body = exchange(proxy, f"{request_line}\r\n\r\n").split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"Content-Type: application/json" in head
    assert json.loads(body)["code"] == 400


def test_http_on_the_port_of_tls_is_refused_in_json(proxy: Proxy) -> None:
    answer = requests.get(proxy.url("/ping", 8443).replace("https", "http"), timeout=10)
    assert answer.status_code == 400
    message_of(answer)


@pytest.mark.parametrize(
    ("query", "header"), [("style=sketch", "Portrait-style"), ("a=1&SIZE=64", "Portrait-SIZE"), ("x", "Portrait-")]
)
def test_a_query_is_told_the_header_that_says_the_same(proxy: Proxy, query: str, header: str) -> None:
    answer = requests.post(proxy.url(f"{PREDICT}?{query}"), data=PHOTO, timeout=10)
    assert answer.status_code == 400
    assert header in message_of(answer)


@pytest.mark.parametrize("head", ["HTTP/1.0\r\n", "HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"])
def test_a_client_that_reads_to_the_end_gets_there(proxy: Proxy, direct: bytes, head: str) -> None:
    with socket.create_connection((HOST, proxy.ports[8000]), timeout=20) as connection:
        connection.sendall(f"POST {PREDICT} {head}Content-Length: {len(PHOTO)}\r\n\r\n".encode() + PHOTO)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.endswith(direct)


def test_two_lengths_in_one_request_are_refused(proxy: Proxy) -> None:
    """What smugglers send (CVE-2021-43797 and its kin)."""
    lengths = "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"
    assert b" 400 " in exchange(proxy, f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\n{lengths}\r\n0\r\n\r\n")


def exchange(proxy: Proxy, request: str, timeout: float = 8) -> bytes:
    """Send bytes and no more, read until the proxy closes; `TimeoutError` when it does not."""
    with socket.create_connection((HOST, proxy.ports[8000]), timeout=timeout) as connection:
        connection.sendall(request.encode("latin-1"))
        answer = b""
        with contextlib.suppress(ConnectionResetError):  # nginx did not read all of it
            while part := connection.recv(4096):
                answer += part
        return answer


@pytest.mark.parametrize(
    "start",
    [f"POST {PREDICT} HTTP/1.1\r\nHost:", f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc"],
    ids=["header", "body"],
)
def test_a_client_that_stops_half_way_is_cut_off(proxy: Proxy, start: str) -> None:
    began = time.monotonic()
    exchange(proxy, start)
    assert time.monotonic() - began < 5


@contextlib.contextmanager
def dribbling(proxy: Proxy, clients: Mapping[str, int]) -> Iterator[list[bytes]]:
    """Begin that many bodies from each address -> what those are told within the block that are refused."""
    start = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n".encode()
    with contextlib.ExitStack() as stack:
        places = [(address, 0) for address, number in clients.items() for _ in range(number)]
        opened = (socket.create_connection((HOST, proxy.ports[8000]), source_address=place) for place in places)
        connections = [stack.enter_context(connection) for connection in opened]
        for connection in connections:
            connection.sendall(start)
        time.sleep(0.3)
        yield [connection.recv(4096) for connection in select.select(connections, [], [], 0)[0]]


def test_dribbling_clients_hold_nobody_else_up(proxy: Proxy, direct: bytes) -> None:
    with dribbling(proxy, {"127.0.0.2": AT_ONCE + 10}) as refused:
        assert len(refused) == 10
        assert all(b" 429 " in answer and b"Retry-After: 1\r\n" in answer for answer in refused)
        assert requests.post(proxy.url(PREDICT), data=PHOTO, timeout=60).content == direct


def test_no_more_is_under_way_than_there_is_space_for_and_others_are_told_at_once(proxy: Proxy) -> None:
    with dribbling(proxy, {f"127.0.0.{n}": AT_ONCE for n in (3, 4, 5)}) as refused:
        assert len(refused) == 3 * AT_ONCE - OF_ALL
        assert all(b" 503 " in answer and b"Retry-After: 5\r\n" in answer for answer in refused)
        answer = requests.post(proxy.url(PREDICT), data=PHOTO, timeout=10)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert "busy" in message_of(answer)
        assert answer.elapsed.total_seconds() < 0.2


@pytest.mark.parametrize(("fault", "status"), [(KILLED, 507), (DIED, 500)])
@pytest.mark.parametrize("size", [1000, 2_000_000], ids=["in memory", "in a file"])
def test_what_a_worker_died_at_goes_to_another_once(tmp_path: Path, fault: str, status: int, size: int) -> None:
    photo = bytes(size)
    with serving(FaultyServer(b"picture", [fault, "", fault, fault])) as faulty:
        upstream = replace(Ports(*range(1, 7)), rest=int(faulty.url.rpartition(":")[2]))
        before = start_proxy(tmp_path, upstream)
        try:
            answers = [requests.post(before.url(PREDICT), data=photo, timeout=10) for _ in range(2)]
        finally:
            before.stop()
    assert [(answer.status_code, answer.content == b"picture") for answer in answers] == [(200, True), (status, False)]
    assert "Worker" in message_of(answers[1])
    assert faulty.photos == [photo] * 4


@pytest.mark.parametrize("fault", [BUSY, BAD_GATEWAY, HANGS_UP])
def test_nothing_else_is_asked_again(tmp_path: Path, fault: str) -> None:
    with serving(FaultyServer(b"picture", [fault])) as faulty:
        upstream = replace(Ports(*range(1, 7)), rest=int(faulty.url.rpartition(":")[2]))
        before = start_proxy(tmp_path, upstream)
        try:
            answer = requests.post(before.url(PREDICT), data=PHOTO, timeout=10)
        finally:
            before.stop()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    message_of(answer)
    assert len(faulty.photos) == 1


def test_requests_under_way_are_shown_to_prometheus(lonely: Proxy) -> None:
    def under_way() -> int:
        shown = requests.get(lonely.url("/metrics/nginx", 8002), timeout=10)
        assert shown.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return int(re.findall(r"^portrait_proxy_requests (\d+)$", shown.text, re.MULTILINE)[0])

    with dribbling(lonely, {"127.0.0.6": 7}):
        assert under_way() == 2 * 7 + 1  # by way of again.conf
    deadline = time.monotonic() + 10
    while under_way() != 1:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_requests_of_a_key_are_counted_wherever_they_come_from(tmp_path: Path) -> None:
    guarded = start_proxy(tmp_path, Ports(*range(1, 7)), keys=KEYS)
    try:
        mine, others = ({"Authorization": f"Bearer {key}"} for key in ("Ab1", "Cd2"))
        url, statuses = guarded.url(PREDICT), set()
        with requests.Session() as session:
            for _ in range(2 * BURST):
                statuses.add(session.post(url, data=b"x", headers=mine, timeout=10).status_code)
            assert statuses == {503, 429}  # nothing is behind it
            assert session.post(url, data=b"x", headers=others, timeout=10).status_code == 503
    finally:
        guarded.stop()


def test_too_many_photos_in_a_row_are_told_when_to_come_back(lonely: Proxy) -> None:
    with requests.Session() as session:  # nothing behind it draws, so they come quickly
        answers = [session.post(lonely.url(PREDICT), data=b"x", timeout=10) for _ in range(2 * BURST)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
    assert "too many" in message_of(refused[0])


def test_503_of_torchserve_says_when_to_come_back(proxy: Proxy, server: Server) -> None:
    server.scale(0)
    try:
        answer = requests.post(proxy.url(PREDICT), data=PHOTO, timeout=30)
    finally:
        server.scale(server.run.arrangement.workers)
        wait_until_ready(server)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    message_of(answer)


def wait_until_ready(server: Server) -> None:
    deadline = time.monotonic() + 60
    while not is_ready(server.run):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_server_that_is_away_is_503_with_when_to_come_back(lonely: Proxy, stubs: Stubs) -> None:
    answer = requests.post(lonely.url(PREDICT), data=PHOTO, timeout=10)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert "try again" in message_of(answer)
    assert code_of(lambda: predict(lonely, stubs)) is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("key", ["", "wrong", "ab1", "Ab1x"])
def test_keys_of_the_proxy_keep_others_out(guarded: Proxy, stubs: Stubs, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    answer = requests.post(guarded.url(PREDICT), data=PHOTO, headers=headers, timeout=10)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "Bearer" in message_of(answer)
    assert code_of(lambda: predict(guarded, stubs, key=key)) is grpc.StatusCode.UNAUTHENTICATED


def test_keys_of_the_proxy_let_their_owner_in(guarded: Proxy, stubs: Stubs, direct: bytes) -> None:
    headers = {"Authorization": "Bearer Ab1"}
    assert requests.post(guarded.url(PREDICT), data=PHOTO, headers=headers, timeout=60).content == direct
    assert predict(guarded, stubs, key="Ab1") == direct


@pytest.mark.parametrize(
    ("keys", "passes"), [("", False), ('default 1;\n"~^Bearer Ab1$" 0;\n', True), ("default 1;\n", False)]
)
def test_without_keys_nobody_passes_and_files_of_version_1_mean_what_they_meant(
    server: Server, tmp_path: Path, keys: str, passes: bool
) -> None:
    closed = start_proxy(tmp_path, server.run.ports, keys=keys)
    try:
        known = requests.get(closed.url("/ping"), headers={"Authorization": "Bearer Ab1"}, timeout=10)
        assert known.status_code == (200 if passes else 401)
        assert requests.get(closed.url("/ping"), timeout=10).status_code == 401
    finally:
        closed.stop()


def test_a_browser_elsewhere_may_ask_where_its_origin_is_known(proxy: Proxy, guarded: Proxy) -> None:
    answer = requests.options(proxy.url(PREDICT), headers={"Origin": ORIGIN}, timeout=10)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (204, ORIGIN)
    assert answer.headers["Access-Control-Allow-Headers"] == "*, Authorization"
    for other in (
        requests.options(proxy.url(PREDICT), headers={"Origin": f"{ORIGIN}.evil"}, timeout=10),
        requests.options(guarded.url(PREDICT), headers={"Origin": ORIGIN}, timeout=10),
    ):
        assert other.status_code in (401, 405)
        assert "Access-Control-Allow-Origin" not in other.headers


def test_an_error_can_be_read_from_a_known_origin(proxy: Proxy) -> None:
    headers = {"Origin": ORIGIN}
    for answer in (
        requests.post(proxy.url(PREDICT), data=b"x", headers=headers, timeout=10),
        requests.get(proxy.url("/elsewhere"), headers=headers, timeout=10),
    ):
        assert answer.status_code in (400, 404)
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert answer.headers["Access-Control-Expose-Headers"] == "*"


TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"X-Request-ID": "order-7.a_B"}, "order-7.a_B"),
        ({"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}, TRACE),
        ({"X-Request-ID": "a b"}, None),
        ({"X-Request-ID": "a" * 65}, None),
        ({"X-Request-ID": "", "traceparent": "00-xyz"}, None),
    ],
)
@pytest.mark.parametrize("path", [PREDICT, "/elsewhere"])
def test_a_request_keeps_its_id_or_gets_one(proxy: Proxy, path: str, headers: dict[str, str], name: str | None) -> None:
    logged = proxy.log.stat().st_size  # among it the line of a request with the same id
    answer = requests.post(proxy.url(path), data=b"x", headers=headers, timeout=10)
    given = answer.headers["X-Request-ID"]
    assert given == name if name else re.fullmatch("[0-9a-f]{32}", given)
    assert line_of(proxy, given, logged)["status"] == answer.status_code


def line_of(proxy: Proxy, name: str, logged: int = 0) -> dict[str, Any]:
    """Return what the access log, from byte `logged` on, says of the request with that id: once the answer is sent."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        lines = proxy.log.read_bytes()[logged:].splitlines()
        found = [line for line in map(json.loads, lines) if line["id"] == name]
        if found:
            line: dict[str, Any] = found[-1]
            return line
        time.sleep(0.02)
    raise AssertionError(f"no line of {name}")


def test_a_line_tells_whose_request_it_was_and_nothing_of_what_is_in_it(
    server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    logging = start_proxy(tmp_path, server.run.ports, keys=KEYS)
    secrets = {"Portrait-Style": "SECRET", "User-Agent": "SECRET", "Referer": "SECRET"}
    headers = secrets | {"Authorization": "Bearer Cd2"}
    parts: dict[str, Any] = {"data": ("SECRET.jpg", PHOTO), "SECRET": b"SECRET"}
    try:
        answer = requests.post(logging.url(PREDICT), files=parts, headers=headers, timeout=10)
        requests.post(logging.url(f"{PREDICT}?style=SECRET"), data=bytes(MAX_BODY + 1), headers=headers, timeout=10)
        elsewhere = requests.post(logging.url("/SECRET"), headers=secrets, timeout=10)
        line, other = (line_of(logging, one.headers["X-Request-ID"]) for one in (answer, elsewhere))
    finally:
        logging.stop()
    assert (line["key"], line["status"]) == ("carl", 400)
    assert line["received"] > len(PHOTO)
    assert line["seconds"] < 10
    assert (other["key"], other["status"]) == ("", 404)
    log = logging.log.read_text() + capfd.readouterr().err
    assert "SECRET" not in log
    assert "Cd2" not in log


def test_no_log_of_torchserve_quotes_a_request(proxy: Proxy, server: Server, stubs: Stubs) -> None:
    exif = Image.Exif()
    exif[0x010E] = "SECRET"
    photo = encoded(picture(), "JPEG", exif=exif, comment=b"SECRET")
    parts: dict[str, Any] = {"data": ("SECRET.jpg", photo)}
    headers = {"Authorization": "Bearer SECRET", "User-Agent": "SECRET", "Content-Type": "application/json"}
    refused = b'{"data": "SECRET", "style": "SECRET", "SECRET": "SECRET"}'
    name = requests.post(proxy.url(PREDICT), files=parts, timeout=60).headers["X-Request-ID"]
    requests.post(proxy.url(PREDICT), files=parts, data={"style": "SECRET"}, timeout=60)
    for body in (refused, refused[:-1], photo[:200]):
        assert requests.post(proxy.url(PREDICT), data=body, headers=headers, timeout=60).status_code == 400
    request = stubs.inference.PredictionsRequest(model_name="portrait", input={"data": photo, "style": b"SECRET"})
    with proxy.channel() as channel:
        service = stubs.inference_grpc.InferenceAPIsServiceStub(channel)
        assert code_of(lambda: service.Predictions(request, timeout=60)) is grpc.StatusCode.INVALID_ARGUMENT
    time.sleep(1)
    logs = [path.read_text(errors="replace") for path in server.run.folder.rglob("*.log")]
    assert any(f'"id": "{name}", "outcome": "drawn", "status": 200' in log for log in logs)
    assert not any("SECRET" in log for log in logs)


def test_it_starts_where_its_output_is_a_socket(server: Server, tmp_path: Path) -> None:
    """As systemd starts it."""
    ours, its = socket.socketpair()
    with ours, its:
        running = start_proxy(tmp_path, server.run.ports, output=its.fileno())
        try:
            assert requests.get(running.url("/ping"), timeout=10).ok
        finally:
            running.stop()


def test_what_is_under_way_fits_the_pods_space() -> None:
    texts = [path.read_text() for path in DEPLOY.glob("*.conf")]
    (requests_at_once,) = {int(number) for text in texts for number in re.findall(r"limit_conn all (\d+);", text)}
    deployment = (DEPLOY.parent / "kubernetes" / "base" / "deployment.yaml").read_text()
    (gibibytes,) = re.findall(r"name: nginx-tmp, emptyDir: {sizeLimit: (\d+)Gi}", deployment)
    settings = read_properties(ROOT / "config.properties")
    each = int(settings["max_request_size"]) + int(settings["max_response_size"])
    assert requests_at_once * each < int(gibibytes) * 2**30


def test_management_is_named_nowhere() -> None:
    lines = [line.partition("#")[0] for path in DEPLOY.rglob("*.conf") for line in path.read_text().splitlines()]
    assert not any("8081" in line or "7071" in line for line in lines)
