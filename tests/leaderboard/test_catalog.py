"""The pages of the datasets as files: one for each, with the numbers of the data."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vd4rl_data
from leaderboard.catalog import build_catalog, dataset_paths, describe
from tests.leaderboard.test_site import hashes, parsed
from tests.storage import tiny
from vd4rl_data.paths import DATA_DIR
from vd4rl_data.registry import DATASETS
from vd4rl_data.storage import write_dataset
from vd4rl_data.ways import ways_to_get

SAMPLE = "VD4RL/walker_walk-random-sample-64px-v0"
KITCHEN = "Kitchen/microwave_kettle_light_slide-demos-64px-v0"
ROOT = Path(__file__).parents[2]


def text_of(page: Path) -> str:
    """What a reader sees of a page, in one line."""
    texts: list[str] = []

    class Reader(HTMLParser):
        def handle_data(self, data: str) -> None:
            texts.append(data)

    Reader().feed(page.read_text("utf-8"))
    return " ".join(" ".join(texts).split())


def test_every_dataset_has_a_page_that_the_index_links(catalog: Path) -> None:
    links = parsed(catalog / "datasets" / "index.html").addresses
    paths = json.loads((catalog / "leaderboard.json").read_text("utf-8"))["datasets"]
    for name, path in paths.items():
        assert dataset_paths()[name] == path
        assert (catalog / path).is_file()
        assert path.removeprefix("datasets/") in links
    assert len(dataset_paths()) == len(DATASETS)


def test_all_that_a_page_links_is_there_and_nothing_is_of_this_machine(catalog: Path) -> None:
    for name in ("index", SAMPLE, KITCHEN, next(iter(DATASETS))):
        page = catalog / "datasets" / f"{name}.html"
        assert str(ROOT) not in page.read_text("utf-8")
        for address in parsed(page).addresses:
            if not address.startswith(("data:", "#")):
                place = address.partition("#")[0]
                assert not place or (page.parent / place).is_file(), (name, address)


@pytest.mark.parametrize("name", [SAMPLE, "VD4RL/walker_walk-medium_expert-64px-v0", KITCHEN])
def test_a_page_gives_every_way_to_the_data_and_the_papers_numbers(
    name: str, catalog: Path
) -> None:
    page = catalog / "datasets" / f"{name}.html"
    source, spec = page.read_text("utf-8"), DATASETS[name]
    for way in ways_to_get(spec, anywhere=True):
        assert html.escape("\n".join(way.commands), quote=False) in source
    assert html.escape(spec.citation, quote=False) in source
    text = text_of(page)
    published = spec.published_returns
    if published is not None:
        assert f"mean {published.mean:,.1f} std {published.std:,.1f}" in text
    assert ("nothing to see yet" in text) == (name != SAMPLE)


def test_pictures_are_the_frames(catalog: Path) -> None:
    dataset = vd4rl_data.load_dataset(SAMPLE)
    page = (catalog / "datasets" / f"{SAMPLE}.html").read_text("utf-8")
    for place, number in enumerate(np.argsort(dataset.returns)):
        (path,) = re.findall(rf'src="([^"]*\.{place}\.webp)"', page)
        strip = np.asarray(Image.open(catalog / "datasets" / "VD4RL" / path).convert("RGB"))
        steps = np.linspace(0, len(dataset[int(number)]), 8).round().astype(int)
        frames = dataset[int(number)].observations[steps]
        assert (strip == np.concatenate(list(frames), axis=1)).all()


@pytest.mark.parametrize("worth", [1, 1000])
def test_what_stands_in_the_data_folder_is_shown(
    worth: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A composite by its parts, an episode of one step, a damaged file as none.

    In processes, which do not know these datasets by themselves, or in this one.
    """
    monkeypatch.setattr(describe, "_WORTH_A_PROCESS", worth)
    monkeypatch.setattr(describe, "available_workers", lambda: 2)
    monkeypatch.setenv(DATA_DIR, str(tmp_path / "data"))
    catalog = {spec.name: spec for spec in tiny.SPECS}
    for name in set(DATASETS) - set(catalog):
        monkeypatch.delitem(DATASETS, name)
    for name, spec in catalog.items():
        monkeypatch.setitem(DATASETS, name, spec)
    for spec, lengths in ((tiny.MEDIUM, (1, 2)), (tiny.EXPERT, (1, 3, 2))):
        episodes = tiny.episodes_of(lengths)
        path = tmp_path / "data" / f"{spec.name}.h5"
        write_dataset(path, spec, episodes, lengths, tiny.PROVENANCE)
    (tmp_path / "data" / f"{tiny.SPEC.name}.h5").write_bytes(b"damaged")
    assert build_catalog(tmp_path, []) == 4
    pages = tmp_path / "datasets"
    assert "5 episodes" in text_of(pages / f"{tiny.MEDIUM_EXPERT.name}.html")
    assert "nothing to see yet" in text_of(pages / f"{tiny.SPEC.name}.html")
    assert f"no pictures of {tiny.SPEC.name}" in caplog.text
    drawn = {path: path.stat().st_mtime_ns for path in pages.rglob("*.webp")}
    before = hashes(pages)
    build_catalog(tmp_path, [])
    assert hashes(pages) == before
    assert {path: path.stat().st_mtime_ns for path in pages.rglob("*.webp")} == drawn
    assert not list(pages.rglob("*.part"))


def test_hostile_words_stay_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evil = "</pre><script>document.title=1</script>"
    monkeypatch.setenv(DATA_DIR, str(tmp_path / "data"))
    for name in list(DATASETS):
        monkeypatch.delitem(DATASETS, name)
    spec = tiny.dataclasses.replace(tiny.SPEC, citation=evil, license=evil, source=evil)
    monkeypatch.setitem(DATASETS, spec.name, spec)
    build_catalog(tmp_path, [])
    page = tmp_path / "datasets" / f"{spec.name}.html"
    assert "<script>" not in page.read_text("utf-8")
    assert text_of(page).count(evil) == 4
