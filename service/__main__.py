"""`python -m service web | worker [--until-empty] | sweep | manage …`: what every container of the platform runs."""

import sys

from service.cli import main

sys.exit(main(sys.argv[1:]))
