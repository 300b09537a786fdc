"""How far features in two-byte arithmetic may be from those in float32.

Measured on ViT-L with random weights and simulated clips of 32 and 128 px, modes tubelet and clip:

| dtype | mean cosine | relative error |
|---|---|---|
| bfloat16 | 0.99992 | 0.0125 to 0.0128 |
| float16 | 0.999999 | 0.0016 |

transformers computes the rotary angles in the model's type, too. With float32 angles the bfloat16
error is the same (0.01252 and 0.01255); with queries and keys three times as large, so that
attention is sharp, it is 0.0130 either way. Trained weights were not at hand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Deviation:
    """Latents beside those in float32: the mean cosine of a patch's two vectors, and
    |x - reference| / |reference| over all values."""

    cosine: float
    relative_error: float

    def is_within(self, tolerance: Deviation) -> bool:
        """Whether this is at most as far off as `tolerance`."""
        closer = self.relative_error <= tolerance.relative_error
        return closer and self.cosine >= tolerance.cosine


TOLERANCE = {
    "float32": Deviation(cosine=1 - 1e-6, relative_error=1e-3),
    "bfloat16": Deviation(cosine=0.9998, relative_error=0.02),
    "float16": Deviation(cosine=0.99999, relative_error=0.004),
}


def deviation(latents: np.ndarray, reference: np.ndarray) -> Deviation:
    """Compare latents [..., D] with those of the same clips in float32."""
    found, wanted = latents.astype(np.float64), reference.astype(np.float64)
    lengths = np.linalg.norm(found, axis=-1) * np.linalg.norm(wanted, axis=-1)
    cosine = float(np.mean(np.sum(found * wanted, axis=-1) / lengths))
    error = np.linalg.norm(found - wanted) / np.linalg.norm(wanted)
    return Deviation(cosine, float(error))
