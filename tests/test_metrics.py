"""The handler's metrics: one table, told alike in code, in TorchServe's configuration and in the documentation."""

import logging
import re
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import grpc
import numpy as np
import pytest
import requests
import yaml
from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl

from handler.errors import RequestError, refuse
from handler.metrics import METRICS, STAGES, Tally
from handler.options import Options
from handler.preprocess import Job
from scripts.serving.paths import SAMPLE
from tests.tools.serving import Server, Stubs
from tests.tools.transports import Transports

ROOT = Path(__file__).parents[1]
CONFIGURATION = ROOT / "handler" / "metrics.yaml"
# As TorchServe's Metric.java takes a line apart.
LINE = re.compile(r"\[METRICS\](\w+)\.([\w ]+):([0-9\-,.e]+)\|#([^|]*)\|#type:(\w+)\|#hostname:[^,]+,\d+,(.*)")


class Told(NamedTuple):
    """One line that a worker wrote for TorchServe."""

    name: str
    value: float
    labels: dict[str, str]
    kind: str


class Worker:
    """TorchServe's own store, as one worker has it, and what it writes."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # it leaves closing the file to Python
            self.store = MetricsCacheYamlImpl(str(CONFIGURATION))
        self.store.initialize_cache()
        self.store.model_name = "portrait"
        self.store.request_ids = {0: "a-request", 1: "another"}
        self._caplog = caplog
        caplog.set_level(logging.INFO)
        caplog.clear()

    def told(self) -> list[Told]:
        messages = [r.message for r in self._caplog.records if "[METRICS]" in r.message]
        return [read(message) for message in messages]


def read(message: str) -> Told:
    match = LINE.fullmatch(message)
    assert match, f"TorchServe cannot read {message}"
    name, _, value, labels, kind, _ = match.groups()
    return Told(name, float(value), dict(pair.split(":") for pair in labels.split(",")), kind)


@pytest.fixture
def worker(caplog: pytest.LogCaptureFixture) -> Worker:
    return Worker(caplog)


def job(style: str = "draw", faces: int | None = None) -> Job:
    photo = np.zeros((300, 200, 3), np.uint8)
    return Job(photo, photo, Options(style=style), faces)


def refusal() -> RequestError:
    with pytest.raises(RequestError) as caught:
        refuse("photo: there is none")
    return caught.value


def counted(worker: Worker) -> dict[tuple[str, str, str], float]:
    return {
        (told.labels["style"], told.labels["outcome"], told.labels["status"]): told.value
        for told in worker.told()
        if told.name == "portrait_requests_total"
    }


def test_a_drawn_batch_is_counted_by_style_and_measured(worker: Worker) -> None:
    with Tally(worker.store, 2) as tally:
        tally.drawn([job("draw"), job("sketch", faces=2)])
    assert counted(worker) == {("draw", "drawn", "200"): 1, ("sketch", "drawn", "200"): 1}
    megapixels = [told for told in worker.told() if told.name == "portrait_picture_megapixels"]
    assert [(told.labels["style"], told.value) for told in megapixels] == [("draw", 0.06), ("sketch", 0.06)]
    assert [told.value for told in worker.told() if told.name == "portrait_faces"] == [2]


def test_a_refused_row_is_counted_by_its_status(worker: Worker) -> None:
    with Tally(worker.store, 2) as tally:
        tally.refused([refusal()])
        tally.drawn([job()])
    assert counted(worker) == {("none", "refused", "400"): 1, ("draw", "drawn", "200"): 1}


def test_rows_that_a_fault_took_down_are_counted_as_failed(worker: Worker) -> None:
    with pytest.raises(ZeroDivisionError), Tally(worker.store, 3) as tally:
        tally.refused([refusal()])
        raise ZeroDivisionError
    assert counted(worker) == {("none", "refused", "400"): 1, ("none", "failed", "5xx"): 2}


def test_each_stage_is_timed_in_seconds(worker: Worker) -> None:
    with Tally(worker.store, 0) as tally:
        for stage in STAGES:
            with tally.stage(stage):
                time.sleep(0.01)
    told = {told.labels["stage"]: told.value for told in worker.told() if told.name == "portrait_stage_seconds"}
    assert list(told) == list(STAGES)
    assert all(0.01 <= seconds < 1 for seconds in told.values())


def test_labels_arrive_in_the_order_that_the_configuration_gives(worker: Worker) -> None:
    with Tally(worker.store, 2) as tally, tally.stage("inference"):
        tally.refused([refusal()])
        tally.drawn([job(faces=1)])
    declared = declared_metrics()
    assert {told.name for told in worker.told()} == set(METRICS)
    for told in worker.told():
        assert (told.kind.lower(), tuple(told.labels)) == (declared[told.name].kind, declared[told.name].labels)
        assert told.labels | {"ModelName": "portrait", "Level": "Model"} == told.labels


class Declared(NamedTuple):
    kind: str
    unit: str
    labels: tuple[str, ...]


def declared_metrics() -> dict[str, Declared]:
    groups = yaml.safe_load(CONFIGURATION.read_text())["model_metrics"]
    return {
        entry["name"]: Declared(kind, entry["unit"], tuple(entry["dimensions"]))
        for kind, entries in groups.items()
        for entry in entries
    }


def test_the_configuration_declares_what_the_code_records() -> None:
    expected = {
        name: Declared(metric.kind.value, metric.unit, (*metric.labels, "ModelName", "Level"))
        for name, metric in METRICS.items()
    }
    declared = declared_metrics()
    del declared["PredictionTime"]  # TorchServe's worker records it
    assert declared == expected


def test_the_documented_table_is_the_codes() -> None:
    text = (ROOT / "docs" / "metrics.md").read_text()
    rows = re.findall(r"^\| `(portrait_\w+)` \| (\w+) \| (.*?) \| (.*?) \| (.*?) \|$", text, re.MULTILINE)
    documented = {name: (kind, unit, labels, meaning) for name, kind, unit, labels, meaning in rows}
    assert documented == {
        name: (m.kind.value, m.unit, ", ".join(f"`{label}`" for label in m.labels) or "none", m.meaning)
        for name, m in METRICS.items()
    }


def test_a_drawing_is_told_in_seven_short_lines(worker: Worker) -> None:
    with Tally(worker.store, 1) as tally:
        for stage in STAGES:
            with tally.stage(stage):
                pass
        tally.drawn([job(faces=1)])
    # Each costs a worker about 20 microseconds.
    assert [told.name for told in worker.told()] == [
        "portrait_workers",
        *["portrait_stage_seconds"] * 3,
        "portrait_requests_total",
        "portrait_picture_megapixels",
        "portrait_faces",
    ]


@pytest.mark.parametrize("store", [None, object()])
def test_a_store_that_does_not_work_fails_no_request(store: object, caplog: pytest.LogCaptureFixture) -> None:
    with Tally(store, 1) as tally:  # type: ignore[arg-type]
        tally.drawn([job()])
    assert "metrics were not recorded" in caplog.text


def shown(server: Server) -> dict[str, float]:
    """Return the handler's counters and histograms on the metrics port: name and own labels -> value."""
    text = requests.get(f"{server.metrics}/metrics", timeout=10).text
    samples = re.findall(r"^(portrait_\w+)\{(.*?),?ModelName=\"portrait\".*\} (\S+)$", text, re.MULTILINE)
    return {f"{name}{{{labels.rstrip(',')}}}": float(value) for name, labels, value in samples if "_bucket" not in name}


def growth(server: Server, before: dict[str, float]) -> dict[str, float]:
    return {name: value - before.get(name, 0) for name, value in shown(server).items() if value != before.get(name, 0)}


def test_a_real_server_shows_what_became_of_requests_over_rest_and_grpc(server: Server, stubs: Stubs) -> None:
    ways, before = Transports(server, stubs), shown(server)
    assert ways.raw(SAMPLE.read_bytes(), style="sketch", frame="face", size="100").status == 200
    assert ways.raw(b"no photo").status == 400
    assert ways.grpc(b"no photo").status == grpc.StatusCode.INVALID_ARGUMENT
    expected = {
        'portrait_requests_total{style="sketch",outcome="drawn",status="200"}': 1,
        'portrait_requests_total{style="none",outcome="refused",status="400"}': 2,
        'portrait_stage_seconds_count{stage="preprocess"}': 3,
        'portrait_stage_seconds_count{stage="inference"}': 1,
        'portrait_stage_seconds_count{stage="postprocess"}': 1,
        'portrait_picture_megapixels_count{style="sketch"}': 1,
        'portrait_picture_megapixels_sum{style="sketch"}': pytest.approx(0.01),
        "portrait_faces_count{}": 1,
        "portrait_faces_sum{}": 1,
    }
    deadline = time.monotonic() + 20  # they come through a log, a little after the answer
    while not expected.items() <= (grown := growth(server, before)).items():
        assert time.monotonic() < deadline, grown
        time.sleep(0.1)
