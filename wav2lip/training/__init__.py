"""From clips to weights.

The compact model: prepare, train_voice, train_renderer, export. The networks of the paper:
train_expert (realign), train_generator. Each reads from top to bottom and has a `main`; what they share is in
loop, state and report.
"""
