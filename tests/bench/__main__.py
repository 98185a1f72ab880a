"""Figures, as JSON: `python -m tests.bench [journal lake dispatch routing schedules feed start]`. Each stands beside a baseline of the same run.

Machines are shared and noisy: compare the ratios, not the absolute figures.
"""

import importlib
import json
import os
import platform
import sys

NAMES = ("journal", "lake", "dispatch", "routing", "schedules", "feed", "start")


def main() -> None:
    """Run the named benches, or all, and print their figures."""
    chosen = sys.argv[1:] or NAMES
    unknown = set(chosen) - set(NAMES)
    if unknown:
        sys.exit(f"there is no bench {', '.join(sorted(unknown))}: choose from {', '.join(NAMES)}")
    found = {"machine": {"python": platform.python_version(), "cores": os.cpu_count(), "load": os.getloadavg()}}
    found |= {name: importlib.import_module(f"tests.bench.bench_{name}").run() for name in chosen}
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
