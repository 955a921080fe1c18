"""The program: ``codecstudy`` and ``python -m codecstudy``."""

from __future__ import annotations

import signal

from codecstudy import signals


def main() -> None:
    """Load the command line and run it."""
    # Loading takes long enough for a Ctrl-C, whose traceback would be that of some library.
    for number in signals.heeded():
        signal.signal(number, signals.exit_at_once)
    from codecstudy.cli import main as run

    run()


if __name__ == "__main__":
    main()
