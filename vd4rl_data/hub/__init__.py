"""Everything that goes over the network: mirrors, transfers, and what is public where."""
