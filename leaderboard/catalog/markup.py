"""HTML as values: what is not markup is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Final

_VOID: Final = frozenset({"img", "input", "br"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = str | None | Iterable["Content"]
"""Text, markup, nothing, or several of them."""


def element(name: str, *children: Content, **attributes: str | float | bool | None) -> Markup:
    """An element.

    Args:
        name: of the element.
        children: its content; text that is not :class:`Markup` is escaped.
        attributes: by name, underscores for dashes, ``class_`` for ``class``; ``True`` stands
            without a value, ``None`` and ``False`` are left out.
    """
    given = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{joined(children)}</{name}>")


def joined(content: Content) -> Markup:
    """Content without an element around it."""
    if content is None:
        return Markup()
    if isinstance(content, Markup):
        return content
    if isinstance(content, str):
        return Markup(html.escape(content, quote=False))
    return Markup("".join(map(joined, content)))


def _attribute(key: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'
