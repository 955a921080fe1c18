"""The order of the commands in the help."""

from __future__ import annotations

import importlib

import pytest

from codecstudy import cli


def names() -> list[str]:
    return [getattr(command.callback, "__name__", "") for command in cli.app.registered_commands]


def test_a_command_that_is_not_in_the_order_comes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = names()
    assert listed[0] == "run"

    def unlisted() -> None:
        """Does nothing."""

    monkeypatch.setattr(cli.app, "registered_commands", list(cli.app.registered_commands))
    cli.app.command()(unlisted)
    cli.app.registered_commands.reverse()
    importlib.reload(cli)
    assert names() == [*listed, "unlisted"]
