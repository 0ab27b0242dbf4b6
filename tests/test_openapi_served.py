"""docs/openapi.yaml is true of a running server, as schemathesis finds by requests that it makes up."""

import base64
from collections import Counter
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scripts.serving.paths import ROOT
from tests.tools.hostile import encoded, picture
from tests.tools.serving import Server

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis takes no Python before 3.11")
OPENAPI = pytest.importorskip("schemathesis.specs.openapi.checks")
API = schemathesis.openapi.from_dict(yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text()))
OPERATIONS = [found.ok() for found in API.get_all_operations()]  # all are valid
CHECKS = [
    schemathesis.checks.not_a_server_error,
    OPENAPI.status_code_conformance,
    OPENAPI.content_type_conformance,
    OPENAPI.response_headers_conformance,
    OPENAPI.response_schema_conformance,
]
# What schemathesis calls positive and negative data is no check here: headers cannot say which options go together.
EXAMPLES = 16  # of each operation; about every fourth is drawn, in some 100 ms
BODIES = st.sampled_from([encoded(picture(96, 64), "PNG"), encoded(picture(64, 96), "WEBP"), b"no photo"])

for kind in ("image/*", "application/octet-stream"):
    schemathesis.openapi.media_type(kind, BODIES)
schemathesis.openapi.format("binary", BODIES)
schemathesis.openapi.format("byte", BODIES.map(lambda body: base64.b64encode(body).decode()))


@pytest.mark.parametrize("operation", OPERATIONS, ids=[operation.label for operation in OPERATIONS])
def test_the_server_answers_as_the_document_says(server: Server, operation: Any) -> None:
    seen: Counter[int] = Counter()

    @settings(
        max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(operation.as_strategy())
    def ask(case: Any) -> None:
        answer = case.call_and_validate(base_url=server.rest, checks=CHECKS, timeout=60)
        seen[answer.status_code] += 1

    ask()
    met = {"GET /ping": {200}, "POST /predictions/portrait/{version}": {404}}
    assert set(seen) >= met.get(operation.label, {200, 400})


def test_an_answer_that_the_document_does_not_have_is_noticed(server: Server) -> None:
    operation = next(found for found in OPERATIONS if found.label == "GET /ping")
    case = operation.Case()
    case.path = "/nowhere"
    with pytest.raises(schemathesis.core.failures.FailureGroup, match="Undocumented status code"):
        case.call_and_validate(base_url=server.rest, checks=CHECKS)
