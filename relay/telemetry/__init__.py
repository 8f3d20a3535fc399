"""What happens in a process, told to whatever counts, logs or traces it.

==========  ==========================================================================================================
`events`    all that is told, as calls
`lines`     a line of the log for each job and each request; what others chose is made fit for one in `words`
`trail`     what is remembered of a request until it is over
`metrics`   the names of all that is counted
`counts`    counts it; `tallies`: in plain numbers
`snapshot`  what a process tells of itself, with its counts; `recent`: those of the last minute
==========  ==========================================================================================================
"""
