"""Sites, and a real browser to look at them."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from leaderboard.site import build_site
from leaderboard.store import RESULTS
from tests.leaderboard.making import make_store

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the store that ships."""
    return build_site(RESULTS, tmp_path_factory.mktemp("site")).folder


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
