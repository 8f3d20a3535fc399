"""The proxies in front of relay, as real processes, with the configurations that are shipped."""

from __future__ import annotations

import os
import re
import shutil
import signal
import ssl
from pathlib import Path

import pytest

from tests.certificates import write_certificate
from tests.processes import ROOT, Client, LoggedProcess, RelayProcess, free_port


def executable(name: str) -> str:
    """Where a server is; the test is skipped on a machine without it (``.ci/run`` installs it)."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    found = shutil.which(name, path=path)
    if found is None:
        pytest.skip(f"{name} is not installed on this machine")
    return found


def changed(text: str, changes: dict[str, str]) -> str:
    """A configuration with some things changed, each of which has to be there."""
    for old, new in changes.items():
        assert re.search(old, text), f"{old} is not in it"
        text = re.sub(old, lambda _, new=new: new, text)
    return text


class Nginx(LoggedProcess):
    """nginx with a configuration; `plain` is the port that has no TLS, where it has one."""

    plain = 0
    farewell = signal.SIGTERM  # its workers go on without a master that was killed

    def __init__(self, directory: Path, configuration: str, port: int) -> None:
        self.port = port
        temporary = "".join(
            f"{kind}_temp_path {directory}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        file = directory / "nginx.conf"
        file.write_text(configuration.replace("http {", f"http {{\n{temporary}", 1))
        settings = f"daemon off; pid {directory}/nginx.pid; error_log stderr notice;"
        if (
            os.geteuid() == 0
        ):  # else its workers, which would be nobody's, can't write large bodies to our folder
            settings += "user root;"
        command = [executable("nginx"), "-p", str(directory), "-c", str(file), "-g", settings]
        super().__init__(command, dict(os.environ), directory)

    def start(self) -> None:
        super().start()
        self.wait_for("start worker process ")

    def connect(self, source: str = "127.0.0.1") -> Client:
        return Client(self.port, source)


def shipped_nginx(
    directory: Path, fronts: list[int], *, tls: bool = True, more: dict[str, str] | None = None
) -> Nginx:
    """nginx with ``deploy/nginx.conf``, but for ports and paths, and `more` changes."""
    certificate = write_certificate(directory)
    port, plain = free_port(), free_port()
    servers = [f"server 127.0.0.1:{front} max_fails=0;" for front in fronts]
    changes = {
        r"server 127\.0\.0\.1:8080 max_fails=0;\s+server 127\.0\.0\.1:8080 max_fails=0;": "\n".join(servers),
        r"listen 80;": f"listen 127.0.0.1:{plain};",
        r"listen 443 ssl http2;": f"listen 127.0.0.1:{port}{' ssl http2' if tls else ''};",
        r"/etc/ssl/relay/\w+\.pem": str(certificate),
        r"/var/log/nginx/relay\.log": f"{directory}/access.log",
        r"/var/log/nginx/relay-error\.log": f"{directory}/error.log",
        **(more or {}),
    }
    nginx = Nginx(directory, changed((ROOT / "deploy/nginx.conf").read_text(), changes), port)
    nginx.plain = plain
    return nginx


class HAProxy(LoggedProcess):
    """HAProxy with a configuration."""

    def __init__(self, directory: Path, configuration: str, port: int) -> None:
        self.port = port
        file = directory / "haproxy.cfg"
        file.write_text(configuration)
        super().__init__([executable("haproxy"), "-db", "-f", str(file)], dict(os.environ), directory)


class SecureClient(Client):
    """A client that speaks TLS."""

    def __init__(self, port: int, certificate: Path, source: str = "127.0.0.1") -> None:
        super().__init__(port, source)
        context = ssl.create_default_context(cafile=str(certificate))
        context.set_alpn_protocols(["http/1.1"])
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")


class ShippedHAProxy(HAProxy):
    """HAProxy with ``deploy/haproxy.cfg``, but for ports and paths; `to_fronts` is what it does besides."""

    def __init__(self, directory: Path, fronts: list[int], to_fronts: str = "") -> None:
        port, self._certificate = free_port(), write_certificate(directory)
        changes = {
            r"maxconn 40000": "maxconn 1000",
            r"bind :443 ssl crt /etc/ssl/relay/both.pem": f"bind 127.0.0.1:{port} ssl crt {self._certificate}",
            r"127\.0\.0\.1:8080 send": f"127.0.0.1:{fronts[0]} {to_fronts} send",
            r"127\.0\.0\.1:8081 send": f"127.0.0.1:{fronts[1]} {to_fronts} send",
        }
        super().__init__(directory, changed((ROOT / "deploy/haproxy.cfg").read_text(), changes), port)

    def connect(self, source: str = "127.0.0.1") -> SecureClient:
        return SecureClient(self.port, self._certificate, source)

    def answers(self) -> bool:
        """Whether it has found a front."""
        try:
            with self.connect() as client:
                client.request("GET", "/problems/forbidden")
                return client.response().status == 200
        except OSError:
            return False


class ProxiedFront(RelayProcess):
    """A front that reads the PROXY protocol, with a certificate in front of TLS; `port` takes plain requests."""

    def __init__(self, directory: Path, *options: str, certificate: Path | None = None) -> None:
        self.proxied = free_port()
        endpoint = f"haproxy:tcp:{self.proxied}:interface=127.0.0.1"
        if certificate is not None:
            endpoint = f"{endpoint.replace('tcp', 'ssl')}:privateKey={certificate}:certKey={certificate}"
        super().__init__(directory, "front", "--listen", endpoint, *options, port=free_port())

    def start(self) -> None:
        super().start()
        self.wait_for(rf"listens on https?://127\.0\.0\.1:{self.proxied} .a PROXY header is expected")
        self.port = int(self._command[-1].split(":")[1])
