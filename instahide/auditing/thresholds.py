"""When what came back counts as recognisable, in two numbers; `recognition` applies them.

Apart from it, so that who reads settings need not load what compares images.
"""

# ASSUME: .6 of SSIM. Images of CIFAR-10 that were shrunk from 32 × 32 to 11 × 11 pixels and
# enlarged again have .68 in the mean, to 8 × 8 .54 (`python benchmarks/recognition.py`): so
# about what is left of an image of which every third pixel is known.
THRESHOLD = 0.6
# ASSUME: .05. Recovered images that show nothing are about as like to all originals.
LEAST_LEAD = 0.05
