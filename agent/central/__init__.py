"""Central side: storing what agents publish, and asking again for what did not arrive."""
