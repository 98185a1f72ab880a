"""What becomes of fires that are due: the catch-up policy decides on those that were missed, the overlap policy on those that meet earlier work.

Pure: the caller knows what is due and what is open, and writes down the verdicts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from models.clock import SECOND


class CatchUp(StrEnum):
    """What to do with fires that were missed: due longer ago than the grace of their schedule, because nothing ran, or it was paused or frozen."""

    ALL = "all"  # make each of them
    LAST = "last"  # make the latest, skip those before
    NONE = "none"  # skip them
    WITHIN = "within"  # make those not older than a span, skip the others


class Overlap(StrEnum):
    """What to do with a fire while work of an earlier one is still open."""

    SKIP = "skip"  # the new one is skipped
    QUEUE_ONE = "queue_one"  # one waits until the work has ended; those that come while one waits are skipped
    QUEUE_ALL = "queue_all"  # all wait, and follow one after the other
    REPLACE = "replace"  # the open work is cancelled, the new one is made
    ALLOW = "allow"  # they run side by side


class Verdict(StrEnum):
    """What became of a fire."""

    MADE = "made"  # its tasks were submitted
    QUEUED = "queued"  # waits for the end of earlier work
    SKIPPED = "skipped"  # a policy left it out
    FAILED = "failed"  # its template could not be submitted; says why
    CANCELLED = "cancelled"  # a person took it out of the queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a schedule deals with what was missed and with what overlaps."""

    catch_up: CatchUp = CatchUp.LAST
    within_s: int | None = None  # of `within`
    overlap: Overlap = Overlap.SKIP
    grace_s: int = 60  # a fire that is decided on later than this was missed


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A fire, or several in a row that were skipped for the same reason."""

    due_at: int  # of the first
    last_at: int  # of the last; the same for a single one
    count: int
    verdict: Verdict
    missed: bool
    why: str  # empty for one that was made when it was due


def judge(due: Sequence[int], *, now: int, policy: Policy, is_open: bool, queued: int, more: bool = False) -> list[Judged]:
    """Decide on fires that are due.

    Args:
        due: their instants in order, none later than `now`.
        now: the instant.
        policy: of their schedule.
        is_open: whether work of an earlier fire has not ended.
        queued: how many earlier fires wait already.
        more: whether further fires are due that are decided on next, so that none of these is the latest.

    Returns:
        The verdicts in order; they cover all of `due`. Under `replace` only the last of those to make is made: it replaces the others.

    >>> [one.verdict.value for one in judge([1, 2], now=3, policy=Policy(overlap=Overlap.QUEUE_ALL), is_open=False, queued=0)]
    ['made', 'queued']

    """
    wanted = [(at, _left_out(at, due[-1], now=now, policy=policy, more=more)) for at in due]
    last_wanted = max((at for at, why in wanted if why is None), default=None)
    judged = []
    for at, left_out in wanted:
        missed = _missed(at, now, policy)
        if left_out is not None:
            judged.append(_one(at, Verdict.SKIPPED, missed=missed, why=left_out))
            continue
        verdict, why = _meet(policy.overlap, is_open=is_open, queued=queued, last=at == last_wanted and not more)
        is_open = is_open or verdict is Verdict.MADE
        queued += verdict is Verdict.QUEUED
        judged.append(_one(at, verdict, missed=missed, why=why or ("made up for: it was missed" if missed else "")))
    return list(_together(judged))


def _missed(at: int, now: int, policy: Policy) -> bool:
    return now - at > policy.grace_s * SECOND


def _left_out(at: int, latest: int, *, now: int, policy: Policy, more: bool) -> str | None:
    """Return why the catch-up policy leaves a fire out; null when it does not."""
    if not _missed(at, now, policy):
        return None
    match policy.catch_up:
        case CatchUp.NONE:
            return "missed; the schedule makes up for nothing"
        case CatchUp.LAST if at != latest or more:
            return "missed; the schedule makes up for the latest only"
        case CatchUp.WITHIN if now - at > (policy.within_s or 0) * SECOND:
            return f"missed longer than {policy.within_s} s ago"
        case _:
            return None


def _meet(overlap: Overlap, *, is_open: bool, queued: int, last: bool) -> tuple[Verdict, str]:
    """Return what the overlap policy does with a fire that is to be made."""
    match overlap:
        case Overlap.ALLOW:
            return Verdict.MADE, ""
        case Overlap.REPLACE:
            return (Verdict.MADE, "") if last else (Verdict.SKIPPED, "replaced by a later one that was due as well")
        case _ if not is_open and not queued:
            return Verdict.MADE, ""
        case Overlap.SKIP:
            return Verdict.SKIPPED, "the work of an earlier one had not ended"
        case Overlap.QUEUE_ONE if queued:
            return Verdict.SKIPPED, "another one waited already"
        case _:
            return Verdict.QUEUED, "waits for the end of earlier work"


def _one(at: int, verdict: Verdict, *, missed: bool, why: str) -> Judged:
    return Judged(due_at=at, last_at=at, count=1, verdict=verdict, missed=missed, why=why)


def _together(judged: list[Judged]) -> Iterator[Judged]:
    """Join what was skipped in a row for the same reason: a year of missed minutes is one line of history."""
    run: Judged | None = None
    for one in judged:
        if run is not None and run.verdict is one.verdict is Verdict.SKIPPED and run.why == one.why:
            run = Judged(due_at=run.due_at, last_at=one.last_at, count=run.count + 1, verdict=run.verdict, missed=run.missed, why=run.why)
            continue
        if run is not None:
            yield run
        run = one
    if run is not None:
        yield run
