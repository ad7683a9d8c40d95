"""`make demo`: the whole service on this machine, started together and ended together.

Everything it makes is in `var/`: its settings and secrets (`demo.env`, made once and kept), its
database, and `demo.json`, which says where to look.
"""

from config.environment import ROOT

VAR = ROOT / "var"
DATABASE = VAR / "ballast.sqlite3"


class Refused(Exception):
    """The demo cannot start; the text says why and what to do."""
