"""Croissant 1.0: what the files are, as JSON-LD that other tools and search engines read.

Croissant has no way to point into an HDF5 file. The row arrays are described as columns of the
shards, by their HDF5 path, so that names, types and meaning can be read; loading them from this
description alone is not possible yet.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from vd4rl_data.errors import PublishError
from vd4rl_data.publish.card import citations, license_url, licenses, title
from vd4rl_data.publish.model import PreparedDataset, PreparedFile
from vd4rl_data.storage.rows import Column

_HDF5: Final = "application/x-hdf5"
_TAR: Final = "application/x-tar"
_TYPES: Final = {"b": "sc:Boolean", "i": "sc:Integer", "u": "sc:Integer", "f": "sc:Float"}
_MEANINGS: Final = {
    "observations": "RGB frame, unstacked",
    "actions": "the action taken at this frame, in [-1, 1]",
    "rewards": "reward of this transition, summed over the action repeat",
    "discounts": "the environment's own discount, in [0, 1]",
    "terminals": "true at the last transition of an episode that terminated",
    "timeouts": "true at the last row of every episode",
}
_CONTEXT: Final[dict[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def make_croissant(
    repo_id: str, datasets: Sequence[PreparedDataset], others: Sequence[PreparedFile]
) -> str:
    """The text of ``croissant.json``; addresses of files are relative to it.

    Args:
        repo_id: ``USER/NAME``.
        datasets: what the repository holds; at least one.
        others: further files to list: sidecars and pictures.
    """
    from huggingface_hub.constants import HUGGINGFACE_CO_URL_HOME

    shards = [shard for dataset in datasets for shard in dataset.shards]
    description = "; ".join(
        f"{dataset.name}: {dataset.manifest.num_episodes:,} episodes, "
        f"{dataset.manifest.num_transitions:,} transitions, origin {dataset.manifest.origin}"
        for dataset in datasets
    )
    content = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": title(repo_id, datasets),
        "description": f"Offline reinforcement learning from pixels. {description}.",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "license": [license_url(name) or name for name in licenses(datasets)],
        "url": f"{HUGGINGFACE_CO_URL_HOME}datasets/{repo_id}",
        "version": f"{max(dataset.spec.id.version for dataset in datasets)}.0.0",
        "citeAs": "\n\n".join(citations(datasets)),
        "keywords": ["offline reinforcement learning", "pixels", "vd4rl-data"],
        "isLiveDataset": False,
        "distribution": [
            *(_file(file) for file in sorted([*shards, *others], key=lambda file: file.path)),
            *(_file_set(dataset) for dataset in datasets),
        ],
        "recordSet": [_rows(dataset) for dataset in datasets],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def check_croissant(path: Path) -> str:
    """Hold a Croissant file against the format's own package, where that is installed.

    Returns:
        What came of it, in one line.

    Raises:
        PublishError: the package finds an error.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the package itself is built on
        try:
            import mlcroissant
        except ImportError:
            return f"{path.name} was not validated: pip install mlcroissant"
        version = importlib.metadata.version("mlcroissant")
        logger = logging.getLogger("absl")
        disabled, logger.disabled = logger.disabled, True  # it lists what is merely recommended
        try:
            mlcroissant.Dataset(jsonld=str(path))
        except mlcroissant.ValidationError as error:
            raise PublishError(f"{path} is not valid to mlcroissant {version}:\n{error}") from error
        finally:
            logger.disabled = disabled
    return f"{path.name} is valid to mlcroissant {version}."


def _file(file: PreparedFile) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path,
        "contentUrl": file.path,
        "contentSize": f"{file.size} B",
        "encodingFormat": _encoding(file.path),
        "sha256": file.sha256,
    }


def _encoding(path: str) -> str:
    suffix = path.rpartition(".")[2]
    return {"h5": _HDF5, "json": "application/json", "png": "image/png", "tar": _TAR}[suffix]


def _file_set(dataset: PreparedDataset) -> dict[str, Any]:
    name = dataset.name
    return {
        "@type": "cr:FileSet",
        "@id": f"{name}/shards",
        "name": f"{name}/shards",
        "description": f"The shards of {name}, in order: whole episodes one after the other.",
        "containedIn": [{"@id": shard.path} for shard in dataset.shards],
        "encodingFormat": _HDF5,
        "includes": f"{name}.packed-*.h5" if dataset.has_pixels else f"{name}.h5",
    }


def _rows(dataset: PreparedDataset) -> dict[str, Any]:
    name = dataset.name
    return {
        "@type": "cr:RecordSet",
        "@id": f"{name}/rows",
        "name": f"{name}/rows",
        "description": (
            "Rows of all episodes one after the other, T + 1 for an episode of T transitions; row "
            "t holds what belongs to transition t, and an episode's last row its final "
            f"observation. {dataset.manifest.num_transitions + dataset.manifest.num_episodes:,} "
            "rows. Columns are HDF5 datasets of the shards, by path."
        ),
        "field": [_field(name, column) for column in dataset.columns],
    }


def _field(name: str, column: Column) -> dict[str, Any]:
    dtype = np.dtype(column.dtype)
    meaning = _MEANINGS.get(column.key, f"one value for each {column.kind}")
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{name}/rows/{column.key}",
        "name": column.key,
        "description": f"{meaning}; {dtype.name}, shape {column.row_shape}",
        "dataType": _TYPES[dtype.kind],
    }
    if column.row_shape:
        field["repeated"] = True
    field["source"] = {"fileSet": {"@id": f"{name}/shards"}, "extract": {"column": column.key}}
    return field
