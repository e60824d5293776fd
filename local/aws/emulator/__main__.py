"""Start the AWS endpoints in this process; the environment that `local.aws` gives says where and with which folders."""

import sys

from local.aws.emulator.flush import flush_every_second


def main() -> int:
    """Serve until SIGTERM."""
    import ministack.app  # noqa: PLC0415 - reads the environment while it is imported

    from local.aws.emulator import origin, resources  # noqa: PLC0415

    resources.install()
    origin.install()
    flush_every_second()
    sys.argv = ["ministack"]
    ministack.app.main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
