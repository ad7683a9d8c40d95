"""`make chaos`: a real load of payments, while everything under the service is broken on purpose.

`forms` says how much of what, `stage` starts the service and its servers, `load` plays merchants
and payers, `trouble` does the breaking after a seeded `plan`, `verdict` says what came of it.
"""

from config.environment import ROOT

VAR = ROOT / "var"


class CannotStart(Exception):
    """The run cannot begin; the text says why."""
