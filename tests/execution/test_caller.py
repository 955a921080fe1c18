"""A worker process that is called like a function: values, errors, deaths and what follows them."""

from __future__ import annotations

import os
import signal

import pytest

from codecstudy.errors import CodecstudyError
from codecstudy.execution import Died, HandlerError
from codecstudy.execution.local import Caller

HANDLER = "support.fake_handlers:factory"


def test_one_process_answers_call_after_call() -> None:
    with Caller(HANDLER, "its config") as caller:
        assert caller.call(("config",), 30) == "its config"
        assert caller.call(("pid",), 30) == caller.call(("pid",), 30)
        error = caller.call(("raise", "value"), 30)
        assert isinstance(error, HandlerError)
        assert error.kind == "ValueError"


def test_a_death_is_a_value_and_the_next_call_has_a_new_process() -> None:
    with Caller(HANDLER) as caller:
        before = caller.call(("pid",), 30)
        died = caller.call(("segfault",), 30)
        assert isinstance(died, Died)
        assert died.how() == "the worker process was killed by SIGSEGV"
        hung = caller.call(("hang",), 0.3)
        assert isinstance(hung, Died)
        assert hung.how() == "ran over its deadline and was ended"
        assert caller.call(("pid",), 30) != before


def test_a_process_that_dies_between_two_calls_is_not_the_second_ones_fault() -> None:
    with Caller(HANDLER) as caller:
        pid = caller.call(("pid",), 30)
        assert isinstance(pid, int)
        os.kill(pid, signal.SIGKILL)
        assert caller.call(("length", "four"), 30) == 4


def test_a_handler_that_cannot_be_made_is_an_error_that_says_why() -> None:
    with (
        Caller("support.fake_handlers:broken_factory", "x") as caller,
        pytest.raises(CodecstudyError, match=r"before they are ready(.|\n)*no handler for 'x' today"),
    ):
        caller.call("payload", 30)
