"""Times the page in Chromium: from a photo's upload until its picture is seen, less the network.

Needs requirements/test.txt, Debian's Chromium and a running page: `bash scripts/serve.sh --web`.
"""

import argparse
import os
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser

from scripts.pictures.chromium import PATIENCE_MS, chromium
from scripts.serving.paths import SAMPLE

MOST_MS = 300.0
# The page's own marks, and what the browser knows of its first question to the endpoint.
TIMES = """() => {
    const at = (name) => performance.getEntriesByName(name)[0].startTime;
    const asked = performance.getEntriesByType("resource").find(({ name }) => name.endsWith("/predictions/portrait"));
    return [at("shown") - at("chosen"), asked.responseEnd - asked.startTime];
}"""


class Visit(NamedTuple):
    """One photo on a fresh page, in milliseconds."""

    seen: float  # from upload to picture
    network: float  # from the request's start to the answer's end

    @property
    def own(self) -> float:
        """What the page adds."""
        return self.seen - self.network


def main(argv: Sequence[str] | None = None) -> int:
    """Print each visit; status 1 where the page's own share is over `MOST_MS` in the median, or without Chromium."""
    parser = argparse.ArgumentParser(prog="python -m scripts.page_time", description=__doc__)
    parser.add_argument("photo", type=Path, nargs="?", default=SAMPLE, help="default: the project's sample")
    parser.add_argument("--page", default="http://127.0.0.1:8501", help="where it is; default: %(default)s")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    options = parser.parse_args(argv)
    with chromium() as browser:
        visits = [visit(browser, options.page, options.photo) for _ in range(options.rounds)]
    return report(visits)


def visit(browser: Browser, address: str, photo: Path) -> Visit:
    """Bring a photo to a fresh page and wait for its picture."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(address)
    page.locator("input.files").set_input_files(photo)
    page.locator(".told").filter(has_text="is drawn").wait_for(state="attached")
    times = Visit(*page.evaluate(TIMES))
    page.close()
    return times


def report(visits: Sequence[Visit]) -> int:
    """Print a line for each visit and the median; 1 where that is over `MOST_MS`."""
    print("upload to picture   network   the page's own, ms")
    for one in visits:
        print(f"{one.seen:17.0f} {one.network:9.0f} {one.own:16.0f}")
    median = statistics.median(one.own for one in visits)
    best = min(one.own for one in visits)
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    print(f"own: median {median:.0f}, best {best:.0f}, at most {MOST_MS:.0f} asked; load is {load:.1f} a core")
    return int(median > MOST_MS)


if __name__ == "__main__":
    sys.exit(main())
