"""Installation: weights and samples, fetched, prepared and verified."""
