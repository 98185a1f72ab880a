"""A circuit between an agent and a category: after failures in a row it opens, and the agent is not asked for a while.

When its rest is over, one attempt may try whether it works again. Success closes the circuit; failure opens it for twice as long.

>>> circuit = Circuit()
>>> for _ in range(5):
...     circuit = circuit.failed(now=0, after=5, rest_us=60, most_us=200)
>>> circuit
Circuit(state='open', failures=5, trips=1, probe_at=60)
>>> circuit.probing().failed(now=100, after=5, rest_us=60, most_us=200).probe_at
220
>>> circuit.succeeded()
Circuit(state='closed', failures=0, trips=0, probe_at=None)

Reference: M. Nygard, Release It!, 2007, chapter 5: circuit breaker.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Circuit:
    """How an agent stands in a category. Instants and durations are microseconds."""

    state: str = "closed"  # closed, open, probing
    failures: int = 0  # in a row
    trips: int = 0  # how often in a row it opened
    probe_at: int | None = None  # from then on one attempt may try

    def failed(self, *, now: int, after: int, rest_us: int, most_us: int) -> "Circuit":
        """Return the circuit after one more failure."""
        failures = self.failures + 1
        if self.state == "open" or (self.state == "closed" and failures < after):  # what ran when it opened says nothing new
            return replace(self, failures=failures)
        rest = min(rest_us * 2 ** min(self.trips, 60), most_us)
        return Circuit(state="open", failures=failures, trips=self.trips + 1, probe_at=now + rest)

    def succeeded(self) -> "Circuit":
        """Return the circuit after a success."""
        return Circuit()

    def probing(self) -> "Circuit":
        """Return the circuit while an attempt tries."""
        return replace(self, state="probing")

    def rests(self, now: int) -> bool:
        """Tell whether the agent may not be asked yet."""
        return self.state != "closed" and self.probe_at is not None and now < self.probe_at
