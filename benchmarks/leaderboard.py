"""The leaderboard with a thousand entries: building its page, and filtering it in a browser.

    python benchmarks/leaderboard.py [--entries 1000] [--quick] [--json FILE]

Seconds are of this machine; what can be compared are the ratios: building per entry against a tenth
of the entries, and a filter against a click that does nothing, in the same browser.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # this file's own folder would hide the package `leaderboard` behind it

REPEATS = 7
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
TIMED = """async ([selector, value, repeats]) => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const element = document.querySelector(selector);
  const change = (to) => { element.value = to; element.dispatchEvent(new Event("change")); };
  const times = [];
  for (let i = 0; i < repeats; i++) {
    if (value !== null) change("");
    await frame(); await frame(); await frame();
    const start = performance.now();
    if (value === null) element.click(); else change(value);
    await frame(); await frame();
    times.push(performance.now() - start);
  }
  return Math.min(...times); // a busy machine only ever adds
}"""


def measure_build(entries: int, folder: Path) -> float:
    """Seconds to read, check and write a site of this many entries."""
    from leaderboard.site import build_site
    from tests.leaderboard.making import make_store

    store = make_store(folder / f"store{entries}", entries)
    start = time.perf_counter()
    build_site(store, folder / f"site{entries}")
    return time.perf_counter() - start


def measure_filters(site: Path, repeats: int) -> dict[str, float] | None:
    """Milliseconds from an event to its second frame; ``None`` without a browser."""
    executable = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if executable is None:
        return None
    from playwright.sync_api import sync_playwright

    def timed(address: str, selector: str, value: str | None) -> float:
        page.goto("about:blank")
        page.goto(f"{(site / 'index.html').as_uri()}#/{address}")
        page.wait_for_selector("tbody tr")
        page.wait_for_timeout(1000)  # figures are drawn after the tables
        return float(page.evaluate(TIMED, [selector, value, repeats]))

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        page: Any = browser.new_page(viewport={"width": 1280, "height": 800})
        times = {
            "empty click": timed("entries", "h1", None),
            "all entries: size": timed("entries", "#filter-size", "64"),
            "all entries: behavior": timed("entries", "#filter-behavior", "expert"),
            "suite tables: behavior": timed("VD4RL", "#filter-behavior", "expert"),
        }
        browser.close()
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="fewer entries and repeats")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    from vd4rl_data.processor import find_processor

    entries = 150 if arguments.quick else arguments.entries
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measure_build(15, folder)  # imports
        tenth = measure_build(entries // 10, folder)
        whole = measure_build(entries, folder)
        record: dict[str, Any] = {
            "entries": entries,
            "processor": find_processor().record(),
            "build_seconds": round(whole, 3),
            "build_per_entry_against_a_tenth": round(
                whole / entries / (tenth / (entries // 10)), 3
            ),
            "filters_ms": measure_filters(
                folder / f"site{entries}", 3 if arguments.quick else REPEATS
            ),
        }
    print(f"build: {whole:.2f} s for {entries} entries, ", end="")
    print(f"{record['build_per_entry_against_a_tenth']:.2f} x the time per entry of a tenth")
    if record["filters_ms"] is None:
        print("filters: no Chromium is installed")
    else:
        empty = record["filters_ms"]["empty click"]
        for what, milliseconds in record["filters_ms"].items():
            print(f"{what:24} {milliseconds:7.1f} ms  {milliseconds / empty:5.2f} x an empty click")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
