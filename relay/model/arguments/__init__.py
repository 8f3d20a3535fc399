"""The arguments of jobs as plain data: described and published by workers, checked by fronts.

=============  ======================================================================================================
`shape`        the types of parameters; `describing` makes it
`foreign`      pydantic's types among them
`schema`       what a worker publishes of them: a JSON Schema that holds the shapes, and the validator that fronts use
`decoding`     types made of shapes: fronts decode with these what workers decode with their own
`patterns`     regular expressions that both understand alike
`subschemas`   a walk over a schema, which tells schemas from names and data
=============  ======================================================================================================
"""
