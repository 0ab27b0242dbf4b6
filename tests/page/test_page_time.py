"""From upload to picture takes the network's time and little more."""

from playwright.sync_api import Browser

from scripts.page_time import MOST_MS, report, visit
from scripts.serving.paths import SAMPLE


def test_the_page_adds_little_to_the_network(browser: Browser, address: str) -> None:
    visits = [visit(browser, address, SAMPLE) for _ in range(3)]
    assert min(one.own for one in visits) <= MOST_MS  # the best: what else runs here adds to the others
    assert min(one.own for one in visits) > 0


def test_the_command_says_when_it_is_too_slow(browser: Browser, address: str) -> None:
    one = visit(browser, address, SAMPLE)
    assert report([one._replace(seen=one.network + MOST_MS + 1)]) == 1
    assert report([one._replace(seen=one.network + 1)]) == 0
