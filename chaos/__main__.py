"""`python -m chaos`."""

if __name__ == "__main__":
    import sys

    from chaos.cli import main

    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
