"""Hostile and broken counterparts: what they do, and the one way in which it must end.

``matrix`` declares the rows as data, ``server`` is the scriptable counterpart, ``acts`` and
``content`` make it misbehave row by row, ``suite`` holds a connector to all of them.
"""
