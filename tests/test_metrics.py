"""The handler's metrics: one table, told alike in code, in TorchServe's configuration and in the documentation."""

import logging
import re
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import yaml
from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl

from handler.errors import RequestError, refuse
from handler.metrics import METRICS, STAGES, Tally
from handler.options import Options
from handler.preprocess import Job

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


def requests(worker: Worker) -> dict[tuple[str, str, str], float]:
    return {
        (told.labels["style"], told.labels["outcome"], told.labels["status"]): told.value
        for told in worker.told()
        if told.name == "portrait_requests_total"
    }


def test_a_drawn_batch_is_counted_by_style_and_measured(worker: Worker) -> None:
    with Tally(worker.store, 2) as tally:
        tally.drawn([job("draw"), job("sketch", faces=2)])
    assert requests(worker) == {("draw", "drawn", "200"): 1, ("sketch", "drawn", "200"): 1}
    megapixels = [told for told in worker.told() if told.name == "portrait_picture_megapixels"]
    assert [(told.labels["style"], told.value) for told in megapixels] == [("draw", 0.06), ("sketch", 0.06)]
    assert [told.value for told in worker.told() if told.name == "portrait_faces"] == [2]


def test_a_refused_row_is_counted_by_its_status(worker: Worker) -> None:
    with Tally(worker.store, 2) as tally:
        tally.refused([refusal()])
        tally.drawn([job()])
    assert requests(worker) == {("none", "refused", "400"): 1, ("draw", "drawn", "200"): 1}


def test_rows_that_a_fault_took_down_are_counted_as_failed(worker: Worker) -> None:
    with pytest.raises(ZeroDivisionError), Tally(worker.store, 3) as tally:
        tally.refused([refusal()])
        raise ZeroDivisionError
    assert requests(worker) == {("none", "refused", "400"): 1, ("none", "failed", "5xx"): 2}


def test_each_stage_is_timed_in_seconds(worker: Worker) -> None:
    with Tally(worker.store, 0) as tally:
        for stage in STAGES:
            with tally.stage(stage):
                time.sleep(0.01)
    told = {told.labels["stage"]: told.value for told in worker.told()}
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


def test_recording_costs_less_than_a_thousandth_of_a_drawing(worker: Worker) -> None:
    batches = 100
    started = time.perf_counter()
    for _ in range(batches):
        with Tally(worker.store, 1) as tally:
            for stage in STAGES:
                with tally.stage(stage):
                    pass
            tally.drawn([job(faces=1)])
    # The fastest drawing takes 0.2 s; capturing each line for this test is in the time, too.
    assert (time.perf_counter() - started) / batches < 0.002


@pytest.mark.parametrize("store", [None, object()])
def test_a_store_that_does_not_work_fails_no_request(store: object, caplog: pytest.LogCaptureFixture) -> None:
    with Tally(store, 1) as tally:
        tally.drawn([job()])
    assert "metrics were not recorded" in caplog.text
