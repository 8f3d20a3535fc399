"""The headers with which a page is shown in a browser: it runs files of its own server, and nothing else."""

from __future__ import annotations


def policy(images: str = "'self'") -> str:
    """A Content-Security-Policy: scripts and styles are files of this server's own, and nothing else is loaded, framed
    or sent anywhere. `images` are the sources of images."""
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src {images}; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def page_head(policy: str) -> str:
    """Header lines of a page that has this policy, and of what it loads."""
    return (
        f"Content-Security-Policy: {policy}\r\nX-Frame-Options: DENY\r\nReferrer-Policy: no-referrer\r\n"
        "Cross-Origin-Opener-Policy: same-origin\r\nCross-Origin-Resource-Policy: same-origin\r\n"
    )
