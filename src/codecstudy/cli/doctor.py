"""``codecstudy doctor``: is this installation fit to measure, and what does it have?"""

from __future__ import annotations

import sys

import typer
from rich.markup import escape
from rich.table import Table

from codecstudy.cli.app import EXIT_FAILURES, app, complain, out, user_errors
from codecstudy.errors import CodecstudyError


@app.command()
@user_errors
def doctor() -> None:
    """Show codecs, metrics, versions and the machine, and test the whole chain."""
    from codecstudy import __version__, codecs, host, metrics
    from codecstudy.measurement import selftest
    from codecstudy.metrics import kernels

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    faults = []

    def row(name: str, value: str) -> None:
        table.add_row(escape(name), escape(value))

    row("codecstudy", f"{__version__} on Python {sys.version.split()[0]}")
    for fmt in codecs.names():
        try:
            codec = codecs.get(fmt)
            row(codec.title, codec.version())
        except CodecstudyError as error:
            faults.append(str(error))
            row(fmt, "cannot be used")
    for name in metrics.names():
        try:
            facts = metrics.get(name).facts
            row(facts.title, f"version {facts.version}: {', '.join(column.name for column in facts.columns)}")
        except CodecstudyError as error:
            faults.append(str(error))
            row(name, "cannot be used")
    row("CPU", f"{host.cpu_model()}, {host.usable_cpus()} usable")
    row("memory", f"{host.available_memory() / 2**30:.1f} GiB available")
    compiled = kernels.is_compiled(metrics.BUILT_IN)
    state = "compiled" if compiled else "not compiled yet: the first run does it, once per machine"
    row("kernel cache", f"{kernels.cache_folder()}: {state}")
    if note := kernels.cache_note():
        row("", note)
    try:
        selftest.check_chain(codecs.names())
        row("self-test", "passed")
    except CodecstudyError as error:
        faults.append(str(error))
        row("self-test", "failed")
    out.print(table)
    for fault in faults:
        complain(fault)
    if faults:
        raise typer.Exit(EXIT_FAILURES)
