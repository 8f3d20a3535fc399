"""A worker: it claims jobs from the store, runs their handlers and reports how they ended.

===============  ==================================================================================================
`worker`         the service: what is running, what is told to it, how it stops
`session`        the dialogue with the store: numbered turns, one at a time; `turn_sender`: until it is answered
`definitions`    what its handlers declare, for fronts
`runner`         the attempts that are under way: begun, stopped, drained
`attempt`        one job, run once: from its claim to its end
`ties`           what its handler can do meanwhile, from any thread; `progress`: what it says of itself
`end`            what its end is, of `result` (what was returned) or `causes` and `shown` (what was raised)
`retry`          whether a failed job is tried again, and when
`pace`           how often it does what nobody asks it for
`overdue`        handlers that do not stop, and the places that they take
`current`        for which job code runs
`checkpoints`    what running jobs leave for their next attempt: `notes`, of a checkpoint and of `steps`
`sub_jobs`       the jobs that a running job submits; `pending`: one of them, and those who await it
`callable_jobs`  those that may be submitted; `resending`: what the store could not take
`coroutines`     runs the coroutines of handlers; `box`: what they return
`watchdog`       a thread that notices when the reactor stands still, because a handler blocks it
`sight`          what it sees: the job, and the line
===============  ==================================================================================================
"""
