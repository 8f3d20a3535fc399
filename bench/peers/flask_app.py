"""gunicorn + gevent + Flask, whose views wait for Celery's results."""

from __future__ import annotations

from celery_app import echo
from flask import Flask, jsonify, request

app = Flask(__name__)


@app.post("/hold")
def hold():  # type: ignore[no-untyped-def]
    return jsonify(result=echo.delay(request.get_json()["message"]).get(timeout=60))


@app.post("/queue")
def queue():  # type: ignore[no-untyped-def]
    return jsonify(id=echo.delay(request.get_json()["message"]).id), 202
