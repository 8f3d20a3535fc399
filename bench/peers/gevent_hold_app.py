"""gunicorn + gevent + Flask holding requests; nothing is queued."""

from __future__ import annotations

from flask import Flask, jsonify
from gevent.event import Event

app = Flask(__name__)
over = Event()


@app.get("/hello")
def hello():  # type: ignore[no-untyped-def]
    return "hello\n"


@app.post("/hold")
def hold():  # type: ignore[no-untyped-def]
    over.wait()
    return jsonify(result=1)
