"""Changed robots: attributes of the simulator's model, edited before the model is compiled."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from vd4rl_data.spec import Body, Edit


def edited_model(xml: str | bytes, body: Body) -> str:
    """Apply a body's edits to the XML of a MuJoCo model.

    Args:
        xml: the simulator's own model, not an untrusted file.
        body: what to change.

    Raises:
        ValueError: an edit names an element that does not occur exactly once, or that does not have
            the attribute.
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
