"""Asks whether anything known is wrong with the packages that are installed; needs requirements/tools.txt."""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence

from scripts.serving.paths import ROOT

CLEAN, VULNERABLE, NO_ANSWER = 0, 1, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Status 0 when nothing is known, 1 with what is, 3 where the service did not answer for all."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.audit",
        description="Look up known vulnerabilities of what is installed: status 0 none, 1 some, 3 not all answered.",
    )
    names = sorted(path.stem for path in (ROOT / "requirements").glob("*.txt"))
    parser.add_argument("--only", choices=names, help="one file of requirements/; default: server and torch")
    only = parser.parse_args(argv).only
    files = [f"--requirement={ROOT / 'requirements' / name}.txt" for name in ([only] if only else ["server", "torch"])]
    command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner", "off"]
    done = subprocess.run([*command, "--format", "json", *files], capture_output=True, text=True)
    return report(done.stdout, done.stderr)


def report(answer: str, complaints: str) -> int:
    """Print what pip-audit found and return the status; `answer` is its JSON, or nothing where it failed."""
    try:
        packages = json.loads(answer)["dependencies"]
    except (ValueError, KeyError):
        print(f"No answer: {(complaints.strip() or 'pip-audit said nothing').splitlines()[-1]}", file=sys.stderr)
        return NO_ANSWER
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    found = [(package, fault) for package in packages for fault in package.get("vulns", ())]
    for package, fault in found:
        fixed = ", ".join(fault["fix_versions"]) or "no version"
        print(f"{package['name']} {package['version']}: {fault['id']}, mended in {fixed}")
    print(f"{len(packages) - len(unknown)} packages looked up, {len(found)} vulnerabilities known")
    if unknown:
        print(f"No answer on {len(unknown)} packages: {', '.join(unknown)}", file=sys.stderr)
    return VULNERABLE if found else NO_ANSWER if unknown else CLEAN


if __name__ == "__main__":
    sys.exit(main())
