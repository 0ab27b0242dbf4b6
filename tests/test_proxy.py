"""deploy/nginx for real: Debian's nginx between clients and TorchServe."""

import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator

import grpc
import pytest
import requests

from scripts.serving.paths import SAMPLE
from scripts.serving.readiness import is_ready
from scripts.serving.settings import HOST, Ports
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
SHORT = {"client_header_timeout": 1, "client_body_timeout": 1}
KEYS = 'default 1;\n"~^Bearer Ab1$" 0;\n'


@pytest.fixture(scope="module")
def proxy(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """In front of the session's TorchServe."""
    running = start_proxy(tmp_path_factory.mktemp("nginx"), server.run.ports, seconds=SHORT)
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


@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH"])
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


def test_a_form_is_told_how_to_send_a_photo(proxy: Proxy) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = requests.post(proxy.url(PREDICT), data=PHOTO, headers=headers, timeout=10)
    assert answer.status_code == 400
    assert "curl -T" in message_of(answer)


def test_two_lengths_in_one_request_are_refused(proxy: Proxy) -> None:
    """What smugglers send (CVE-2021-43797 and its kin)."""
    lengths = "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"
    assert b" 400 " in exchange(proxy, f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\n{lengths}\r\n0\r\n\r\n")


def exchange(proxy: Proxy, request: str, timeout: float = 8) -> bytes:
    """Send bytes and no more, read until the proxy closes; `TimeoutError` when it does not."""
    with socket.create_connection((HOST, proxy.ports[8000]), timeout=timeout) as connection:
        connection.sendall(request.encode())
        answer = b""
        while part := connection.recv(4096):
            answer += part
            if b" 400 " in answer:
                break
        return answer


@pytest.mark.parametrize(
    "start",
    [f"POST {PREDICT} HTTP/1.1\r\nHost:", f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc"],
    ids=["header", "body"],
)
def test_a_client_that_stops_half_way_is_cut_off(proxy: Proxy, start: str) -> None:
    began = time.monotonic()
    with contextlib.suppress(ConnectionResetError):  # reset_timedout_connection
        exchange(proxy, start)
    assert time.monotonic() - began < 5


def test_dribbling_clients_hold_nobody_up(proxy: Proxy, direct: bytes) -> None:
    start = f"POST {PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n".encode()
    dribbling = [socket.create_connection((HOST, proxy.ports[8000])) for _ in range(100)]
    try:
        for connection in dribbling:
            connection.sendall(start)
        assert requests.post(proxy.url(PREDICT), data=PHOTO, timeout=60).content == direct
    finally:
        for connection in dribbling:
            connection.close()


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
    assert "Bearer" in message_of(answer)
    assert code_of(lambda: predict(guarded, stubs, key=key)) is grpc.StatusCode.UNAUTHENTICATED


def test_keys_of_the_proxy_let_their_owner_in(guarded: Proxy, stubs: Stubs, direct: bytes) -> None:
    headers = {"Authorization": "Bearer Ab1"}
    assert requests.post(guarded.url(PREDICT), data=PHOTO, headers=headers, timeout=60).content == direct
    assert predict(guarded, stubs, key="Ab1") == direct


def test_management_is_named_nowhere() -> None:
    lines = [line.partition("#")[0] for path in DEPLOY.rglob("*.conf") for line in path.read_text().splitlines()]
    assert not any("8081" in line or "7071" in line for line in lines)
