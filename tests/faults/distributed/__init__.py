"""Fault tests on real topologies: fronts and workers on several hosts, under load, and their history checked.

=============  ============================================================================================
`site`         a front and a worker on a host of their own, with a clock of their own
`probe`        what new requests hear at each front, every 100 ms
`rig`          a topology, hosts and the faults that befall them
`obstacles`    the faults: what they do, and for how long they may keep new requests out
`figures`      what a run found, and what of that must not be
`run`          a run; `__main__` is ``make faults-distributed``
=============  ============================================================================================

Handlers, clients and the checks of a history are those of `tests.faults`.
"""
