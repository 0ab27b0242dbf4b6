"""deploy/haproxy for real: HAProxy before two nodes, each a host of its own; what docs/fleet.md says is done to them.

Photos are small, so that it is quick; clients keep asking while nodes break, leave and change.
"""

import re
import signal
import subprocess
import time
import zipfile
from base64 import b64decode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from threading import Event
from typing import NamedTuple

import psutil
import pytest
import requests
from PIL import Image, ImageOps
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from handler.module_info import FORMS
from scripts.container import drain
from scripts.serving import canary
from scripts.serving.machine import usable_cores
from scripts.serving.paths import PYTHON, ROOT, SAMPLE
from tests.tools.documents import blocks_of
from tests.tools.fleet import DEPLOY, HAPROXY, SOCAT, Front, Node, NoNamespacesError, balancing, two_nodes
from tests.tools.proxy import NGINX
from tests.tools.serving import Stubs

pytestmark = pytest.mark.skipif(
    None in (HAPROXY, SOCAT, NGINX),
    reason="no HAProxy, socat or nginx here; get them with: bash tests/tools/fetch_haproxy.sh, fetch_nginx.sh",
)

CLIENTS = 4  # at once
# A canary every second, so that nodes are up again soon; a request that hangs is tried again soon, yet, as shipped,
# not before its node is found out by two canaries; nobody is turned away where this machine is slow.
HASTE = {"inter": 1, "timeout check": 12, "timeout server": 30, "timeout queue": 60}
BLOCKS = blocks_of((ROOT / "docs" / "fleet.md").read_text(), "docs/fleet.md")
# HAProxy 2.6 sends nothing again whose node resets the connection. It hangs up, so that clients do (RFC 9112, 9.3.1).
ONCE_MORE = Retry(total=1, allowed_methods=None)
Answers = list[tuple[int, requests.Response]]  # with the number of the photo


def photos() -> list[bytes]:
    """Return the canary's photo and its mirror image, so that mixed-up answers would be seen."""
    with Image.open(BytesIO(canary.photo())) as image:
        turned = BytesIO()
        ImageOps.flip(image).save(turned, "PNG")
    return [canary.photo(), turned.getvalue()]


PHOTOS = photos()


class Fleet(NamedTuple):
    """All that runs."""

    front: Front
    a: Node
    b: Node
    old: Path  # archives
    new: Path
    right: dict[tuple[str, int], bytes]  # Portrait-Weights and number of the photo -> the picture

    def learn(self, node: Node) -> str:
        """Note what a node draws, and return by which weights."""
        answers = [node.ask(photo) for photo in PHOTOS]
        self.right.update({(a.headers["Portrait-Weights"], n): a.content for n, a in enumerate(answers)})
        return answers[0].headers["Portrait-Weights"]


@pytest.fixture(scope="module")
def other_archive(archive: Path, module_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """portrait.mar of other weights: `archive` with the network of seeded ones, in floating point alone."""
    other = tmp_path_factory.mktemp("other") / "portrait.mar"
    with zipfile.ZipFile(archive) as entries, zipfile.ZipFile(other, "w") as written:
        for name in set(entries.namelist()) - set(FORMS.values()):
            written.writestr(name, entries.read(name))
        written.write(module_folder / FORMS["float"], FORMS["float"])
    return other


@pytest.fixture(scope="module")
def fleet(archive: Path, other_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    with ExitStack() as stack:
        try:
            host, a, b = stack.enter_context(two_nodes(archive, folder))
        except NoNamespacesError as error:
            pytest.skip(f"no network namespaces can be made here: {error}")
        (folder / "front" / "photo.jpg").write_bytes(PHOTOS[0])
        front = stack.enter_context(balancing(host, folder / "front", HASTE))
        running = Fleet(front, a, b, archive, other_archive, {})
        for name, node in (("a", running.a), ("b", running.b)):
            running.learn(node)
            front.wait_for(name, "UP")
        yield running


@contextmanager
def asked(fleet: Fleet, number: int = CLIENTS) -> Iterator[Answers]:
    """Have clients ask without a pause, from a while before the block until a while after it -> all their answers."""
    answers: Answers = []
    ending = Event()

    def ask_on(number: int) -> None:
        with requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=ONCE_MORE))
            while not ending.is_set():
                answers.append((number, session.post(fleet.front.url, data=PHOTOS[number], timeout=120)))

    with ThreadPoolExecutor(number) as crew:
        clients = [crew.submit(ask_on, n % len(PHOTOS)) for n in range(number)]
        try:
            wait_for_more(answers)
            yield answers
            wait_for_more(answers)
        finally:
            ending.set()
    for client in clients:
        client.result()


def wait_for_more(answers: Answers, number: int = 2 * CLIENTS) -> None:
    """Until so many more have come."""
    enough = len(answers) + number
    wait_until(lambda: len(answers) >= enough)


def wait_until(holds: Callable[[], bool], seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.1)


def all_right(fleet: Fleet, answers: Answers) -> set[str]:
    """Every request was drawn, and each as the weights that it names draw it; returns those weights."""
    assert [(answer.status_code, answer.text) for _, answer in answers if answer.status_code != 200] == []
    for number, answer in answers:
        assert answer.content == fleet.right[answer.headers["Portrait-Weights"], number]
    return {answer.headers["Portrait-Weights"] for _, answer in answers}


def section(heading: str) -> list[str]:
    """Return the commands of a section of docs/fleet.md."""
    text = (ROOT / "docs" / "fleet.md").read_text()
    return [block.code for block in blocks_of(text.split(f"## {heading}\n")[1].split("\n## ")[0], "docs/fleet.md")]


LOOK, (OUT, IN) = section("What the nodes do")[0], section("A node out, and in")
TRY, SHARE, COMPARE, BACK = section("New weights, a share at a time")


def test_every_command_of_the_document_is_run_here() -> None:
    assert [block.code for block in BLOCKS if block.language == "bash"] == [LOOK, OUT, IN, TRY, SHARE, COMPARE, BACK]


def test_the_canary_is_that_of_the_health_check() -> None:
    (sent,) = re.findall(r"""body '\{"data":"([\w+/=]+)"\}'""", (DEPLOY / "haproxy.cfg").read_text())
    with Image.open(BytesIO(b64decode(sent))) as one, Image.open(BytesIO(canary.photo())) as other:
        assert one.tobytes() == other.tobytes()


def test_a_picture_is_that_of_a_node_over_rest_and_grpc(fleet: Fleet, stubs: Stubs) -> None:
    (weights,) = {weights for weights, _ in fleet.right}
    answer = requests.post(fleet.front.url, data=PHOTOS[1], timeout=60)
    assert answer.content == fleet.right[weights, 1]
    request = stubs.inference.PredictionsRequest(model_name="portrait", input={"data": PHOTOS[1]})
    with fleet.front.channel() as channel:
        drawn = stubs.inference_grpc.InferenceAPIsServiceStub(channel).Predictions(request, timeout=60)
    assert drawn.prediction == fleet.right[weights, 1]


def test_errors_pass_as_nodes_give_them(fleet: Fleet) -> None:
    refused = requests.post(fleet.front.url, data=b"no photo", timeout=60)
    assert (refused.status_code, refused.json()["type"]) == (400, "BadRequest")
    assert requests.post(fleet.front.url, data=bytes(29360129), timeout=60).status_code == 413


def test_a_node_that_answers_503_costs_nobody_a_picture_while_the_other_has_room(fleet: Fleet) -> None:
    fleet.front.bash(OUT)
    fleet.front.ask("disable health rest/b")  # else it would be down before it is asked
    scale(fleet.b, 0)
    fleet.front.bash(IN)
    with asked(fleet, 1) as answers:
        wait_for_more(answers)
    all_right(fleet, answers)
    assert fleet.front.tried_again("b") > 0
    scale(fleet.b, 1)
    fleet.front.ask("enable health rest/b")
    fleet.front.wait_for("b", "UP")


def scale(node: Node, workers: int) -> None:
    with node.host.inside():
        node.server.scale(workers)


def test_a_node_that_hangs_costs_nobody_a_picture(fleet: Fleet) -> None:
    with asked(fleet) as answers:
        fleet.b.signal(signal.SIGSTOP)
        fleet.front.wait_for("b", "DOWN")
        wait_for_more(answers)
        fleet.b.signal(signal.SIGCONT)
        fleet.front.wait_for("b", "UP")
    all_right(fleet, answers)


def test_a_node_that_is_killed_costs_nobody_a_picture_not_even_a_large_photos(fleet: Fleet) -> None:
    large = PHOTOS[0] + bytes(20_000_000 - len(PHOTOS[0]))
    worker_of(fleet.b).suspend()  # so that it is at the photo
    fleet.front.ask("set server rest/a state drain")
    with ThreadPoolExecutor(1) as crew:
        waiting = crew.submit(requests.post, fleet.front.url, data=large, timeout=120)
        wait_until(lambda: fleet.front.under_way("b") == 1)
        fleet.front.ask("set server rest/a state ready")
        with asked(fleet) as answers:
            fleet.b.signal(signal.SIGKILL)
            wait_for_more(answers)
        all_right(fleet, [*answers, (0, waiting.result())])
    fleet.b.stop()
    fleet.b.start(fleet.old)
    fleet.front.wait_for("b", "UP")


def worker_of(node: Node) -> psutil.Process:
    with node.host.inside():
        (worker,) = node.server.model().workers
    return psutil.Process(worker.pid)


def test_two_nodes_draw_more_than_one(fleet: Fleet) -> None:
    if usable_cores() * (1 - psutil.cpu_percent(2) / 100) < 1.5:  # the canaries take some
        pytest.skip("two nodes draw more than one where two cores are free, and others are at work on them here")
    both = seconds_of_photos(fleet)
    fleet.front.bash(OUT)
    alone = seconds_of_photos(fleet)
    fleet.front.bash(IN)
    assert alone > 1.3 * both, f"{alone:.1f} s by one node, {both:.1f} s by two"


def seconds_of_photos(fleet: Fleet, number: int = 8) -> float:
    """Time that so many photos of usual size take, several at a time."""
    began = time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as crew:
        photo = SAMPLE.read_bytes()
        drawn = list(crew.map(lambda _: requests.post(fleet.front.url, data=photo, timeout=120), range(number)))
    assert len({answer.content for answer in drawn if answer.ok}) == 1
    return time.monotonic() - began


def test_new_weights_come_by_the_document_without_an_error(fleet: Fleet) -> None:
    (old,) = {weights for weights, _ in fleet.right}
    with asked(fleet) as answers:
        fleet.front.bash(OUT)
        new = renewed(fleet, fleet.b)
        assert new in fleet.front.bash(TRY)
        wait_for_more(answers)
        assert all_right(fleet, answers) == {old}  # drained still
        fleet.front.bash(SHARE.replace("share 10", "share 50"))
        assert drawn_by(fleet.front.bash(COMPARE), new) == pytest.approx(20, abs=15)
        assert re.search(r"^b .* faults: 0 ms: \d+$", fleet.front.bash(LOOK), re.MULTILINE)
        fleet.front.bash(BACK)
        seen = len(answers)
        wait_for_more(answers, 3 * CLIENTS)
        late = [answer for _, answer in answers[seen:] if answer.headers["Portrait-Weights"] == new]
        assert len(late) <= CLIENTS  # that were under way
        fleet.front.bash(IN)
        fleet.front.bash(OUT.replace("rest/b", "rest/a").replace('"b"', '"a"'))
        renewed(fleet, fleet.a)
        fleet.front.bash(IN.replace("rest/b", "rest/a"))
        fleet.front.wait_for("a", "UP")
    assert all_right(fleet, answers) == {old, new}
    assert all_right(fleet, answers[-CLIENTS:]) == {new}


def renewed(fleet: Fleet, node: Node) -> str:
    """Have a node draw with the new archive; returns its weights."""
    node.stop()
    node.start(fleet.new)
    return fleet.learn(node)


def drawn_by(table: str, weights: str) -> int:
    """Return how many photos were drawn by `weights`, of a table that `uniq -c` made."""
    return sum(int(line.split()[0]) for line in table.splitlines() if weights in line)


def test_a_node_that_is_told_to_end_answers_what_is_queued_first(fleet: Fleet) -> None:
    """As Kubernetes does it: nginx is told to finish, and TorchServe once `drain` has returned."""
    (weights,) = {answer.headers["Portrait-Weights"] for answer in [fleet.b.ask(PHOTOS[0])]}
    worker = worker_of(fleet.b)
    worker.suspend()
    with ThreadPoolExecutor(CLIENTS) as crew:
        waiting = [crew.submit(fleet.b.ask, PHOTOS[0]) for _ in range(CLIENTS)]
        time.sleep(1)
        fleet.b.proxy.process.send_signal(signal.SIGQUIT)
        draining = subprocess.Popen(fleet.b.host.running(str(PYTHON), "-m", "scripts.container.drain"), cwd=ROOT)
        with pytest.raises(subprocess.TimeoutExpired):
            draining.wait(drain.SETTLING_SECONDS + 4)
        worker.resume()
        assert draining.wait(60) == 0
        assert {answer.result().content for answer in waiting} == {fleet.right[weights, 0]}
    assert fleet.b.proxy.process.wait(5) == 0
