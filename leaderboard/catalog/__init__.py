"""A page for each dataset of the catalog, and one that finds them, beside the leaderboard."""

from leaderboard.catalog.build import build_catalog as build_catalog
from leaderboard.catalog.build import dataset_paths as dataset_paths
