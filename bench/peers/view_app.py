"""Flask on gunicorn with synchronous workers: a view that waits for a Celery task, and one that hands over."""

from __future__ import annotations

import os

from flask import Flask, Response, jsonify
from slow_task import slow

from relay.handover import Handover

app = Flask(__name__)
relay = Handover(os.environ["RELAY"], os.environ["SECRET"])


@app.post("/wait")
def wait():  # type: ignore[no-untyped-def]
    return jsonify(result=slow.delay().get(timeout=300))


@app.post("/hand-over")
def hand_over():  # type: ignore[no-untyped-def]
    return Response(headers=relay.submit("slow", {}))


@app.get("/hello")
def hello():  # type: ignore[no-untyped-def]
    return "hello\n"
