"""Training of the compact model: prepare, train_voice, train_renderer, export.

In that order. Each module reads from top to bottom, runs as
`python -m wav2lip.training.<name> --help`, and has a `main` with plain arguments.
"""
