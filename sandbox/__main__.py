"""`python -m sandbox`: play the payment companies until told to stop."""

import os
import signal
import sys
from contextlib import ExitStack

import django
from django.core.exceptions import ImproperlyConfigured

ENDINGS = {signal.SIGINT, signal.SIGTERM}


def main() -> int:
    # Held back from every thread and waited for in one place: a handler of our own would run only
    # when the main thread happens to wake. A shell may have had them ignored; then none would come.
    for number in ENDINGS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
    # Not the caller's own, which may have been inherited.
    os.environ["DJANGO_SETTINGS_MODULE"] = "sandbox.settings"
    try:
        django.setup()
        # Models, and all that knows them, can be imported only now.
        from sandbox.stage import play  # noqa: PLC0415

        with ExitStack() as running:
            play(running)
            signal.sigwait(ENDINGS)
    except ImproperlyConfigured as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
