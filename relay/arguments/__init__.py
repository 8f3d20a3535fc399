"""The arguments of jobs: read off signatures by workers, published, and checked by fronts.

=============  ======================================================================================================
`signature`    what a handler's parameters are
`shape`        their types as plain data; `describing` makes it
`schema`       what a worker publishes of them: a JSON Schema that holds the shapes, and the validator that fronts use
`decoding`     types made of shapes: fronts decode with these what workers decode with their own
`patterns`     regular expressions that both understand alike
=============  ======================================================================================================
"""
