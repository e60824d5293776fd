"""The scene that samples show: the same photo at any size, another one for each seed."""

import cv2
import numpy as np

from processor.types import Rgb8


def render_scene(width_px: int, height_px: int, seed: int) -> Rgb8:
    """The photo, H×W×3 uint8 sRGB, upright."""
    rng = np.random.default_rng(seed)
    canvas = np.zeros((height_px, width_px, 3), np.uint8)
    cells = cv2.resize(
        rng.integers(40, 220, (12, 18, 3)).astype(np.uint8), (width_px, height_px), interpolation=cv2.INTER_CUBIC
    )
    canvas[:] = cells
    for _ in range(40):
        points = (rng.uniform(0, 1, (4, 2)) * [width_px, height_px]).astype(np.int32)
        cv2.fillConvexPoly(canvas, cv2.convexHull(points), rng.integers(20, 235, 3).tolist(), cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 0.7), np.uint8)
