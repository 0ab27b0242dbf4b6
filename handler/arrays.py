"""The arrays that a photo becomes on its way through the handler: layout, dtype, range and meaning of each."""

import numpy as np
from numpy.typing import NDArray

Photo = NDArray[np.uint8]  # (H, W, 3) RGB of 0 to 255, upright and opaque
PhotoBatch = NDArray[np.uint8]  # (N, H, W, 3), photos of one size
Gray = NDArray[np.uint8]  # (H, W), 0 black and 255 white
Plane = NDArray[np.float32]  # (H, W) in [0, 1], 0 dark and 1 light
LineMap = NDArray[np.float32]  # (H, W) in [0, 1], 0 ink and 1 paper: a plane as the network draws it
LineMapBatch = NDArray[np.float32]  # (N, H, W), line maps of one size
Graphite = NDArray[np.float32]  # (H, W) in [0, 1], 0 bare paper and 1 black
Texture = NDArray[np.float32]  # (H, W) about 0 with a deviation of 1, graphite lies thicker where it is high
Mask = NDArray[np.float32]  # (H, W) in [0, 1], 0 background and 1 subject, with a soft edge
Region = NDArray[np.uint8]  # (H, W) of 0 and 1, 1 where something is
View = tuple[int, int, int, int]  # a part of a photo, in its pixels: left, top, right, bottom
Picture = NDArray[np.uint8]  # (H, W) ink on white paper, (H, W, 3) RGB, or (H, W, 4) RGBA for laying on any paper
