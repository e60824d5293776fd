"""The experiments of the evidence page: each shows a fault of parallel programs and how the batch is free of it."""
