"""Changed robots: attributes of the simulator's own model, edited before it is compiled."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from vd4rl_data.spec import Body, Edit


def edited_model(xml: str | bytes, body: Body) -> str:
    """The XML of a MuJoCo model with a body's edits made.

    Args:
        xml: the model, as its simulator has it; not a file of strangers.
        body: what to change.

    Raises:
        ValueError: an edit names an element that is not there exactly once, or that has no such
            attribute.
    """
    root = ET.fromstring(xml)  # noqa: S314 - the simulator's own file
    for edit in body.edits:
        _find(root, edit, body.name).set(
            edit.attribute, " ".join(f"{number!r}" for number in edit.value)
        )
    return ET.tostring(root, encoding="unicode")


def _find(root: ET.Element, edit: Edit, body: str) -> ET.Element:
    where = f"body {body!r}: {edit.element} {edit.name!r}"
    found = [item for item in root.iter(edit.element) if item.get("name") == edit.name]
    if len(found) != 1:
        raise ValueError(f"{where}: expected one such element in the model, got {len(found)}")
    if found[0].get(edit.attribute) is None:
        known = ", ".join(sorted(found[0].attrib))
        raise ValueError(f"{where}: no attribute {edit.attribute!r} to change, only {known}")
    return found[0]
