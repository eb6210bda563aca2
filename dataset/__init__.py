"""From raw footage to clips that a network can be trained on: cut, crop, keep, sync, split."""
