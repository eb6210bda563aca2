"""Sounds without a voice, made by formulas: negatives for the voice activity net."""
