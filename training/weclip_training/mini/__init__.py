"""Parts of the pre-training of the embedded CLIP (``weclip_training.pretrain_mini``)."""
