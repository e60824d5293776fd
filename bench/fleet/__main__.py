"""`python -m bench.fleet`."""

if __name__ == "__main__":
    import sys

    from bench.fleet.cli import main

    sys.exit(main())
