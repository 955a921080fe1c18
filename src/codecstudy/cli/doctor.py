"""``codecstudy doctor``: what does this installation contain, and does it work?"""

from __future__ import annotations

import sys
from pathlib import Path

import typer
from rich.table import Table

from codecstudy.cli.app import EXIT_FAILURES, app, cell, err, out, print_error, user_errors
from codecstudy.cli.display import Kernels
from codecstudy.cli.run import RootOption
from codecstudy.errors import CodecstudyError


@app.command()
@user_errors
def doctor(root: RootOption = Path()) -> None:
    """Show encoders, metrics, versions, the machine and its limits, and test that measuring works."""
    from codecstudy import __version__, codecs, host, metrics
    from codecstudy.measurement import selftest
    from codecstudy.metrics import kernels

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    faults = []

    def row(name: str, value: str) -> None:
        table.add_row(cell(name), cell(value))

    row("codecstudy", f"{__version__} on Python {sys.version.split()[0]}")
    usable: list[str] = []
    loaded: list[str] = []
    absent: list[tuple[str, str]] = []
    for name in codecs.names():
        try:
            encoder = codecs.get(name)
            if (lacking := encoder.missing()) is not None:
                absent.append((name, lacking))
                continue
            version = encoder.version()
        except CodecstudyError as error:
            faults.append(str(error))
            row(name, "cannot be used")
            continue
        usable.append(name)
        named = f"encoder {name}" if name != encoder.facts.format else None
        row(encoder.facts.title, "; ".join(text for text in (version, named, encoder.note) if text))
    for name, lacking in absent:
        row(name, f"not used: {lacking}")
    for name in metrics.names():
        try:
            facts = metrics.get(name).facts
            loaded.append(name)
            row(facts.title, f"version {facts.version}: {', '.join(column.name for column in facts.columns)}")
        except CodecstudyError as error:
            faults.append(str(error))
            row(name, "cannot be used")
    # Other built-in metrics would have to be compiled, which takes longer than all the rest.
    tested = tuple(name for name in loaded if name in metrics.DEFAULT or name not in metrics.BUILT_IN)
    row("CPU", f"{host.cpu_model()}, {host.usable_cpus()} usable")
    row("memory", f"{host.available_memory() / 2**30:.1f} GiB available")
    for name, limit in host.limits(root):
        row(name, limit)
    try:
        Kernels(err).ensure(tested)
        row("kernel cache", str(kernels.cache_folder()))
        if note := kernels.cache_note():
            row("", note)
    except CodecstudyError as error:
        faults.append(str(error))
        row("kernel cache", "cannot be used")
    for name, check, subjects in (
        ("self-test of codecs", selftest.check_chain, usable),
        ("self-test of metrics", selftest.check_metrics, tested),
    ):
        try:
            check(subjects)
            row(name, "passed")
        except CodecstudyError as error:
            faults.append(str(error))
            row(name, "failed")
    out.print(table)
    for fault in faults:
        print_error(fault)
    if faults:
        raise typer.Exit(EXIT_FAILURES)
