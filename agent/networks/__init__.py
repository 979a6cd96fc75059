"""Families of networks: how a model of each is prepared, fed, decoded and what its scores mean."""
