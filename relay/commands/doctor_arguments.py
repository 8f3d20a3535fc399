"""The command line of ``relay doctor``."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError

LEAST, MOST = 5.0, 3600.0  # seconds for the way


def add_arguments(parser: ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument(
        "--config", default="", help="TOML file with relay's settings (default: RELAY_CONFIG)"
    )
    parser.add_argument(
        "--redis", default="", help="where the store is, a URL (default: that of the settings)"
    )
    parser.add_argument(
        "--store-name", default="", metavar="NAME", help="the name in the store's keys (default: as above)"
    )
    parser.add_argument(
        "--partitions",
        default="",
        metavar="N",
        help="how many partitions the store has (default: what the settings say, or the store that --redis names)",
    )
    parser.add_argument(
        "--url", default="", help="where clients reach relay, such as https://api.example.com"
    )
    parser.add_argument(
        "--token-file", default="", metavar="FILE", help="file with a token of a caller, for --url"
    )
    parser.add_argument(
        "--most",
        type=_seconds,
        default=120.0,
        metavar="SECONDS",
        help="how long the way is looked at; a cut that comes later is not seen (default: 120)",
    )
    parser.add_argument(
        "--insecure", action="store_true", help="go on where the certificate is not to be trusted"
    )
    parser.add_argument("--json", action="store_true", help="as a JSON array of what was looked at")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not LEAST <= seconds <= MOST:
        raise ArgumentTypeError(f"expected a number of seconds from {LEAST:g} to {MOST:g}, not {text!r}")
    return seconds
