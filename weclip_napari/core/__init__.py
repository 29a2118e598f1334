"""WeCLIP itself: torch and numpy, never Qt, napari or training."""
