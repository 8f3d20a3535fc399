"""What happens to jobs, told to those who listen while it happens.

===========  =======================================================================================================
`course`     what a listener is told next, after what it was told; `told`: events, formed once for all who hear them
`feed`       **the listeners of one job**, who share a course; `crowd`: how they are kept
`reading`    a listener that is behind (`joining`) reads what the job has put out, until it has reached the others
`log_reads`  such reads: a few at a time, and one for all who want the same
`feeds`      all of them, and the mail about their jobs
===========  =======================================================================================================
"""
