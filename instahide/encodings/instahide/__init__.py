"""InstaHide: mixtures of private and public images under a random mask, and Mixup."""
