"""The command ``python -m relay.learned``; what it does stands in `relay.commands.learned`."""

import sys

from relay.commands.learned import main

if __name__ == "__main__":
    main(sys.argv[1:])
