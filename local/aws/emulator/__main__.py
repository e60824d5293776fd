"""Start the AWS endpoints in this process; the environment that `local.aws` gives says where and with which folders."""

import sys


def main() -> int:
    """Serve until SIGTERM."""
    # Reads the environment while it is imported.
    import ministack.app  # noqa: PLC0415

    from local.aws.emulator import bodies, encryption, flush, policies, registry, resources, scopes  # noqa: PLC0415

    resources.install()
    policies.install()
    scopes.install()
    encryption.install()
    bodies.install()
    registry.install()
    flush.install()
    sys.argv = ["ministack"]
    ministack.app.main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
