"""Hours of mixed load with faults, after which nothing has grown: ``make soak``.

==========  ===========================================================================================================
`jobs`      what runs
`load`      the clients, and the API that handlers call
`faults`    what is done to relay and its Redis meanwhile
`samples`   what is measured again and again
`verdict`   whether something grows
`picture`   the figures as a picture
==========  ===========================================================================================================
"""
