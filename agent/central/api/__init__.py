"""API v1: sites, places, states, events, sums and devices of a store, for other programs and for pages."""
