"""What command lines come to, without running them."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, NoReturn

import pytest


class _Parsed(Exception):  # noqa: N818 - not a failure
    pass


def parsed(room: str, arguments: Sequence[str]) -> Any:
    """The command that ``python -m ROOM ARGUMENTS`` would run.

    Raises:
        SystemExit: the arguments are none of its.
    """
    tyro: Any = pytest.importorskip("tyro")
    parse = tyro.cli

    def stop(*given: Any, **options: Any) -> NoReturn:
        raise _Parsed(parse(*given, **options))

    main = importlib.import_module(f"{room}.cli").main
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tyro, "cli", stop)
        with pytest.raises(_Parsed) as found:
            main(list(arguments))
    return found.value.args[0]
