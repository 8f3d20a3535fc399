"""What happens in a process, told to whatever counts, logs or traces it.

==========  ==========================================================================================================
`events`    all that is told, as calls
`lines`     a line of the log for each job and each request; what others chose is made fit for one in `words`
==========  ==========================================================================================================
"""
