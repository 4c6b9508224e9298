"""What BC, DrQ+BC and CQL share: the networks, augmentation and noise of DrQ-v2."""
