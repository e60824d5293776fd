"""The traffic matrix turned into rules: pure functions, which know no construct and make nothing."""
