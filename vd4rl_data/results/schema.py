"""The JSON Schema of a result file, generated from the dataclasses."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any, Final

from vd4rl_data.results.model import SCHEMA_VERSION, RunResult
from vd4rl_data.results.shapes import (
    Boolean,
    Choice,
    Either,
    Field,
    List,
    Mapping,
    Null,
    Number,
    Object,
    Shape,
    String,
    object_shape,
)

SCHEMA_FILE: Final = "result.schema.json"
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def make_json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12), made anew from the dataclasses."""
    definitions: dict[str, Any] = {}
    root = _object(object_shape(RunResult), definitions)
    return {
        "$schema": _DIALECT,
        "title": f"vd4rl result, version {SCHEMA_VERSION}",
        **root,
        "$defs": dict(sorted(definitions.items())),
    }


def read_json_schema() -> dict[str, Any]:
    """The published JSON Schema, which ships with the package."""
    text = resources.files("vd4rl_data.results").joinpath(SCHEMA_FILE).read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def format_json_schema(schema: dict[str, Any]) -> str:
    """The text of the published file."""
    return json.dumps(schema, indent=2) + "\n"


def _object(shape: Object, definitions: dict[str, Any]) -> dict[str, Any]:
    documentation = (shape.type.__doc__ or "").strip().partition("\n")[0]
    return {
        "description": documentation,
        "type": "object",
        "additionalProperties": False,
        "required": [name for name, field in shape.fields.items() if field.required],
        "properties": {
            name: _schema(field.shape, definitions) | _default(field)
            for name, field in shape.fields.items()
        },
    }


def _default(field: Field) -> dict[str, Any]:
    """What a file means that leaves the field out, where readers cannot know it."""
    return {"default": value for value in field.absent.values()}  # noqa: B035 - one at most


def _schema(shape: Shape, definitions: dict[str, Any]) -> dict[str, Any]:
    match shape:
        case Object():
            name = shape.type.__name__
            if name not in definitions:
                definitions[name] = _object(shape, definitions)
            return {"$ref": f"#/$defs/{name}"}
        case Either():
            return {"anyOf": [_schema(choice, definitions) for choice in shape.shapes]}
        case List():
            bounds = {"minItems": shape.count.min, "maxItems": shape.count.max}
            return {"type": "array", "items": _schema(shape.item, definitions), **bounds}
        case Mapping():
            return {
                "type": "object",
                "propertyNames": _schema(String(shape.name), definitions),
                "additionalProperties": _schema(shape.value, definitions),
                "minProperties": shape.count.min,
                "maxProperties": shape.count.max,
            }
        case _:
            return _leaf(shape)


def _leaf(shape: String | Number | Choice | Boolean | Null) -> dict[str, Any]:
    match shape:
        case String(text):
            bounds = {"minLength": text.min, "maxLength": text.max}
            return {"type": "string", **bounds, "pattern": text.pattern}
        case Number(bounds, integer):
            kind = "integer" if integer else "number"
            return {"type": kind, "minimum": bounds.min, "maximum": bounds.max}
        case Choice(values):
            return {"enum": list(values)}
        case Boolean():
            return {"type": "boolean"}
        case Null():
            return {"type": "null"}
