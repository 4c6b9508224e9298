"""``python -m baselines``."""

if __name__ == "__main__":  # worker processes import this module again, and need none of it
    import sys

    from baselines.cli import main

    sys.exit(main())
