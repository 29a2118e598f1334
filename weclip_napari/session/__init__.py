"""Files only: images, masks, tags and data set folders. No torch, no Qt."""
