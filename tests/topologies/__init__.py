"""Real topologies of Redis or Valkey for tests: as processes of this machine, with all that can happen to them.

=============  ============================================================================================
`network`      hosts as network namespaces, which can be cut off from each other
`node`         one server, which can be killed, hung and revived
`sentinels`    a master with two replicas, and three Sentinels
`cluster`      three masters with a replica each
`move`         a slot of a Cluster on its way, key by key or at once
=============  ============================================================================================

The fixtures `sentinels` and `cluster` (`tests/conftest.py`) start one for a test. Nothing here sleeps: a verb returns
once what it does is done, unless its docstring says otherwise.
"""
