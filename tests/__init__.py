import agent  # noqa: F401 - it tells OpenCV what OpenCV reads when a test imports it
