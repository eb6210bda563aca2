"""From clips to weights.

Each training is a module train_NAME with a `main`, which `mouth train NAME` calls: expert and
generator, the networks of the paper; compact, made of voice and renderer; speech, the voice
activity net. Each reads from top to bottom: mini-batches, main with the loop, losses, validation.
Their hyper-parameters are in config, and what they share in batches (samplers), loop (optimizer
steps, EMA, validation, checkpoints), stages, state and report. Data comes from dataset and windows.
"""
