"""The tables and figures of the paper's supplement, by one command each: ``weclip-reproduce``."""
