"""Sample RAW files: valid CFA DNGs of any size from a deterministic, photo-like scene."""

from processor.sample.maker import BAYER_PATTERNS, SAMPLE_SIZES, SampleTruth, make_sample
from processor.sample.scene import render_scene

__all__ = ["BAYER_PATTERNS", "SAMPLE_SIZES", "SampleTruth", "make_sample", "render_scene"]
