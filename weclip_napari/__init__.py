"""Typed image tags become segmentation masks, by WeCLIP, in napari and on the command line.

Importing this package loads neither torch nor Qt, so that menus and ``--help`` stay instant.
"""

__version__ = "0.1.0"
