"""Sites, and a real browser to look at them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from examples.disc import SUITE, TASK
from leaderboard.site import build_site
from leaderboard.store import RESULTS
from tests.leaderboard.making import grow, make_store
from vd4rl_data.paths import DATA_DIR, SHARED_DATA_DIRS
from vd4rl_data.registry import (
    BENCHMARKS,
    DATASETS,
    SUITES,
    TASKS,
    get_dataset_spec,
    register_suite,
)

Open = Callable[..., Any]
MAIN = "#vd4rl_main table.matrix"
CATALOG = ("walker_walk", "microwave_kettle_light_slide", "door_open")
SAMPLE = get_dataset_spec("VD4RL/walker_walk-random-sample-64px-v0")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def disc() -> Iterator[None]:
    """The toy suite is in the catalog."""
    register_suite(SUITE)
    yield
    SUITES.pop(SUITE.name)
    TASKS.pop(TASK.name)
    for spec, benchmark in zip(SUITE.datasets, SUITE.benchmarks, strict=True):
        DATASETS.pop(spec.name)
        BENCHMARKS.pop(str(benchmark.id))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the store that ships."""
    return build_site(RESULTS, tmp_path_factory.mktemp("site")).folder


@pytest.fixture(scope="session")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site with pages of some datasets; the sample that comes with the package is here."""
    with pytest.MonkeyPatch.context() as patch:
        for name, spec in list(DATASETS.items()):
            if spec.id.task not in CATALOG or spec.id.variant not in (None, SAMPLE.id.variant):
                patch.delitem(DATASETS, name)
        patch.setenv(DATA_DIR, str(tmp_path_factory.mktemp("no_data")))
        patch.delenv(SHARED_DATA_DIRS, raising=False)
        return build_site(RESULTS, tmp_path_factory.mktemp("catalog"), datasets=True).folder


@pytest.fixture(scope="session")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped store after honest pull requests."""
    return grow(tmp_path_factory.mktemp("grown"))


@pytest.fixture(scope="session")
def grown_site(grown: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its site."""
    return build_site(grown, tmp_path_factory.mktemp("grown_site")).folder


@pytest.fixture(scope="session", params=["shipped", "grown"])
def store(request: pytest.FixtureRequest) -> Path:
    """The store that ships, and what becomes of it: every check of it must pass on both."""
    return RESULTS if request.param == "shipped" else request.getfixturevalue("grown")


@pytest.fixture(scope="session")
def store_site(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of either store."""
    return build_site(store, tmp_path_factory.mktemp("store_site")).folder


@pytest.fixture(scope="session")
def raw_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three algorithms with raw returns on all main datasets."""
    return make_store(tmp_path_factory.mktemp("raw_store"), 45)


@pytest.fixture(scope="session")
def browser() -> Generator[Any]:
    """Headless Chromium."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    executable = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if executable is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Any) -> Generator[Open]:
    """Opens an address of a site; the test fails if the page ever complains."""
    complaints: list[str] = []
    contexts: list[Any] = []

    def open_at(
        site: Path,
        address: str = "",
        width: int = 1280,
        file: str = "index.html",
        **settings: Any,
    ) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 800}, **settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda request: (
                complaints.append(request.url)
                if not request.url.startswith(("file://", "data:"))
                else None
            ),
        )
        page.goto(f"{(site / file).as_uri()}#{'/' if file == 'index.html' else ''}{address}")
        page.wait_for_selector("h1")
        return page

    yield open_at
    for context in contexts:
        context.close()
    assert complaints == []


def column(page: Any, title: str, table: str = MAIN) -> list[str]:
    """The texts of a table's column, top to bottom."""
    titles = [
        text.strip() for text in page.locator(f"{table} thead tr:last-child th").all_inner_texts()
    ]
    place = [" ".join(text.split()) for text in titles].index(title) + 1
    cells = page.locator(f"{table} tbody tr > :nth-child({place})").all_inner_texts()
    return [cell.split("\n")[0].strip() for cell in cells]
