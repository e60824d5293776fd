"""What a deployment costs: quantities from the templates, amounts from a usage profile, prices from a dated table.

Other reports build on these names; none of them reads a clock, and all of them raise `AuditError` when they cannot tell:

- `prices.load("eu-west-1") -> PriceTable`, with `table.usd("ec2.c7i.2xlarge")` for one unit of one thing;
- `profile.load("agency") -> Profile`, by the name of one that is shipped (`profile.shipped()`), or from a TOML file;
- `estimate.estimate(assembly, profile, prices) -> Estimate`: `lines`, each a `model.Line` with `component`, `resource`
  (its address), `path` (its construct), `cost` as `Range(low, expected, high)` in USD a month and `driver` (fixed, or
  grows with images); `total`; `by_component()`; `missing`, what the table has no price for;
- `rates.instance_usd_per_hour(table, "c7i.2xlarge")` and `rates.fargate_usd_per_hour(table, vcpus=4, memory_gib=8)`.
"""
