"""Sphinx settings; ``make docs`` builds with warnings as errors."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import settings_table

from relay.version import VERSION

settings_table.write(Path(__file__).parent)

project = "relay"
copyright = "2026, the relay authors"
release = VERSION
extensions = ["myst_parser"]
html_theme = "furo"
html_title = f"relay {VERSION}"
exclude_patterns = ["_build"]
myst_heading_anchors = 3
