"""Pictures of images, masks and CAMs, to be looked at."""
