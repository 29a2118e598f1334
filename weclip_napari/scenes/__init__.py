"""Drawn scenes: procedural, captioned images with masks (numpy and Pillow, no torch).

They are what the embedded model was trained on, the sample folder in napari and the
data of the demo. Everything is drawn from a seed, so nothing has to be downloaded.
"""

from weclip_napari.scenes.backgrounds import BACKGROUND_WORDS, BACKGROUNDS
from weclip_napari.scenes.dataset import HELD_OUT_SEED, write_scenes
from weclip_napari.scenes.domains import DOMAINS, DRAWN, SHIFTED, Domain
from weclip_napari.scenes.generator import Scene, SceneGenerator
from weclip_napari.scenes.outlines import CLASSES

__all__ = [
    "BACKGROUNDS",
    "BACKGROUND_WORDS",
    "CLASSES",
    "DOMAINS",
    "DRAWN",
    "HELD_OUT_SEED",
    "SHIFTED",
    "Domain",
    "Scene",
    "SceneGenerator",
    "write_scenes",
]
