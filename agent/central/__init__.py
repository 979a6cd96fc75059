"""For central systems: storing what agents say, and asking again for what did not come."""
