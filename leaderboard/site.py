"""The static site: a page, its data, assets and exports. Opens from a folder or any server."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from leaderboard.exports import to_csv, to_latex, to_markdown
from leaderboard.payload import make_payload
from leaderboard.store import read_store
from vd4rl_data.errors import InvalidResultError
from vd4rl_data.results.schema import SCHEMA_FILE, format_json_schema

PAGE: Final = Path(__file__).parent / "page"
ASSETS: Final = Path(__file__).parent / "assets"

EXPORTS: Final = {"csv": to_csv, "tex": to_latex, "md": to_markdown}
"""Suffix of an export and its writer."""

_MARK: Final = "<!-- DATA -->"


@dataclass(frozen=True, slots=True)
class Site:
    """What was written where."""

    folder: Path
    entries: int
    tables: int


def build_site(store: Path, folder: Path) -> Site:
    """Write the site; the same store gives the same bytes.

    Args:
        store: folder of results.
        folder: where to; its files are overwritten.

    Raises:
        InvalidResultError: a result or an asset is not what it should be.
    """
    payload = make_payload(read_store(store))
    folder.mkdir(parents=True, exist_ok=True)
    _copy_assets(folder / "assets")
    for path in sorted(PAGE.iterdir()):
        if path.suffix in (".css", ".js"):
            shutil.copyfile(path, folder / "assets" / path.name)
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    (folder / "leaderboard.json").write_text(text + "\n", encoding="utf-8")
    (folder / SCHEMA_FILE).write_text(format_json_schema(), encoding="utf-8")
    page = (PAGE / "index.html").read_text(encoding="utf-8")
    page = page.replace(_MARK, f'<script type="application/json" id="data">{inline(text)}</script>')
    (folder / "index.html").write_text(page, encoding="utf-8")
    _write_exports(payload, folder / "exports")
    return Site(folder, len(payload["entries"]), len(payload["tables"]))


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
