"""The library's errors as a command line shows them: keyword arguments become options.

The library's messages are written for Python: "pass replace=True", "batch_size: expected at least
1, got 0". A command that has these options shows them as ``--replace`` and ``--batch-size``.
"""

from __future__ import annotations

import dataclasses
import errno
import re
from collections.abc import Collection, Mapping
from typing import Final

from vd4rl_data.errors import InvalidArgumentError, Vd4rlError

Renamed = Mapping[str, str]
"""Keyword argument of the library → the command's option for it."""

_CALL: Final = r"[\w.]+\((?:[^()]|\([^()]*\))*\)"
_ASSIGNMENT: Final = r"(?<![\w.?&-])(?P<name>[a-z]\w*)=(?P<value>\"[^\"]*\"|'[^']*'|[\w.:/+-]*\w)?"
_SUBJECT: Final = r"\A(?P<subject>[a-z]\w*)(?=: )"
_WORD: Final = r"(?<![\w./'\"-])(?P<word>[a-z0-9]+_\w+)(?![\w/'\"(-]|\.\w)"
_QUOTES: Final = "\"'"
_NO_FOLDER: Final = "a file stands where a folder is needed; name another folder"
_NOT_ALLOWED: Final = "choose another place, or ask its owner"
_REMEDIES: Final = {
    errno.ENOTDIR: _NO_FOLDER,
    errno.EEXIST: _NO_FOLDER,
    errno.EISDIR: "a folder stands where a file is needed; name a file",
    errno.EACCES: _NOT_ALLOWED,
    errno.EPERM: _NOT_ALLOWED,
    errno.EROFS: _NOT_ALLOWED,
}
"""What to do about an error of the operating system with a path."""

_TRANSLATED: Final = re.compile(f"{_CALL}|{_ASSIGNMENT}|{_SUBJECT}|{_WORD}")


def spoken(text: str, flags: Collection[str], renamed: Renamed | None = None) -> str:
    """Replace keyword arguments in a message by a command's options.

    ``name=value``, a name at the start of the message, and names of several words are replaced if
    the command has such an option. Whole calls, such as ``load_dataset(id, source="local")``, are
    code to copy and stay unchanged.

    Args:
        text: a message of the library.
        flags: the options of the command, e.g. ``--max-episodes`` or ``--no-check-hashes``.
        renamed: options whose names differ from the library's arguments, used if the command has
            no option of the argument's own name.
    """
    names = renamed or {}

    def flag_of(name: str, *, on: bool = True) -> str | None:
        own = "--" + name.replace("_", "-")
        both = (own if on else f"--no-{own[2:]}", names.get(name, own) if on else "")
        return next((flag for flag in both if flag in flags), None)

    def translate(match: re.Match[str]) -> str:
        name, value = match["name"], match["value"]
        if name is None:
            plain = match["subject"] or match["word"]
            return (flag_of(plain) or flag_of(plain, on=False) if plain else None) or match[0]
        if value in ("True", "False"):
            return flag_of(name, on=value == "True") or match[0]
        flag = flag_of(name)
        if flag is None or value is None:
            return flag or match[0]
        return f"{flag} {value if ' ' in value else value.strip(_QUOTES)}"

    return _TRANSLATED.sub(translate, text)


def blames_the_user(error: BaseException, flags: Collection[str]) -> bool:
    """Whether to show an error in a line: our own, the system's, or one about an option.

    A ``ValueError`` or ``TypeError``, plain or an ``InvalidArgumentError``, counts as the user's if
    its message begins with the name of an option, as those of all argument checks here do; any
    other is a bug in the program.
    """
    own = isinstance(error, Vd4rlError) and not isinstance(error, InvalidArgumentError)
    if own or isinstance(error, (OSError, MemoryError, KeyboardInterrupt)):
        return True
    text = str(error)
    return isinstance(error, (TypeError, ValueError)) and spoken(text, flags).startswith("--")


def told(error: BaseException, flags: Collection[str], renamed: Renamed | None = None) -> str:
    """The text that a command line shows for an error: its message and its notes."""
    if isinstance(error, KeyboardInterrupt):
        text = "interrupted"
    elif isinstance(error, OSError) and error.strerror:
        text = _told_by_system(error)
    else:
        text = str(error) or type(error).__name__
    notes: list[str] = getattr(error, "__notes__", [])
    return "\n".join(spoken(each, flags, renamed) for each in (text, *notes))


def _told_by_system(error: OSError) -> str:
    """Where, what, and what to do, where that is known."""
    remedy = _REMEDIES.get(error.errno or 0)
    if not error.filename:
        return str(error.strerror)
    return f"{error.filename}: {error.strerror}" + (f": {remedy}" if remedy else "")


def flags_of(command: object) -> frozenset[str]:
    """The options of a command that is a dataclass, and of dataclasses nested in it.

    Fields are named as tyro names them: dashes for underscores, and ``--no-`` for a switch that is
    on by default. Positional arguments are not options.
    """
    found: set[str] = set()
    if dataclasses.is_dataclass(command):
        for field in dataclasses.fields(command):
            inner = getattr(command, field.name, None)
            name = field.name.replace("_", "-")
            if dataclasses.is_dataclass(inner):
                found |= flags_of(inner)
            elif "Positional" not in str(field.type):
                found.add(f"--no-{name}" if field.default is True else f"--{name}")
    return frozenset(found)
