"""A command line whose mistakes are told in one line, as those in settings are."""

from __future__ import annotations

import argparse
from typing import NoReturn


class CommandLine(argparse.ArgumentParser):
    """A parser that ends with status 2 and one line, where others show all that could have been said."""

    def error(self, message: str) -> NoReturn:
        """What is wrong, and where to read more."""
        self.exit(2, f"{self.prog}: {' '.join(message.split())} (see {self.prog} --help)\n")
