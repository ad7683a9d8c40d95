"""`make bench`: how fast the service is, beside others in the same run and on the same servers.

`stage` starts all of them, `payments` puts rows where a load will find them, `load` sends it,
`rounds` measures in turns, `goals` judges the ratios, and `report` prints and keeps them. What
must run on the service's own settings is in `inside`, and whom it is held against in `rivals`.
"""

from pathlib import Path

# Rivals have an environment of their own, where nothing of ours can be imported.
ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "var" / "bench"
REPORT = ROOT / "var" / "bench.json"


class CannotMeasure(Exception):
    """The run cannot go on; the text says why."""
