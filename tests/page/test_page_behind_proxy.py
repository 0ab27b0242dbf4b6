"""The page behind deploy/nginx, as deploy/compose.yaml has it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.tools.page_driver import PageDriver
from tests.tools.proxy import NGINX, start_proxy
from tests.tools.serving import Server

pytestmark = pytest.mark.skipif(NGINX is None, reason="no nginx here; get it with: bash tests/tools/fetch_nginx.sh")


@pytest.mark.usefixtures("address")
def test_the_page_is_there_without_a_key_and_draws(
    visit: Callable[..., PageDriver], server: Server, photo: Path, tmp_path: Path
) -> None:
    proxy = start_proxy(tmp_path / "nginx", server.run.ports, keys='"~^Bearer Ab1$" anna;\n', page=True)
    try:
        driver = visit(proxy.url(""))
        driver.see("astronaut")
        driver.bring(photo)
        driver.see("eileen")
        assert requests.post(proxy.url("/predictions/portrait"), data=b"x", timeout=10).status_code == 401
        assert requests.get(proxy.url("/elsewhere"), timeout=10).status_code == 404
    finally:
        proxy.stop()
