"""Handlers: the functions that do the work, what ``@job`` declares of them, and the schema of their arguments.

A handler is a plain function. ``@job`` returns it unchanged, with one attribute that says how to run it. `registry`
finds such functions in a worker's modules.

=============  ============================================================================================
`declare`      ``@job``, and the `Handler` made of a function and what was said of it
`options`      what can be said, and the check of each
`signature`    what a handler's parameters are; `relay.model.arguments` has their types as plain data
`annotations`  what parameters are annotated with
`shared`       what handlers share; `hooks`: what is called before and after all of them
`context`      what a running handler is told about its job
`finished`     what became of a program that it ran
`sub_job`      the jobs that a job submits
`importing`    modules of handlers, imported by name
`registry`     the handlers of one worker
=============  ============================================================================================
"""

from relay.handlers.declare import MARK, Handler, handler, job
from relay.handlers.options import HandlerError, JobOptions

__all__ = ["MARK", "Handler", "HandlerError", "JobOptions", "handler", "job"]
