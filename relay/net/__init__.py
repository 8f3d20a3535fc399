"""Twisted's transports, bent; the only place that touches what Twisted and other packages keep to themselves.

``tests/test_private.py`` pins each attribute, and says what breaks if it goes.

=================  ===================================================================================================
`private`          small functions over private attributes
`eager`            writes at once if the socket has room
`client_socket`    the socket of a client, and its transport; `socket_owner`: who waits on it; `socket_names`
`bare`             which connections are on one
`outgoing`         what is on its way to a client, and whether it still moves
`tls`              TLS on listening sockets; `client_tls`: to servers; `proxied`: the PROXY protocol
`unixport`         a unix socket that several processes serve
`unix_client`      HTTP over a unix socket, for synchronous code
`resolver`         host names to addresses
`descriptors`      how many files this process may have open
`threads`          calls in threads of the loop that runs, or of the reactor
`keeper`           a program, run by its path, that ends other programs with their parent
`adopted_process`  a child process that another program started
`redis_protocol`   txredisapi's protocol, with bytes in and bytes out
`api_connection`   Twisted's HTTP client connection, with bounds
`api_pool`         such connections, kept for further requests; `persistence`: whether an answer lets them be
`treq_client`      treq's client, over an agent of one's own
`bodies`           answers that are read whole, with bounds; `documents`: small ones over https; `posts`: of questions
=================  ===================================================================================================
"""
