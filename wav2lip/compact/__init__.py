"""The compact model: voice -> mouth shape -> a mouth drawn by warping the face's own pixels."""
