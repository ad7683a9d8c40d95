"""Where the processes of one web server count together, so that whichever is asked knows all."""

import os
import shutil
import socket
from contextlib import suppress
from pathlib import Path

NAME = "PROMETHEUS_MULTIPROC_DIR"


def count_in(folder: Path) -> None:
    """Let this process count in a folder of its server's, unless one is named already.

    Workers have their server for parent. What a worker counted stays true when it ends, and is
    kept as long as its server lives; the next server begins anew. Where nothing can be written,
    each process counts for itself: figures are no reason not to start.
    """
    if NAME in os.environ:
        return
    servers = folder / socket.gethostname()  # process ids mean nothing on another machine
    own = servers / str(os.getppid())
    with suppress(OSError):
        own.mkdir(parents=True, exist_ok=True)
        for other in servers.iterdir():
            if other.name.isdecimal() and not _is_alive(int(other.name)):
                shutil.rmtree(other, ignore_errors=True)
        os.environ[NAME] = str(own)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
