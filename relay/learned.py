"""The command ``python -m relay.learned``; what it does stands in `relay.process.learned`."""

import sys

from relay.process.learned import main

if __name__ == "__main__":
    main(sys.argv[1:])
