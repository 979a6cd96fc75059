"""Simulation: a made-up province whose agents say what real ones would, from a seed."""
