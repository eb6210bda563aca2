"""From clips to weights.

The compact model: prepare, train_voice, train_renderer, export. The networks of the paper:
train_expert, train_generator; realign moves the sound of clips for the first. Each reads from top
to bottom and has a `main`; what they share is in loop, state and report.
"""
