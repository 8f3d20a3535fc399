"""Jobs are submitted, and their outcomes waited for: by fronts for clients, by workers for the jobs that they run.

===========  =======================================================================================================
`offer`      a job that can be submitted, and the check of its arguments; `meaning`: how those are compared
`outcomes`   what one process waits for: its waiters, told by its inbox and repaired after Redis lost data
`waiters`    the registry: job id → those who wait for it
`fetching`   outcomes that are too large for the inbox
`recovery`   attaches all waiters again after a partition lost data
`sweeping`   sweeps one partition after the other
===========  =======================================================================================================
"""
