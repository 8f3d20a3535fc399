"""HTTP over a unix socket, for synchronous code: urllib3's pool on connections of another kind."""

from __future__ import annotations

import socket
from typing import Any

from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.timeout import Timeout


class _Connection(HTTPConnection):
    """To a unix socket; the host, which goes into ``Host``, is localhost."""

    def __init__(self, *arguments: Any, path: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._path = path

    def _new_conn(self) -> socket.socket:
        connected = socket.socket(socket.AF_UNIX)
        connected.settimeout(Timeout.resolve_default_timeout(self.timeout))
        try:
            connected.connect(self._path)
        except TimeoutError as error:
            connected.close()
            raise ConnectTimeoutError(self, f"{self._path} did not answer in time") from error
        except OSError as error:
            connected.close()
            raise NewConnectionError(self, f"{self._path}: {error}") from error
        return connected


class UnixPool(HTTPConnectionPool):
    """A pool of connections to the unix socket at `path`; its requests are for paths. `options` are the pool's."""

    ConnectionCls = _Connection

    def __init__(self, path: str, **options: Any) -> None:
        super().__init__("localhost", path=path, **options)
