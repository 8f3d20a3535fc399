"""How a front that leaves hands the clients that it holds over to its successor.

===========  =========================================================================================================
`departure`  how the clients of a front fare when it leaves
`passed`     what is known of a client that is handed over
`successor`  the front that comes after this one; `predecessor`: the one before
===========  =========================================================================================================
"""
