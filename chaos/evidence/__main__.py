"""`python -m chaos.evidence`."""

if __name__ == "__main__":
    import sys

    from chaos.evidence.command import main

    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
