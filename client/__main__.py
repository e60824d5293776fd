"""`python -m client`."""

import signal
import sys

from client.cli.main import main

if __name__ == "__main__":
    # Being terminated is being interrupted: what is done is kept, and the way to go on is said.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
