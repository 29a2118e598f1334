"""Training for weclip-napari. It imports the library, and the library never imports it."""
