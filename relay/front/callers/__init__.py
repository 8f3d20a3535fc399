"""Who calls, by what it shows.

===========  =========================================================================================================
`check`      what each kind of credentials is asked
`tokens`     tokens of relay's own: `token_file` watches their file, `known_tokens` has it in memory
===========  =========================================================================================================
"""
