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
`signals`     what signals ask for; `command`: the command ``relay``; `pidfile`; `orphans`; `ending`
`sockets`     listening sockets, bound once; `binder`
`logs`        the log; `record`: what is written of an event; `output`: how a child's log reaches its parent
`learned`     what was learned of limits, for an operator
`tokens`      ``relay tokens``, with `token_arguments`, `token_editor`, `token_list`, `replacing`; `command_line`
`reloading`   a worker whose modules are edited
`run_command` ``relay run``, with `run_arguments`, `one_run`, `own_frames`
`gc_tuning`   the garbage collector; `variables`: names of environment variables
============  ========================================================================================================
"""
