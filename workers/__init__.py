"""Celery: the steps that carry a job from upload to finished video."""
