"""Pictures of which a half is red or blue, and a tiny model to retrain on them."""

from dataclasses import replace

import numpy as np

from weclip_napari.session.images import write_image

SIZE = (40, 48)


def write_model(folder):
    """Save a tiny model that knows "red" and "old", but not "blue"; returns its folder."""
    from weclip_napari.core.checkpoint import random_model, save_model

    model = random_model(classes=("red", "old"))
    config = replace(model.config, input_long_side=6 * model.backbone.patch, par_iterations=2)
    save_model(folder, replace(model, config=config))
    return str(folder)


def paint(path, number):
    """Write a picture; returns its class and where that is."""
    name = ("red", "blue")[number % 2]
    shown = np.zeros(SIZE, bool)
    shown[:, (number // 2 % 2) * 24 :][:, :24] = True
    picture = np.random.default_rng(number).integers(0, 60, (*SIZE, 3))
    picture[..., 0 if name == "red" else 2] += 150 * shown
    write_image(path, picture.astype(np.uint8))
    return name, shown
