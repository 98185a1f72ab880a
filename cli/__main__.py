"""`python -m cli` is `arbiter`, for places that know the interpreter and not the command."""

import sys

from cli.main import main

if __name__ == "__main__":
    sys.exit(main())
