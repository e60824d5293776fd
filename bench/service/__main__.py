"""`python -m bench.service`."""

if __name__ == "__main__":
    import sys

    from bench.service.cli import main

    sys.exit(main())
