"""Sphinx settings; ``make docs`` builds with warnings as errors."""

from relay.version import VERSION

project = "relay"
copyright = "2026, the relay authors"
release = VERSION
extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "furo"
html_title = f"relay {VERSION}"
exclude_patterns = ["_build"]
myst_heading_anchors = 3

# the reference: docstrings have single backquotes around what is code
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
