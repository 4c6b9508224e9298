"""What a dataset looks like: its film and contact sheet, or that there is nothing to see."""

from __future__ import annotations

import json

from leaderboard.catalog.markup import Markup, element
from leaderboard.catalog.pictures import COLUMNS, FRAMES_PER_SECOND, Film, Pictures, Strip
from vd4rl_data.preview.typography import number_text

_FILM_WIDTH = 320

NO_PICTURES = (
    "No data of this dataset stood in the data folder when this page was built, so there is"
    " nothing to see yet. The commands below get them."
)


def look(pictures: Pictures | None, size: int, root: str) -> list[Markup]:
    """Film and contact sheet.

    Args:
        pictures: of the data; ``None`` if they are not there.
        size: height and width of a frame, in pixels.
        root: address of the site's folder of datasets.
    """
    if pictures is None:
        frame = element("div", placeholder(), class_="screen")
        return [element("div", frame, element("p", NO_PICTURES), class_="nothing")]
    return [_film(pictures.film, size, root), _sheet(pictures.strips, size, root)]


def placeholder() -> Markup:
    """A frame with nothing in it."""
    lines = (
        '<rect x="3" y="5" width="18" height="14" rx="2"/><path d="m3 16 5-5 4 4 3-3 6 6"/>'
        '<circle cx="15.5" cy="9.5" r="1.5"/>'
    )
    return element(
        "svg", Markup(lines), class_="placeholder", viewBox="0 0 24 24", aria_hidden="true"
    )


def _film(film: Film, size: int, root: str) -> Markup:
    width = size * max(1, _FILM_WIDTH // size)
    text = f"The first {film.frames} frames of episode {film.number}, whose return is the median"
    still = element(
        "img",
        class_="screen",
        src=root + film.first,
        alt=f"{text}: the first of them",
        width=size,
        height=size,
        style=f"width:{width}px",
    )
    data = {
        "data_film": root + film.path,
        "data_columns": film.columns,
        "data_frames": film.frames,
        "data_fps": FRAMES_PER_SECOND,
        "data_returns": json.dumps(film.returns),
    }
    caption = element(
        "figcaption",
        f"Episode {film.number}",
        element("small", "the one of median return, its beginning"),
    )
    return element("figure", caption, still, class_="film", **data)


def _sheet(strips: tuple[Strip, ...], size: int, root: str) -> Markup:
    same = len({strip.steps for strip in strips}) == 1
    when = f"t = {', '.join(map(str, strips[0].steps))}" if same else "evenly spread time steps"
    caption = element(
        "figcaption",
        "Episodes from the lowest to the highest return",
        element("small", f"frames at {when}"),
    )
    rows = [_strip(strip, size, root) for strip in strips]
    return element("figure", caption, element("ol", rows), class_="sheet")


def _strip(strip: Strip, size: int, root: str) -> Markup:
    end = ", terminated" if strip.terminated else ""
    text = f"return {number_text(strip.episode_return)}, {strip.length:,} steps{end}"
    steps = ", ".join(map(str, strip.steps))
    picture = element(
        "img",
        src=root + strip.path,
        alt=f"Episode {strip.number} at t = {steps}",
        width=size * COLUMNS,
        height=size,
        loading="lazy",
    )
    label = element("span", element("b", f"episode {strip.number}"), f" {text}")
    return element("li", label, picture)
