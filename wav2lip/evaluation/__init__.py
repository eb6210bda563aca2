"""How well a checkpoint speaks: figures that cannot be had by looking good, see docs/evaluation.md.

`mouth evaluate` is built of these: `pairs` says who is to speak what, `footage` watches the real
speaker, `takes` lets the checkpoint speak and measures it, `figures` sums up, `report` shows.
"""
