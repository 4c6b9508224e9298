"""Changed robots: attributes of the simulator's model, edited before the model is compiled."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from vd4rl_data.spec import Body, Edit


def edited_model(
    xml: str | bytes, body: Body, assets: Mapping[str, str | bytes] = MappingProxyType({})
) -> str:
    """Apply a body's edits to the XML of a MuJoCo model.

    Args:
        xml: the simulator's own model, not an untrusted file.
        body: what to change.
        assets: the files that the model includes, by the names that it gives them; each is put in
            its place, so that what it defines can be edited too.

    Raises:
        ValueError: an edit names an element that does not occur exactly once, or that does not have
            the attribute; or the model includes a file that is not among the assets.
    """
    root = ET.fromstring(xml)  # noqa: S314 - the simulator's own file
    root[:] = list(_with_includes(root, assets, body.name))
    for edit in body.edits:
        _find(root, edit, body.name).set(
            edit.attribute, " ".join(f"{number!r}" for number in edit.value)
        )
    return ET.tostring(root, encoding="unicode")


def _with_includes(
    root: ET.Element, assets: Mapping[str, str | bytes], body: str
) -> Iterator[ET.Element]:
    """The children of the model, with the content of each included file in place of its name."""
    for child in root:
        if child.tag != "include":
            yield child
            continue
        name = child.get("file", "")
        if name not in assets:
            known = ", ".join(assets) or "none"
            raise ValueError(f"body {body!r}: the model includes {name!r}, the assets are {known}")
        yield from ET.fromstring(assets[name])  # noqa: S314 - the simulator's own file


def _find(root: ET.Element, edit: Edit, body: str) -> ET.Element:
    where = f"body {body!r}: {edit.element} {edit.name!r}"
    found = [item for item in root.iter(edit.element) if item.get("name") == edit.name]
    if len(found) != 1:
        raise ValueError(f"{where}: expected one such element in the model, got {len(found)}")
    if found[0].get(edit.attribute) is None:
        known = ", ".join(sorted(found[0].attrib))
        raise ValueError(f"{where}: no attribute {edit.attribute!r} to change, only {known}")
    return found[0]
