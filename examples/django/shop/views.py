"""Django decides who may do what; relay does the waiting."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from relay.handover import Handover, HandoverError

relay = Handover(settings.RELAY_URL, settings.RELAY_SECRET)


def for_users(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A view for POST that is called with the user who asks; 401 for nobody."""

    @csrf_exempt
    @require_POST
    @wraps(view)
    def asked(request: HttpRequest, **arguments: Any) -> HttpResponse:
        user = _user(request)
        if user is None:
            return JsonResponse({"title": "Who are you?", "status": 401}, status=401)
        return view(request, user, **arguments)

    return asked


@for_users
def invoice(request: HttpRequest, user: str, number: int) -> HttpResponse:
    """The invoice of an order, made by relay's workers."""
    return _hand_over(request, user, "invoice", {"user": user, "number": number})


@for_users
def report(request: HttpRequest, user: str) -> HttpResponse:
    """A report, made by Celery's workers."""
    return _hand_over(request, user, "report", {"args": [user]})


@for_users
def login(request: HttpRequest, user: str) -> HttpResponse:
    """A session for the user whose token is shown, in place of your own login."""
    request.session.cycle_key()
    request.session.update({"user": user, "since": time.time()})  # else two signed in one second are the same
    return JsonResponse({"user": user})


@csrf_exempt
@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    """The session ends."""
    request.session.flush()
    return JsonResponse({"user": None})


def whoami(request: HttpRequest) -> HttpResponse:
    """Whose the session is: what relay asks (`callers.py`). With Django's users that is `str(request.user.pk)`, if
    `request.user.is_authenticated`."""
    user = request.session.get("user")
    return JsonResponse({"user": user}, status=401 if user is None else 200)


def hello(request: HttpRequest) -> HttpResponse:
    """Any other page."""
    return HttpResponse("hello\n", content_type="text/plain")


def _user(request: HttpRequest) -> str | None:
    """Replace this by your own way to identify users."""
    return settings.API_TOKENS.get(request.headers.get("Authorization", "").removeprefix("Bearer "))


def _hand_over(request: HttpRequest, user: str, job: str, arguments: dict[str, Any]) -> HttpResponse:
    """Queue a job of this user, and let the client wait for it at relay."""
    key, prefer = request.headers.get("Idempotency-Key", ""), request.headers.get("Prefer", "")
    try:
        headers = relay.submit(job, arguments, key=key, prefer=prefer, subject=user)
    except HandoverError as error:
        later = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
        return JsonResponse(
            error.problem, status=error.status, headers=later, content_type="application/problem+json"
        )
    return HttpResponse(headers=headers)
