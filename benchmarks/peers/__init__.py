"""Other image marks, run through their own packages on the pictures and attacks of our own benchmarks.

They live in an environment of their own (`environment.py`); pictures go there and back as PNG files, everything else
as lines of JSON (`runner.py` there, `client.py` here).
"""
