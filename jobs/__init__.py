"""What a job is: its records, states, files and settings. No torch, no Flask, no Celery task."""
