"""Fault tests: a whole relay under load, broken in every way that can be drawn, and its history checked.

=============  ============================================================================================
`jobs`         handlers that write down when they start and end
`clients`      a process of clients that follow the contract's rule, and write down what they were told
`address`      where relay finds Redis, whichever server that is
`servers`      the Redis of a rig, its replicas, and what can happen to them
`rig`          relay as processes, and the faults that can be done to it
`history`      what was written down, and what has to hold of it
`run`          ``make faults``: a run with its figures; a short draw of it is part of ``make test``
=============  ============================================================================================
"""
