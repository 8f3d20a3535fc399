"""The arguments of jobs as plain data: described by workers, published, decoded alike by fronts and workers."""
