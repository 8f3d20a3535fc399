"""A worker: it claims jobs from the store, runs their handlers and reports how they ended.

===============  ==================================================================================================
`worker`         the service: what is running, what is told to it, how it stops
`tools`          what it works with; `lately`: names that are kept for a while
`session`        the dialogue with the store: numbered turns, one at a time; `turn_sender`: until it is answered
`definitions`    what its handlers declare, for fronts
`runner`         the attempts that are under way: begun, stopped, drained
`attempt`        one job, run once: from its claim to its end; `place`: what attempts share
`ties`           what its handler can do meanwhile, from any thread; `progress`: what it says of itself
`aside`          what it has going on beside its handler: pauses, threads; `programs`: other programs
`end`            what its end is, of `result` (what was returned) or `causes` and `shown` (what was raised)
`shareds`        what handlers share; `lifespan`: hooks before the first job and after the last
`retry`          whether a failed job is tried again, and when
`pace`           how often it does what nobody asks it for
`overdue`        handlers that do not stop, and the places that they take
`current`        for which job code runs
`checkpoints`    what running jobs leave for their next attempt: `notes`, of a checkpoint and of `job_steps`
`sub_jobs`       the jobs that a running job submits; `pending`: one of them, and those who await it
`callable_jobs`  those that may be submitted; `resending`: what the store could not take
`coroutines`     runs the coroutines of handlers, `stepping` them so that they may await Deferreds and asyncio's
                 awaitables; `awaited`: other functions of users
`loop`           the event loop of jobs; `left`: tasks that they leave behind; `remedies`: what to do about errors
`watchdog`       a thread that notices when the reactor stands still, because a handler blocks it
`sight`          what it sees: the job, and the line
===============  ==================================================================================================
"""
