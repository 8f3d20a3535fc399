"""treq's client and response, with names for what they keep to themselves."""

from __future__ import annotations

from typing import Any

from treq.client import HTTPClient
from treq.response import _Response
from twisted.web.client import CookieAgent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent

_STACKLEVEL = 3  # of a warning about headers: where the handler calls


class TreqClient(HTTPClient):
    """A client whose requests may go through other agents, with the same cookies."""

    def with_cookies(self, agent: IAgent) -> CookieAgent:
        """An agent that sends the client's cookies, and keeps those that it is given."""
        return CookieAgent(agent, self._cookiejar)

    def through(self, agent: IAgent) -> HTTPClient:
        """The same client over another agent."""
        return HTTPClient(agent, self._cookiejar, self._data_to_body_producer)

    def headers_of(self, given: Any) -> Headers:
        """The headers that a call is given, in whatever form, as an object of their own."""
        headers: Headers = self._request_headers(given, _STACKLEVEL)
        return headers.copy()


class TreqResponse(_Response):
    """treq's response, made of another."""

    def __init__(self, response: _Response) -> None:
        super().__init__(response.original, response._cookiejar)
