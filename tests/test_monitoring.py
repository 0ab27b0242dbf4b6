"""The dashboard and the alert rules, on a real Prometheus that scrapes the real TorchServe."""

import json
import math
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from scripts.serving.paths import BUILD, ROOT, SAMPLE
from tests.tools.serving import Server

MONITORING = ROOT / "deploy" / "monitoring"
PANELS = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
QUERIES = [(f"{panel['title']} {target['refId']}", target["expr"]) for panel in PANELS for target in panel["targets"]]
# What KEDA asks of TorchServe's metrics; tests/test_proxy.py has those of nginx.
KEDA = (ROOT / "deploy" / "kubernetes" / "overlays" / "keda" / "scaled_object.yaml").read_text()
TRIGGERS = {trigger["name"]: trigger["metadata"]["query"] for trigger in yaml.safe_load(KEDA)["spec"]["triggers"]}
QUERIES.append(("KEDA's queue-seconds", TRIGGERS["queue-seconds"]))
RULES = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"][0]["rules"]
PATH = f"{os.environ.get('PATH', os.defpath)}:{BUILD / 'prometheus' / 'usr' / 'bin'}"
PATIENCE = 60.0


def program(name: str) -> str:
    found = shutil.which(name, path=PATH)
    if found is None:
        pytest.skip(f"{name} is not there; get it with: bash tests/tools/fetch_prometheus.sh")
    return found


class Prometheus:
    """A running Prometheus that scrapes every second."""

    def __init__(self, address: str) -> None:
        self.address = address

    def ask(self, path: str, **parameters: str) -> Any:
        answer = requests.get(f"{self.address}/api/v1/{path}", params=parameters, timeout=10)
        assert answer.ok, answer.text
        return answer.json()["data"]

    def values(self, query: str) -> list[float]:
        """Of all series that the query gives now."""
        result = self.ask("query", query=query)["result"]
        return [float(sample["value"][1]) for sample in result]

    def wait_for_scrapes(self, count: int) -> None:
        """Until so many scrapes have been made since this call."""
        since, seen = time.time(), set[float]()
        deadline = time.monotonic() + PATIENCE
        while len(seen) < count:
            assert time.monotonic() < deadline, "Prometheus does not scrape"
            time.sleep(0.2)
            seen.update(moment for moment in self.values("timestamp(up)") if moment > since)


@pytest.fixture(scope="module")
def prometheus(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus with the project's own configuration, but for the server's port and its haste; it has seen traffic."""
    folder = tmp_path_factory.mktemp("prometheus")
    address = f"127.0.0.1:{free_port()}"
    configuration = write_configuration(folder, server)
    command = [program("prometheus"), f"--config.file={configuration}", f"--storage.tsdb.path={folder / 'data'}",
               f"--web.listen-address={address}"]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until_ready(f"http://{address}", process)
        made = Prometheus(f"http://{address}")
        for style in ("draw", "sketch"):  # twice: a rate needs a change between two scrapes
            send_traffic(server, style)
            made.wait_for_scrapes(2)
        yield made
    finally:
        process.terminate()
        process.wait(timeout=20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def write_configuration(folder: Path, server: Server) -> Path:
    text = (MONITORING / "prometheus.yml").read_text()
    for given, wanted in (
        ("127.0.0.1:8082", server.metrics.removeprefix("http://")),
        ("alerts.yml", str(MONITORING / "alerts.yml")),
        ("15s", "1s"),
    ):
        assert given in text
        text = text.replace(given, wanted)
    path = folder / "prometheus.yml"
    path.write_text(text)
    return path


def wait_until_ready(address: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if requests.get(f"{address}/-/ready", timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    pytest.fail(f"Prometheus did not start; exit status {process.poll()}")


def send_traffic(server: Server, style: str) -> None:
    """Return a photo with a face to look for, and a request that is refused."""
    for headers, status in (
        ({"Portrait-Style": style, "Portrait-Frame": "face"}, 200),
        ({"Portrait-Style": "oil"}, 400),
    ):
        answer = requests.post(server.predictions, data=SAMPLE.read_bytes(), headers=headers, timeout=120)
        assert answer.status_code == status, answer.text


@pytest.mark.parametrize("query", [query for _, query in QUERIES], ids=[name for name, _ in QUERIES])
def test_a_panel_shows_numbers(prometheus: Prometheus, query: str) -> None:
    values = prometheus.values(query.replace("$__rate_interval", "1m").replace("$instance", ".*"))
    assert any(math.isfinite(value) for value in values), "the panel would be empty"


def test_panels_say_what_they_show_and_do_not_overlap() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert all(panel["title"] and panel["description"] for panel in PANELS)
    cells = [
        (panel["gridPos"]["x"] + column, panel["gridPos"]["y"] + row)
        for panel in PANELS
        for column in range(panel["gridPos"]["w"])
        for row in range(panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(column for column, _ in cells) < 24


@pytest.mark.parametrize("name", ["prometheus.yml", "alerts.yml"])
def test_promtool_finds_nothing_to_complain_of(name: str) -> None:
    kind = "config" if name == "prometheus.yml" else "rules"
    promtool("check", kind, str(MONITORING / name))


def test_each_alert_fires_and_stays_silent_as_its_story_says() -> None:
    promtool("test", "rules", str(MONITORING / "alerts_test.yml"))


def promtool(*arguments: str) -> None:
    done = subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_its_story_and_its_place_in_the_documentation() -> None:
    alerts = [rule["alert"] for rule in RULES]
    stories = yaml.safe_load((MONITORING / "alerts_test.yml").read_text())["tests"]
    assert [case["alertname"] for story in stories for case in story["alert_rule_test"]] == alerts
    assert re.findall(r"^\| `(Portrait\w+)` \|", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE) == alerts


def test_a_healthy_server_raises_no_alarm(prometheus: Prometheus) -> None:
    prometheus.wait_for_scrapes(2)
    [group] = prometheus.ask("rules")["groups"]
    assert {rule["name"]: rule["health"] for rule in group["rules"]} == {rule["alert"]: "ok" for rule in RULES}
    assert [rule["name"] for rule in group["rules"] if rule["state"] == "firing"] == []


def test_rules_and_panels_ask_for_metrics_that_there_are(server: Server) -> None:
    # TorchServe names a metric before its first value.
    told = set(re.findall(r"^# HELP (\w+)", requests.get(f"{server.metrics}/metrics", timeout=10).text, re.MULTILINE))
    asked = {
        name
        for query in [*(query for _, query in QUERIES), *(rule["expr"] for rule in RULES)]
        for name in re.findall(r"(\w+)\{", query)
    }
    families = {re.sub(r"^(portrait_\w+?)_(bucket|sum|count)$", r"\1", name) for name in asked}
    assert families - {"up"} <= told
