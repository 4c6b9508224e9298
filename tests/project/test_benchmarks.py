"""``make bench`` runs every benchmark, and hands its arguments to each."""

from __future__ import annotations

import re
from pathlib import Path


def test_all_benchmarks_are_run_and_know_quick(repository: Path) -> None:
    script = (repository / "scripts" / "bench.sh").read_text(encoding="utf-8")
    loop = re.search(r"^for name in (.+); do$", script, re.MULTILINE)
    assert loop is not None
    files = {path.stem: path for path in (repository / "benchmarks").glob("*.py")}
    assert sorted(loop[1].split()) == sorted(files)
    for path in files.values():
        assert '"--quick"' in path.read_text(encoding="utf-8"), path
