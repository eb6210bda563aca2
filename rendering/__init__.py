"""A video from a spec: find the faces, follow the persons, move their mouths, join the segments.

A library like those below it: it knows no database, no queue and no environment variable.
"""
