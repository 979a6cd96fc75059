"""For central systems: storing what agents say, and asking again for what did not come.

Standard library and paho only, so that it runs where nothing of the camera's side is installed.
"""
