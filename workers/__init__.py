"""What carries a job from upload to finished video, and the processes that do it."""
