"""Reading and writing pictures, video and sound.

Everything streams: no function here holds a whole video, and sound is held whole only where
its caller asks for all of it. The modules are imported one by one; `media.errors` and
`media.probe` load neither PyAV nor Pillow, so that a web process stays small.
"""
