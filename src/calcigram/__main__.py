"""``python -m calcigram`` is the same as the command ``calcigram``."""

import sys

from calcigram.cli import main

if __name__ == "__main__":
    sys.exit(main())
