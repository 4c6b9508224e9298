"""``python -m vd4rl_data.cli``."""

from __future__ import annotations

import sys

from vd4rl_data.cli import main

if __name__ == "__main__":
    sys.exit(main())
