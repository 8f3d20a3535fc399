"""Requests that are held open while their jobs run.

==============  ======================================================================================================
`hold`          **a held request**, in its phases; `ending`: how it ends
`policy`        how long a request is held, and how often it gets a heartbeat
`stream`        what is sent once it is committed; `json_stream`: as JSON, with heartbeats of white space
`event_hold`    a held request that is told events, in a form of `event_streams`; `change_hold`: one until a change
`timing_wheel`  one timer for all of them
`probe`         held by a plan instead of a job, for ``relay doctor``
`context`       what all of them share
==============  ======================================================================================================
"""
