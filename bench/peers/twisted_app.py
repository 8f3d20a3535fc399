"""The limits: bare twisted.web and Klein, answering at once, or holding with one LoopingCall for each request.

``python twisted_app.py twisted|klein PORT``
"""

from __future__ import annotations

import sys
from typing import Any

from klein import Klein
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

app = Klein()


@app.route("/echo", methods=["POST"])
def echo(request: Any) -> bytes:
    return b'{"result":1}'


@app.route("/hold", methods=["POST"])
def hold(request: Any) -> Deferred[bytes]:
    LoopingCall(request.write, b"\n").start(8)
    return Deferred()


class Echo(Resource):
    isLeaf = True

    def render_POST(self, request: Any) -> bytes:
        return b'{"result":1}'


class Hold(Resource):
    isLeaf = True

    def render_POST(self, request: Any) -> int:
        request.write(b"\n")
        return NOT_DONE_YET


def bare() -> Resource:
    root = Resource()
    root.putChild(b"echo", Echo())
    root.putChild(b"hold", Hold())
    return root


kind, port = sys.argv[1:]
site = Site(bare() if kind == "twisted" else app.resource())
site.displayTracebacks = False
site.log = lambda request: None
reactor.listenTCP(int(port), site, interface="127.0.0.1", backlog=1024)  # type: ignore[attr-defined]
reactor.run()  # type: ignore[attr-defined]
