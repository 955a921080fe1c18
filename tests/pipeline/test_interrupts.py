"""Signals as a count: raised while there is nothing to lose, counted afterwards, and nobody else's kept."""

from __future__ import annotations

import signal
import threading

import pytest

from codecstudy.pipeline.interrupts import Interrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_at_once_what_has_not_begun(number: signal.Signals) -> None:
    with Interrupts() as interrupts, pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    assert interrupts.count == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_deferred_signals_count(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Interrupts() as interrupts:
        interrupts.defer()
        signal.raise_signal(number)
        assert interrupts.count == 1
        signal.raise_signal(number)
        assert interrupts.count == 2
    assert signal.getsignal(number) is before


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            interrupts.defer()
            signal.raise_signal(signal.SIGINT)
            assert interrupts.count == 0
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_takes_no_signals() -> None:
    seen = []

    def work() -> None:
        with Interrupts() as interrupts:
            interrupts.request()
            seen.append((interrupts.count, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(1, signal.getsignal(signal.SIGINT))]
