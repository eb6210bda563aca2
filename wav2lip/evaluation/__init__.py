"""How well a checkpoint animates a mouth, measured against the real speaker (docs/evaluation.md).

`mouth evaluate` goes through these modules in this order:

1. `pairs`: which clips are evaluated, and which other voice each is given;
2. `footage`: the real clip, with its face boxes, landmarks and sound;
3. `conditions`: the clip animated in every way that is compared (still or video, own voice or
   another);
4. `measure`: what is measured frame by frame, with `mouth_metrics`, `image_metrics`, `expert`
   (sync experts) and `reconstruction`; `cache` keeps it on disk;
5. `metrics`: from these measurements to the lines of the table, `bootstrap`: their intervals;
6. `table`, `report`, `sheets`, `reel`: the results for programs and for people.

`evaluate.evaluate` runs 2 to 5 in a pool of processes.
"""
