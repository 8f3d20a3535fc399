"""About relay: whether it is there, whether it takes work, and what its problems mean."""

from __future__ import annotations

from relay.front import answers
from relay.front.caller import Takes
from relay.front.hold.context import HoldContext
from relay.front.job_service import JobService
from relay.front.readiness import Readiness
from relay.front.routes.app import Routes, new_app
from relay.http.request import Request
from relay.http.response import HttpAnswer
from relay.model.caller import Caller
from relay.model.problems.request import NoSuchPage


class HealthRoutes(Routes):
    """What load balancers and supervisors look at."""

    app = new_app()
    takes = Takes.PROBE

    def __init__(self, context: HoldContext, readiness: Readiness) -> None:
        self._context = context
        self._readiness = readiness

    @app.route("/readyz", methods=["GET"])
    def readyz(self, request: Request, caller: Caller) -> HttpAnswer:
        """For a load balancer: whether this front takes work, and how many requests it holds."""
        why = "draining" if self._context.jobs.draining else self._readiness.why_not()
        said = {"ready": False, "why": why} if why else {"ready": True}
        return answers.json({**said, "held": len(self._context.wheel)}, 503 if why else 200)

    @app.route("/healthz", methods=["GET"])
    def healthz(self, request: Request, caller: Caller) -> HttpAnswer:
        """For whatever restarts this process: that it responds."""
        return answers.json({"alive": True})


class ProblemRoutes(Routes):
    """What a problem type means: ``/problems/{slug}``. Whoever has no valid credentials has to read it, too."""

    app = new_app()
    takes = Takes.READER

    def __init__(self, jobs: JobService) -> None:
        self._jobs = jobs

    @app.route("/problems/<slug>", methods=["GET"])
    def problem(self, request: Request, caller: Caller, slug: str) -> HttpAnswer:
        """What a problem type means, and what to do about it."""
        known = self._jobs.problem_type(slug)
        if known is None:
            raise NoSuchPage(
                f"No job that is served declares the problem {slug}. Ask the authors of the handler what it means"
            )
        return answers.json(
            {"type": slug, "title": known.title, "status": known.status, "meaning": known.meaning}
        )
