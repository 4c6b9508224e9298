"""The format that ``docs/extending.md`` shows how to add."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

from vd4rl_data.formats import Format

_PAGE = Path(__file__).parents[2] / "docs" / "extending.md"


def documented_format(folder: Path) -> Format:
    """Write its module into a folder, which is put on the import path, and import it."""
    text = _PAGE.read_text(encoding="utf-8")
    code = re.search(r"^```python\n(# my_format\.py\n.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert code is not None
    (folder / "my_format.py").write_text(code[1], encoding="utf-8")
    sys.path.append(str(folder))
    return importlib.import_module("my_format").FORMAT
