"""The static site: a page, its data, assets and exports. Opens from a folder or any server."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from leaderboard.catalog import build_catalog, dataset_paths
from leaderboard.exports import to_csv, to_latex, to_markdown
from leaderboard.payload import make_payload
from leaderboard.shell import PAGE, Shell
from leaderboard.store import read_store
from vd4rl_data.errors import InvalidResultError
from vd4rl_data.results.schema import SCHEMA_FILE, format_json_schema

ASSETS: Final = Path(__file__).parent / "assets"

EXPORTS: Final = {"csv": to_csv, "tex": to_latex, "md": to_markdown}
"""Suffix of an export and its writer."""

_FOOTER: Final = (
    'All data: <a href="leaderboard.json" download>leaderboard.json</a> · result schema:'
    ' <a href="result.schema.json">result.schema.json</a> · shipped libraries and their licenses:'
    ' <a href="assets/assets.json">assets.json</a>'
)
_SCRIPTS: Final = (
    *("d3.min.js", "plot.umd.min.js", "dataTables.min.js"),
    *("shared.js", "theme.js", "filters.js", "base.js", "figures.js", "matrix.js", "online.js"),
    *("lists.js", "entry.js", "main.js"),
)


@dataclass(frozen=True, slots=True)
class Site:
    """What was written where; ``datasets`` counts the pages of datasets."""

    folder: Path
    entries: int
    tables: int
    datasets: int = 0


def build_site(store: Path, folder: Path, *, datasets: bool = False) -> Site:
    """Write the site; the same store, and with ``datasets`` the same data, give the same bytes.

    Args:
        store: folder of results.
        folder: where to; its files are overwritten.
        datasets: also write a page for each dataset of the catalog, see
            :func:`leaderboard.catalog.build_catalog`, and link them.

    Raises:
        InvalidResultError: a result or an asset is not what it should be.
    """
    payload = make_payload(read_store(store))
    payload["datasets"] = dataset_paths() if datasets else {}
    folder.mkdir(parents=True, exist_ok=True)
    _copy_assets(folder / "assets")
    for path in sorted(PAGE.iterdir()):
        if path.suffix in (".css", ".js"):
            shutil.copyfile(path, folder / "assets" / path.name)
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    (folder / "leaderboard.json").write_text(text + "\n", encoding="utf-8")
    (folder / SCHEMA_FILE).write_text(format_json_schema(), encoding="utf-8")
    (folder / "index.html").write_text(str(_page(text)), encoding="utf-8")
    _write_exports(payload, folder / "exports")
    written = build_catalog(folder, payload["entries"]) if datasets else 0
    return Site(folder, len(payload["entries"]), len(payload["tables"]), written)


def _page(text: str) -> Shell:
    below = (PAGE / "leaderboard.html").read_text(encoding="utf-8")
    return Shell(
        title="Offline RL from pixels: leaderboard",
        description="Results of offline reinforcement learning from pixels, with their sources,"
        " that can be checked.",
        main='<p class="loading">Reading the results …</p>',
        footer=_FOOTER,
        skip="Skip to the tables",
        home="#/",
        scripts=_SCRIPTS,
        rest=f'{below}<script type="application/json" id="data">{inline(text)}</script>\n',
    )


def inline(text: str) -> str:
    """JSON that may stand inside a script element: nothing in it can end the element."""
    for character in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def read_assets() -> list[dict[str, Any]]:
    """The libraries that ship with the page: file, package, version, license, SHA-256."""
    content: list[dict[str, Any]] = json.loads((ASSETS / "assets.json").read_text(encoding="utf-8"))
    return content


def _copy_assets(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for asset in read_assets():
        data = (ASSETS / asset["file"]).read_bytes()
        if hashlib.sha256(data).hexdigest() != asset["sha256"]:
            raise InvalidResultError(asset["file"], ("its SHA-256 is not that of assets.json",))
        (folder / asset["file"]).write_bytes(data)
        shutil.copyfile(ASSETS / asset["license_file"], folder / asset["license_file"])
    shutil.copyfile(ASSETS / "assets.json", folder / "assets.json")


def _write_exports(payload: dict[str, Any], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for table in payload["tables"]:
        for suffix, write in EXPORTS.items():
            (folder / f"{table['key']}.{suffix}").write_text(write(table), encoding="utf-8")
