"""The JSON Schema of a result file, generated from the dataclasses."""

from __future__ import annotations

import json
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema

from vd4rl_data.results.decode import RESULT
from vd4rl_data.results.model import SCHEMA_VERSION

SCHEMA_FILE: Final = "result.schema.json"
"""Its name beside the page of the leaderboard."""


class _Generator(GenerateJsonSchema):
    """Without a title for each field, which would repeat its name; strict with free names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        del schema
        return False

    def dict_schema(self, schema: Any) -> dict[str, Any]:
        made = super().dict_schema(schema)
        made.pop("patternProperties", None)  # which takes names that match no pattern
        return made | {
            "propertyNames": self.generate_inner(schema["keys_schema"]),
            "additionalProperties": self.generate_inner(schema["values_schema"]),
        }


def make_json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of what the decoder takes."""
    schema = RESULT.json_schema(schema_generator=_Generator)
    title = f"vd4rl result, version {SCHEMA_VERSION}"
    return {"$schema": GenerateJsonSchema.schema_dialect, **schema, "title": title}


def format_json_schema() -> str:
    """The text of the published file."""
    return json.dumps(make_json_schema(), indent=2) + "\n"
