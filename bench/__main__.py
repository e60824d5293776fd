"""`python -m bench`. Nothing else is imported here: measured processes load this module again."""

if __name__ == "__main__":
    import sys

    from bench.cli import main

    sys.exit(main())
