"""`python -m audit`: proofs and reports over a cloud assembly."""

import sys

from audit.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
