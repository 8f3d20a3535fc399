"""The processes of relay: what they are composed of, how they are started, watched and stopped.

============  ========================================================================================================
`service`     the composition root of a front or a worker; `watch`: of a worker's watchdog
`everything`  that of ``relay all``
`supervisor`  starts the store, fronts and workers, stops them in due order
`managed`     one place of these: a process, and its successor whenever it ends
`spawned`     one child process, as its parent has it; `parent`: the other way round
`child`       a child process: ``python -m relay.process.child front|worker``
`launch`      runs a program that ends with its parent
`reexec`      a supervisor that restarts in place
`check`       whether the handlers can be served; `checking`: the process that finds out
`signals`     what signals ask for; `pidfile`; `orphans`; `ending`
`sockets`     listening sockets, bound once; `binder`
`logs`        the log; `record`: what is written of an event; `output`: how a child's log reaches its parent
`reloading`   a worker whose modules are edited
`own_frames`  tracebacks with the author's lines alone
`gc_tuning`   the garbage collector; `variables`: names of environment variables
============  ========================================================================================================
"""
