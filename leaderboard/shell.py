"""What every page of the site has around it: head, header, footer, in that order of the file."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

PAGE: Final = Path(__file__).parent / "page"


@dataclass(frozen=True, slots=True)
class Shell:
    """One page of the site; every field but the first two is HTML.

    Attributes:
        title, description: plain text without markup characters.
        main: inside ``main``.
        footer: inside the footer's paragraph.
        skip: the words of the link that skips the header.
        home: address of the leaderboard.
        nav: the links of the header.
        root: address of the site's folder, empty or ending in a slash.
        styles: style sheets of this page beside the common one, file names.
        scripts: scripts of this page, file names, in order.
        rest: whatever stands below ``main``.
    """

    title: str
    description: str
    main: str
    footer: str
    skip: str
    home: str
    nav: str = ""
    root: str = ""
    styles: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    rest: str = ""

    def __str__(self) -> str:
        """The whole page."""
        styles = "".join(
            f'\n<link rel="stylesheet" href="{self.root}assets/{name}">' for name in self.styles
        )
        scripts = "\n".join(
            f'<script src="{self.root}assets/{name}"></script>' for name in self.scripts
        )
        return _template().substitute(
            title=self.title,
            description=self.description,
            main=self.main,
            footer=self.footer,
            skip=self.skip,
            home=self.home,
            nav=self.nav,
            root=self.root,
            styles=styles,
            rest=f"{self.rest}{scripts}",
        )


@functools.cache
def _template() -> Template:
    return Template((PAGE / "shell.html").read_text(encoding="utf-8"))
