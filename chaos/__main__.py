"""`python -m chaos`."""

if __name__ == "__main__":
    import sys

    from chaos.cli import main

    sys.exit(main())
