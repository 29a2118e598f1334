"""The annotator in napari. Only this package imports Qt, napari or magicgui."""
