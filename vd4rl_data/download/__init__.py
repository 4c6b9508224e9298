"""Files from the network: the authors' own, and what others published; resumable and verified."""
