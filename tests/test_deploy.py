"""What deploy/ and the Dockerfile say agrees with each other, with the settings and with Kubernetes' schemas."""

import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from model.files import sha256_of
from scripts import healthcheck
from scripts.archive.record import Record, write_record
from scripts.container import drain, start
from scripts.serving.arguments import MAX_WAIT, MAX_WAIT_VARIABLE
from scripts.serving.machine import JAVA_BYTES, WORKERS_PER_GPU, Arrangement, arrange
from scripts.serving.paths import ROOT
from scripts.serving.promise import MOST_RESPONSE
from scripts.serving.server import Run
from scripts.serving.settings import HOST, Ports, read_properties

DEPLOY = ROOT / "deploy"
DOCKERFILE = (ROOT / "Dockerfile").read_text()
NGINX = "\n".join(path.read_text() for path in sorted((DEPLOY / "nginx").glob("*.conf")))
KUBERNETES = DEPLOY / "kubernetes"
VERSIONS = ("1.33", "1.37")  # the oldest and the newest that deploy/README.md promises
OVERLAYS = sorted(path.name for path in (KUBERNETES / "overlays").iterdir())
# Overlay, and what is chosen on top of it. The overlay keda has monitoring.
BUILDS = [*((overlay,) for overlay in OVERLAYS), ("cpu", "tls", "one-precision", "monitoring")]
# Kinds that come from elsewhere, of which no package has a schema: `test_a_resource_of_...` look at them by hand.
FOREIGN = ("ScaledObject", "PodMonitor", "PrometheusRule")
STARTING_SECONDS = 2  # Python's own, on a slow machine
STOP_SECONDS = 20  # the image's, tested by scripts/test_image.sh


def documents() -> list[dict[str, Any]]:
    """Return what all overlays have."""
    paths = sorted(set((KUBERNETES / "base").glob("*.yaml")) - {KUBERNETES / "base" / "kustomization.yaml"})
    return [document for path in paths for document in yaml.safe_load_all(path.read_text())]


def kustomization(folder: Path) -> dict[str, Any]:
    listed: dict[str, Any] = yaml.safe_load((folder / "kustomization.yaml").read_text())
    return listed


@cache
def built(folder: Path) -> list[dict[str, Any]]:
    """Return what `kubectl apply -k` would send of a folder."""
    if not shutil.which("kubectl"):
        pytest.skip("no kubectl here; get it from https://kubernetes.io/docs/tasks/tools")
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(params=BUILDS, ids="+".join)
def build(request: pytest.FixtureRequest, tmp_path: Path) -> list[dict[str, Any]]:
    """Return an overlay with its components as a reader would build it, from a folder of his own."""
    overlay, *components = request.param
    if not components:
        return built(KUBERNETES / "overlays" / overlay)
    here = os.path.relpath(KUBERNETES, tmp_path)
    listed = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [f"{here}/overlays/{overlay}"],
        "components": [f"{here}/components/{name}" for name in components],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(listed))
    return built(tmp_path)


def of_kind(build: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = [document for document in build if document["kind"] == kind]
    return found


def manifest(kind: str, name: str = "portrait") -> dict[str, Any]:
    return next(d for d in documents() if (d["kind"], d["metadata"]["name"]) == (kind, name))


def pod() -> dict[str, Any]:
    spec: dict[str, Any] = manifest("Deployment")["spec"]["template"]["spec"]
    return spec


def container_named(name: str) -> dict[str, Any]:
    return next(found for found in pod()["containers"] if found["name"] == name)


def instruction(name: str) -> str:
    """Return the last instruction of that name in the Dockerfile, on one line."""
    lines = DOCKERFILE.replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith(f"{name} ")][-1]


def bytes_of(quantity: str) -> int:
    """4Gi -> 4294967296."""
    number, unit = re.fullmatch(r"(\d+)([MG]i)", quantity).groups()  # type: ignore[union-attr]
    return int(number) * {"Mi": 2**20, "Gi": 2**30}[unit]


@pytest.mark.parametrize("version", VERSIONS)
def test_an_overlay_fits_the_schemas_of_kubernetes(build: list[dict[str, Any]], version: str) -> None:
    for document in build:
        if document["kind"] not in FOREIGN:
            kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("document", documents(), ids=lambda d: f"{d['kind']}-{d['metadata']['name']}")
def test_a_manifest_fits_them_even_where_there_is_no_kubectl(document: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(document, version, strict=True)


def test_a_misspelt_field_does_not_fit() -> None:
    document = manifest("Deployment")
    document["spec"]["replica"] = 2
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, VERSIONS[-1], strict=True)


def test_the_readme_names_the_versions_and_every_overlay_and_component() -> None:
    text = (DEPLOY / "README.md").read_text()
    assert f"{VERSIONS[0]} and {VERSIONS[1]}" in text
    components = [path.name for path in (KUBERNETES / "components").iterdir()]
    assert [name for name in (*OVERLAYS, *components) if f"`{name}`" not in text] == []


def test_a_kustomization_lists_every_file_beside_it() -> None:
    for path in (*KUBERNETES.rglob("kustomization.yaml"), *(DEPLOY / "nginx").rglob("kustomization.yaml")):
        listed = yaml.safe_load(path.read_text())
        files = [file for made in listed.get("configMapGenerator", ()) for file in made.get("files", ())]
        named = {*listed.get("resources", ()), *files, *(patch.get("path") for patch in listed.get("patches", ()))}
        here = {file.name for file in path.parent.iterdir() if file.is_file()} - {"kustomization.yaml"}
        assert here - named == set(), path


def test_a_pod_has_every_file_of_the_page() -> None:
    """Pictures lie in a folder of their own, which names of a ConfigMap cannot say."""
    page, examples = kustomization(ROOT / "web" / "static")["configMapGenerator"]
    (volume,) = (volume for volume in pod()["volumes"] if volume["name"] == "page")
    moved = volume["projected"]["sources"][1]["configMap"]["items"]
    assert examples["files"] == [item["path"] for item in moved] == [f"example/{item['key']}" for item in moved]
    static = ROOT / "web" / "static"
    there = {str(path.relative_to(static)) for path in static.rglob("*.*")}
    assert {*page["files"], *examples["files"]} == there - {"kustomization.yaml"}


def test_what_a_pod_asks_for_by_name_is_made_or_told_of(build: list[dict[str, Any]]) -> None:
    made = {document["metadata"]["name"] for document in build if document["kind"] == "ConfigMap"}
    named = r"'configMap(?:Ref)?': {(?:'items': [^]]+], )?'name': '([^']+)'}"
    asked = re.findall(named, str(of_kind(build, "Deployment")))
    assert set(asked) == made
    secrets = re.findall(r"'secret(?:Name)?': (?:{'name': )?'([^']+)'", str(of_kind(build, "Deployment")))
    assert all(name in (DEPLOY / "README.md").read_text() for name in secrets)


def test_pods_are_apart_and_go_one_by_one(build: list[dict[str, Any]]) -> None:
    spec = of_kind(build, "Deployment")["spec"]
    template, labels = spec["template"]["spec"], spec["selector"]["matchLabels"]
    (spread,) = template["topologySpreadConstraints"]
    (apart,) = template["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    budget = of_kind(build, "PodDisruptionBudget")["spec"]
    selectors = [spread["labelSelector"], apart["podAffinityTerm"]["labelSelector"], budget["selector"]]
    assert selectors == [{"matchLabels": labels}] * 3
    assert budget["maxUnavailable"] == 1


def test_whoever_sets_the_number_of_pods_does_it_alone(build: list[dict[str, Any]]) -> None:
    scalers = [document for document in build if document["kind"] in ("HorizontalPodAutoscaler", "ScaledObject")]
    assert len(scalers) == 1 or "replicas" in of_kind(build, "Deployment")["spec"]
    for scaler in scalers:
        assert scaler["spec"]["scaleTargetRef"]["name"] == of_kind(build, "Deployment")["metadata"]["name"]
        assert "replicas" not in of_kind(build, "Deployment")["spec"]


def test_a_resource_of_keda_has_fields_that_keda_knows() -> None:
    """By hand, after KEDA 2.18's config/crd/bases/keda.sh_scaledobjects.yaml and its scaler for Prometheus."""
    spec = of_kind(built(KUBERNETES / "overlays" / "keda"), "ScaledObject")["spec"]
    scaling = of_kind(built(KUBERNETES / "overlays" / "cpu"), "HorizontalPodAutoscaler")["spec"]
    known = {"scaleTargetRef", "minReplicaCount", "maxReplicaCount", "pollingInterval", "advanced", "triggers"}
    assert set(spec) <= known
    assert spec["advanced"] == {"horizontalPodAutoscalerConfig": {"behavior": scaling["behavior"]}}
    for trigger in spec["triggers"]:
        assert set(trigger) == {"type", "name", "metricType", "metadata"}
        assert trigger["metricType"] in ("AverageValue", "Value")
        assert set(trigger["metadata"]) == {"serverAddress", "query", "threshold"}
        assert all(isinstance(value, str) for value in trigger["metadata"].values())
        assert float(trigger["metadata"]["threshold"]) > 0


def test_a_resource_of_prometheus_operator_asks_for_what_nginx_shows() -> None:
    """By hand, after the operator's monitoring.coreos.com_podmonitors.yaml."""
    monitor = of_kind(built(KUBERNETES / "overlays" / "keda"), "PodMonitor")["spec"]
    assert set(monitor) == {"jobLabel", "selector", "podMetricsEndpoints"}
    labels = manifest("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert labels[monitor["jobLabel"]] == "portrait"  # by which dashboard and rules know it
    assert monitor["selector"] == {"matchLabels": labels}
    for endpoint in monitor["podMetricsEndpoints"]:
        assert set(endpoint) <= {"port", "path", "interval", "relabelings", "authorization"}
        assert endpoint["authorization"]["credentials"]["name"] in (DEPLOY / "README.md").read_text()
        assert endpoint["port"] in [port["name"] for port in container_named("nginx")["ports"]]
        assert f"location = {endpoint['path']} {{" in NGINX


def test_a_resource_of_prometheus_operator_has_the_rules_of_monitoring() -> None:
    path = KUBERNETES / "components" / "monitoring" / "rules.yaml"
    kept = yaml.safe_load((DEPLOY / "monitoring" / "alerts.yml").read_text())
    assert yaml.safe_load(path.read_text())["spec"] == kept, f"the head of {path} says how to renew it"


def test_a_gpu_has_the_workers_that_it_is_worth() -> None:
    deployment = of_kind(built(KUBERNETES / "overlays" / "gpu"), "Deployment")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    limits = container["resources"]["limits"]
    found = arrange(int(limits["cpu"]), bytes_of(limits["memory"]), gpus=limits["nvidia.com/gpu"])
    assert found.workers == WORKERS_PER_GPU


def test_the_settings_are_ones_that_the_image_takes() -> None:
    (settings,) = kustomization(KUBERNETES / "base")["configMapGenerator"]
    told = dict(line.split("=", 1) for line in settings["literals"])
    assert set(told) == {MAX_WAIT_VARIABLE, "PORTRAIT_PRECISION"}
    arguments = [re.sub(r"\$\((\w+)\)", lambda m: told[m[1]], text) for text in container_named("portrait")["args"]]
    assert start._parser().parse_args(arguments).precision == "auto"
    assert float(told[MAX_WAIT_VARIABLE]) == MAX_WAIT


def test_disks_are_as_large_as_what_is_written() -> None:
    sizes = [bytes_of(volume["emptyDir"]["sizeLimit"]) for volume in pod()["volumes"] if "emptyDir" in volume]
    limits = [bytes_of(one["resources"]["limits"]["ephemeral-storage"]) for one in pod()["containers"]]
    assert sum(limits) > sum(sizes)


def test_tls_goes_where_nginx_looks_for_it() -> None:
    patch = yaml.safe_load((KUBERNETES / "components" / "tls" / "pod.yaml").read_text())
    (container,) = patch["spec"]["template"]["spec"]["containers"]
    assert f"include {container['volumeMounts'][0]['mountPath']}/*.conf;" in NGINX
    listening = (DEPLOY / "nginx" / "tls" / "server.conf").read_text()
    assert f"listen {container['ports'][0]['containerPort']} ssl" in listening


def test_probes_ask_what_the_image_asks() -> None:
    command = json.loads(instruction("HEALTHCHECK").partition("CMD ")[2])
    portrait = container_named("portrait")
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert portrait[probe]["exec"]["command"] == command
        assert portrait[probe]["timeoutSeconds"] >= MAX_WAIT + healthcheck.DRAWING_SECONDS + STARTING_SECONDS


def test_a_slow_start_is_waited_for() -> None:
    probe = container_named("portrait")["startupProbe"]
    startup = yaml.safe_load((ROOT / "handler" / "model-config.yaml").read_text())["startupTimeout"]
    assert probe["periodSeconds"] * probe["failureThreshold"] > startup
    assert int(re.findall(r"start-period=(\d+)s", DOCKERFILE)[0]) >= startup


def test_the_pod_has_time_to_end() -> None:
    portrait, nginx = container_named("portrait"), container_named("nginx")
    first, last = map(int, re.findall(r"sleep (\d+)", nginx["lifecycle"]["preStop"]["exec"]["command"][-1]))
    assert portrait["lifecycle"]["preStop"]["exec"]["command"][-1] == drain.__name__
    assert first < drain.SETTLING_SECONDS
    answers = max(map(int, re.findall(r"proxy_read_timeout (\d+)s;", NGINX)))
    assert last >= answers
    assert pod()["terminationGracePeriodSeconds"] >= first + answers + STOP_SECONDS


@pytest.mark.parametrize("name", ["portrait", "nginx"])
def test_a_container_is_locked_down(name: str) -> None:
    security = container_named(name)["securityContext"]
    assert security["readOnlyRootFilesystem"]
    assert not security["allowPrivilegeEscalation"]
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert instruction("USER") == f"USER {security['runAsUser']}:{security['runAsGroup']}"
    assert pod()["securityContext"]["runAsNonRoot"]
    assert pod()["securityContext"]["fsGroup"] == security["runAsGroup"]


def test_what_the_image_writes_is_mounted() -> None:
    volumes = {volume["name"]: volume for volume in pod()["volumes"]}
    mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container_named("portrait")["volumeMounts"]}
    assert set(mounts) == set(json.loads(instruction("VOLUME").removeprefix("VOLUME ")))
    assert all("emptyDir" in volume for volume in mounts.values())


def test_memory_holds_java_and_a_worker_for_each_core() -> None:
    resources = container_named("portrait")["resources"]
    cores = int(resources["limits"]["cpu"])
    assert arrange(cores, bytes_of(resources["limits"]["memory"])) == Arrangement(cores, cores)
    vmargs = read_properties(ROOT / "config.properties")["vmargs"]
    heap = int(re.findall(r"-Xmx(\d+)m", vmargs)[0]) * 2**20
    assert heap < JAVA_BYTES
    assert resources["requests"]["memory"] == resources["limits"]["memory"]


COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
COMPOSE_PROGRAM = shutil.which("docker-compose")  # `docker compose` needs a plugin, and only an engine starts services


@pytest.mark.parametrize("name", ["portrait", "nginx"])
def test_compose_starts_what_a_pod_has(name: str) -> None:
    service, container = COMPOSE[name], container_named(name)
    assert service["image"] == container["image"]
    started: list[str] = container["args"] if "args" in container else container["command"]
    assert service["command"] == started[: len(service["command"])]  # a pod's precision is in its settings


@pytest.mark.parametrize("service", COMPOSE.values(), ids=list(COMPOSE))
def test_a_service_is_locked_down_and_what_it_mounts_is_there(service: dict[str, Any]) -> None:
    assert service["user"] == instruction("USER").removeprefix("USER ")
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    mounted = [volume.split(":")[0] for volume in service["volumes"] if volume.startswith(".")]
    assert all((DEPLOY / path).exists() for path in mounted if path != "./keys")


def test_compose_opens_nginx_alone_and_that_on_loopback_unless_told() -> None:
    published = {name: service.get("ports", []) for name, service in COMPOSE.items()}
    assert set(published) - {"nginx"} == {
        name for name in COMPOSE if COMPOSE[name].get("network_mode") == "service:nginx"
    }
    assert not any(published[name] for name in published if name != "nginx")
    assert all(port.startswith(("${LISTEN:-127.0.0.1}:", "127.0.0.1:")) for port in published["nginx"])
    assert sorted(port.rpartition(":")[2] for port in published["nginx"]) == ["7000", "8000", "8002"]


@pytest.mark.skipif(
    not COMPOSE_PROGRAM, reason="docker-compose checks the file:  sudo apt-get install -y docker-compose"
)
def test_compose_finds_no_fault_in_the_file() -> None:
    command = [COMPOSE_PROGRAM or "", "-f", str(DEPLOY / "compose.yaml"), "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_nginx_listens_where_services_send() -> None:
    listening = set(re.findall(r"^\s*listen (\d+)[ ;]", NGINX, flags=re.MULTILINE))
    ports = {port["name"]: str(port["containerPort"]) for port in container_named("nginx")["ports"]}
    assert listening == set(ports.values())
    services = [document for document in documents() if document["kind"] == "Service"]
    targets = [port["targetPort"] for service in services for port in service["spec"]["ports"]]
    assert sorted(targets) == sorted(ports)


def test_nginx_sends_where_torchserve_listens() -> None:
    upstreams = set(re.findall(r"server 127\.0\.0\.1:(\d+);", NGINX))
    itself = set(re.findall(r"listen 127\.0\.0\.1:(\d+);", NGINX))
    assert upstreams - itself == {str(port) for port in (Ports.rest, Ports.grpc, Ports.metrics)}
    assert not upstreams & {str(Ports.management), str(Ports.grpc_management)}


def test_nginx_and_torchserve_agree_on_limits() -> None:
    settings = read_properties(ROOT / "config.properties")
    assert re.findall(r"client_max_body_size (\d+);", NGINX) == [settings["max_request_size"]]
    for seconds in re.findall(r"(?:proxy|grpc)_read_timeout (\d+)s;", NGINX):
        assert int(seconds) > MAX_WAIT + MOST_RESPONSE


def test_the_pod_asks_for_keys_where_torchserve_does_not() -> None:
    assert container_named("portrait")["args"][:3] == ["--host", "127.0.0.1", "--no-tokens"]
    keys = next(volume for volume in pod()["volumes"] if volume["name"] == "keys")
    assert not keys["secret"].get("optional", False)


def test_management_is_never_opened() -> None:
    opened = start.opened("0.0.0.0", "10.0.0.1", Ports())
    assert opened["inference_address"] == "http://0.0.0.0:8080"
    assert opened["grpc_inference_address"] == "0.0.0.0"
    assert opened["metrics_address"] == "http://10.0.0.1:8082"
    assert not any("management" in name for name in opened)


@pytest.mark.parametrize(
    ("host", "tokens", "said"),
    [
        (HOST, True, r"REST and gRPC listen on 127\.0\.0\.1.* ask for the keys in .*; --host 0\.0\.0\.0 opens them"),
        ("0.0.0.0", True, r"REST and gRPC listen on 0\.0\.0\.0.* ask for the keys in [^;]*\. Metrics"),
        ("0.0.0.0", False, r"REST and gRPC listen on 0\.0\.0\.0.* ask for NO keys\. Metrics"),
    ],
)
def test_the_start_says_who_is_let_in(host: str, tokens: bool, said: str, tmp_path: Path) -> None:
    run = Run(Ports(), Arrangement(1, 1), tokens, tmp_path, tmp_path, tmp_path)
    assert re.match(said, start.listening_text(host, HOST, run))


def test_the_image_listens_on_its_own_loopback_unless_told_otherwise() -> None:
    options = start._parser().parse_args([])
    assert (options.host, options.metrics_host) == (HOST, HOST)


def test_an_archive_that_was_changed_is_refused(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = tmp_path / "portrait.mar"
    changed.write_bytes(archive.read_bytes() + b"\0")
    write_record(changed, Record("", sha256_of(archive), "lite"))
    monkeypatch.setattr(start, "ARCHIVE", changed)
    assert start.main([]) == 1
    assert "not the archive" in capsys.readouterr().err


@pytest.fixture
def context() -> set[str]:
    """Return what .dockerignore lets through, at the top."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return {line[1:].rstrip("/") for line in lines if line.startswith("!")}


def test_what_the_dockerfile_copies_is_in_the_context(context: set[str]) -> None:
    copies = [line.split()[1:-1] for line in DOCKERFILE.replace("\\\n", " ").splitlines() if line.startswith("COPY ")]
    sources = [source for copy in copies if not copy[0].startswith("--from") for source in copy]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source == "." or source.split("/")[0] in context, source


def copied(before: str) -> list[str]:
    """Return sources of the first stage's COPY lines above a certain RUN line."""
    lines = DOCKERFILE.replace("\\\n", " ").split(before)[0].splitlines()
    return [source for line in lines if line.startswith("COPY ") for source in line.split()[1:-1]]


def kept() -> list[str]:
    """Return what of the checkout the last stage has, beside what was made in the first."""
    copies = [line.split()[2:-1] for line in DOCKERFILE.splitlines() if line.startswith("COPY --from=build ")]
    sources = [source.removeprefix("/opt/portrait/") for copy in copies for source in copy]
    return [source for source in sources if source.split("/")[0] not in (".venv", "build")]


def put(sources: list[str], folder: Path) -> None:
    """Copy these of the checkout into a folder."""
    for source in sources:
        target = folder / source
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        copy(ROOT / source, target)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze checks the unit")
def test_systemd_finds_no_fault_in_the_unit() -> None:
    command = ["systemd-analyze", "verify", str(DEPLOY / "systemd" / "portrait.service")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_image_is_set_up_by_the_standard_library_alone(tmp_path: Path) -> None:
    put(copied("RUN PIP_NO_CACHE_DIR"), tmp_path)
    command = [sys.executable, "-S", "-m", "scripts.serving.bootstrap", "--help"]
    told = subprocess.run(command, cwd=tmp_path, check=True, env={}, capture_output=True, text=True).stdout
    assert "{server}" in told  # the requirements that the image has


@pytest.mark.parametrize("module", ["scripts.healthcheck", "scripts.container.start", "scripts.serving.trial"])
def test_the_image_has_the_modules_that_it_runs(module: str, tmp_path: Path) -> None:
    put(kept(), tmp_path)
    taken_out = instruction("RUN .venv/bin/python -m pip uninstall").partition(" -q ")[2].split(" && ")[0].split()
    assert "huggingface_hub" in taken_out
    missing = [name.replace("-", "_") for name in (*taken_out, "handler")]
    code = f"import sys; sys.modules.update(dict.fromkeys({missing})); import {module}"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, env={})
