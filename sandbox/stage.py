"""All that runs here: the tables, the companies' ports, the notifier, the control panel."""

from contextlib import ExitStack

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection

from sandbox.models import Dials
from sandbox.notices import Sender
from sandbox.server import LOOPBACK, PORTS, Port, obey


def play(running: ExitStack) -> None:
    """Start everything, the control panel last; `running` ends it in reverse."""
    _make_tables()
    for name, number in settings.COMPANY_PORTS.items():
        PORTS[name] = _opened(running, f"SANDBOX_{name.upper()}_PORT", number, name)
        obey(name, Dials.of(name).mode)
    sender = Sender()
    running.callback(sender.stop)
    sender.start()
    _opened(running, "SANDBOX_PORT", settings.SANDBOX_PORT)


def _make_tables() -> None:
    try:
        settings.DATA.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"SANDBOX_DATA: {error}; give a writable folder") from None
    call_command("migrate", verbosity=0, interactive=False)
    connection.close()


def _opened(running: ExitStack, variable: str, number: int, company: str | None = None) -> Port:
    try:
        port = Port(number, company)
        running.callback(port.close)
        port.open()
    except OSError as error:
        raise ImproperlyConfigured(
            f"{variable}: port {number} cannot be had ({error.strerror}); choose another"
        ) from None
    print(f"sandbox: {company or 'control panel'} at http://{LOOPBACK}:{number}/", flush=True)
    return port
