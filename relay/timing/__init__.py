"""When things happen.

===========  =========================================================================================================
`timers`     what ``callLater`` gives
`recurring`  what is done again and again, whatever goes wrong in it
`backoff`    pauses between attempts that fail
`fork`       a Deferred that follows another, and can be cancelled without it
`draining`   how long a process that was told to stop still has
`clock`      a clock that nobody sets
===========  =========================================================================================================
"""
