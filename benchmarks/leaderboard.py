"""The site with a thousand entries and a thousand datasets: building it, and filtering it.

    python benchmarks/leaderboard.py [--entries 1000] [--datasets 1000] [--quick] [--json FILE]

Seconds are of this machine; what can be compared are the ratios: building per entry against a tenth
of the entries, and a filter against a click that does nothing, in the same browser. Every dataset
has data of its own, whose pictures are drawn the first time and kept the second.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
import shutil
import sys
import tempfile
import time
from dataclasses import replace
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


def processor_seconds() -> float:
    """Of this process, and of the processes that it waited for."""
    spent = (resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in spent)


def measure_catalog(datasets: int, folder: Path) -> dict[str, dict[str, float]]:
    """Seconds to write the pages of so many datasets: pictures to draw, to keep, and none.

    Of each, by the clock, and of processors, which other programs on the machine change less.
    """
    from leaderboard.catalog import build_catalog
    from vd4rl_data.paths import DATA_DIR

    os.environ[DATA_DIR] = str(folder / f"data{datasets}")
    logging.disable()
    make_datasets(datasets, folder / f"data{datasets}")
    times: dict[str, dict[str, float]] = {}
    for what in ("first", "again", "without data"):
        site = folder / f"site{datasets}"
        if what == "without data":
            os.environ[DATA_DIR], site = str(folder / "nothing"), folder / "no_data"
        start, spent = time.perf_counter(), processor_seconds()
        build_catalog(site, [])
        times[what] = {
            "seconds": round(time.perf_counter() - start, 3),
            "processor_seconds": round(processor_seconds() - spent, 3),
        }
    return times


def make_datasets(number: int, folder: Path) -> None:
    """Fill the catalog with this many datasets of the sample's frames, and nothing else.

    Each has five episodes for its contact sheet, and one of median return as long as a film.
    """
    import vd4rl_data
    from vd4rl_data.registry import DATASETS
    from vd4rl_data.storage import Provenance, write_dataset

    sample = vd4rl_data.load_dataset("VD4RL/walker_walk-random-sample-64px-v0")
    task, size = sample.spec.task, sample.spec.size
    rows = [row for row in DATASETS.values() if row.task == task and row.size == size]
    episodes = [beginning(sample[0], length) for length in (8, 8, 100, 8, 8)]
    DATASETS.clear()
    for i in range(number):
        row = rows[i % len(rows)]
        version = row.id.version + i // len(rows)
        spec = replace(row, id=replace(row.id, version=version), parts=(), bundled=False)
        DATASETS[spec.name] = spec
        for place, episode in enumerate(episodes):
            episode.rewards[:] = (i + 1) / number * place / len(episode)
        lengths = [len(episode) for episode in episodes]
        path = folder / f"{spec.name}.h5"
        write_dataset(path, spec, episodes, lengths, Provenance("regenerated"))


def beginning(episode: Any, length: int) -> Any:
    """The first steps of an episode."""
    rows = {name: getattr(episode, name)[:length] for name in ("actions", "rewards", "discounts")}
    frames = episode.observations[: length + 1]
    return replace(episode, observations=frames, infos={}, **rows)


def measure_filters(site: Path, repeats: int) -> dict[str, float] | None:
    """Milliseconds from an event to its second frame; ``None`` without a browser."""
    executable = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if executable is None:
        return None
    from playwright.sync_api import sync_playwright

    def timed(address: str, selector: str, value: str | None) -> float:
        page.goto("about:blank")
        page.goto(f"{site.as_uri()}/{address}")
        page.wait_for_selector("tbody tr, .gallery li")
        page.wait_for_timeout(1000)  # figures are drawn after the tables
        return float(page.evaluate(TIMED, [selector, value, repeats]))

    entries, datasets = "index.html#/entries", "datasets/index.html"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        page: Any = browser.new_page(viewport={"width": 1280, "height": 800})
        times = {
            "empty click": timed(entries, "h1", None),
            "all entries: size": timed(entries, "#filter-size", "64"),
            "all entries: behavior": timed(entries, "#filter-behavior", "expert"),
            "suite tables: behavior": timed("index.html#/VD4RL", "#filter-behavior", "expert"),
            "datasets: empty click": timed(datasets, "h1", None),
            "datasets: behavior": timed(datasets, "#filter-behavior", "expert"),
            "datasets: suite": timed(datasets, "#filter-suite", "LQVD4RL"),
        }
        browser.close()
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1000)
    parser.add_argument("--datasets", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="fewer entries and repeats")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    from vd4rl_data.processor import find_processor

    entries = 150 if arguments.quick else arguments.entries
    datasets = 20 if arguments.quick else arguments.datasets
    load = round(os.getloadavg()[0], 1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measure_build(15, folder)  # imports
        tenth = measure_build(entries // 10, folder)
        whole = measure_build(entries, folder)
        catalog = measure_catalog(datasets, folder)
        site = folder / f"site{entries}"
        shutil.move(folder / f"site{datasets}" / "datasets", site / "datasets")
        record: dict[str, Any] = {
            "entries": entries,
            "processor": find_processor().record(),
            "build_seconds": round(whole, 3),
            "build_per_entry_against_a_tenth": round(
                whole / entries / (tenth / (entries // 10)), 3
            ),
            "datasets": datasets,
            "datasets_build": catalog,
            "load_before": load,
            "filters_ms": measure_filters(site, 3 if arguments.quick else REPEATS),
        }
    print(f"build: {whole:.2f} s for {entries} entries, ", end="")
    print(f"{record['build_per_entry_against_a_tenth']:.2f} x the time per entry of a tenth")
    for what, times in catalog.items():
        print(f"{datasets} datasets, {what}: {times['seconds']:.2f} s by the clock, ", end="")
        print(f"{times['processor_seconds']:.2f} s of processors")
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
