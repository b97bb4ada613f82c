"""Metrics: what an agent does and how it stands, for Prometheus (docs/metrics.md).

Counters go by events, the rest is read when it is asked. Labels are services, rids and types, and words of osvc's own: what goes
takes its series along, so there are never more than there are services and resources.
"""

import platform
import time
from collections import Counter as Count
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

import reconciler
from reconciler.core.change import Cause
from reconciler.core.ids import group_of
from reconciler.core.lazy import dataclass
from reconciler.core.outcome import Began, End, Ended, Event, StepEnded, Undid
from reconciler.core.plan import Plan
from reconciler.core.policy import Aim
from reconciler.core.status import Status
from reconciler.engine.standing import Standing, State

disable_created_metrics()  # type: ignore[no-untyped-call]

BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Seconds of a run."""
_UP: Final = frozenset({Status.UP, Status.STDBY_UP})
_NEITHER: Final = frozenset({Status.NA, Status.UNDEF, Status.UNKNOWN})
"""Neither up nor down."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """What the parts beside the watch's standing say of an agent. turned: when its loop turned last, as a time of the clock."""

    turned: float = 0.0
    store_errors: int = 0
    log_lost: int = 0
    bugs: int = 0


@dataclass(slots=True)
class _Run:
    """Of the last run of a service. drift: rid -> type, of what drifted by itself and was to be mended in it."""

    types: dict[str, str] = field(default_factory=dict)
    drift: dict[str, str] = field(default_factory=dict)
    end: End | None = None
    at: float = 0.0
    failures: int = 0


class Metrics(Collector):
    """standing, pulse: asked at each scrape, in whatever thread that is. now: the time, in seconds since 1970."""

    def __init__(
        self, standing: Callable[[], Standing], pulse: Callable[[], Pulse] = Pulse, now: Callable[[], float] = time.time
    ) -> None:
        self._standing, self._pulse, self._now = standing, pulse, now
        self._last: dict[str, _Run] = {}
        self.registry = CollectorRegistry()
        made = self.registry
        self._runs = Counter("osvc_runs", "Runs of the agent that ended, by how.", ["service", "end"], registry=made)
        self._seconds = Histogram("osvc_run_duration_seconds", "How long runs took.", buckets=BUCKETS, registry=made)
        self._steps = Counter("osvc_steps", "Steps of runs, by what became of them.", ["type", "op", "result"], registry=made)
        self._mended = Counter(
            "osvc_drift_repairs", "Resources that drifted and were mended.", ["service", "rid", "type"], registry=made
        )
        self.registry.register(self)
        ProcessCollector(registry=made)

    def text(self) -> bytes:
        """In Prometheus' text format, version 0.0.4."""
        self._forget(self._standing())
        return generate_latest(self.registry)

    def tell(self, event: Event) -> None:
        """Count what happens."""
        match event:
            case Began(service=service, round=number, plan=plan):
                self._begin(service, number, plan)
            case StepEnded(service=service, outcome=outcome):
                self._step(service, outcome.step.rid, outcome.step.action.op, outcome.status.value)
            case Undid(service=service, step=step, error=error):
                self._step(service, step.rid, step.action.op, "undo failed" if error else "led back")
            case Ended(service=service, result=result):
                run = self._last.setdefault(service, _Run())
                run.end, run.at = result.end, self._now()
                run.failures = 0 if result.end is End.CONVERGED else run.failures + 1
                self._runs.labels(service, _word(result.end.value)).inc()
                self._seconds.observe(result.seconds)
                failed = {outcome.step.rid for outcome in result.failures}
                for rid in run.drift.keys() & result.touched - failed:
                    self._mended.labels(service, rid, run.drift[rid]).inc()

    def _begin(self, service: str, number: int, plan: Plan) -> None:
        self._forget(self._standing())
        run = self._last.setdefault(service, _Run())
        types = {change.rid: change.type for change in plan.changes}
        for gone in run.types.keys() - types.keys():
            self._mended.remove_by_labels({"service": service, "rid": gone})
        run.types = types
        if number == 1:
            run.drift = {}
        worked = {step.rid for step in plan.steps}
        run.drift |= {change.rid: change.type for change in plan.changes if change.cause is Cause.DRIFT and change.rid in worked}

    def _step(self, service: str, rid: str, op: str, result: str) -> None:
        run = self._last.get(service)
        self._steps.labels((run.types if run else {}).get(rid, group_of(rid)), op, _word(result)).inc()

    # at a scrape

    def collect(self) -> Iterator[Metric]:
        standing, pulse = self._standing(), self._pulse()
        yield from _node(standing, pulse)
        yield from _services(standing, dict(self._last))
        yield from _resources(standing)

    def describe(self) -> Iterable[Metric]:
        """Nothing before it is asked: a watch has not begun yet."""
        return ()

    def _forget(self, standing: Standing) -> None:
        """Services that are gone take along what was counted of them."""
        for gone in self._last.keys() - standing.states.keys():
            run = self._last.pop(gone, None)
            if run is not None and run.end is not None:
                self._runs.remove_by_labels({"service": gone})
                self._mended.remove_by_labels({"service": gone})


def _node(standing: Standing, pulse: Pulse) -> Iterator[Metric]:
    yield _gauge(
        "osvc_build_info",
        "1, for the version of osvc and of Python.",
        ("version", "python"),
        {(reconciler.__version__, platform.python_version()): 1},
    )
    counts = Count(standing.states.values())
    yield _gauge("osvc_services", "Services, by state.", ("state",), {(state.value,): counts[state] for state in State})
    yield _gauge("osvc_invalid_specs", "Spec files that are wrong; what they last said goes on.", (), {(): len(standing.invalid)})
    deaf = Count(bell.partition(" ")[0] for bell in standing.deaf)
    yield _gauge(
        "osvc_deaf_bells",
        "What cannot be listened to, and is looked at now and then.",
        ("source",),
        {(source,): number for source, number in deaf.items()},
    )
    looks = standing.looks
    yield SummaryMetricFamily("osvc_look_duration_seconds", "Looks at the machine.", looks.count, looks.seconds)
    yield _gauge("osvc_look_longest_seconds", "The longest look so far.", (), {(): looks.longest})
    yield _gauge(
        "osvc_loop_turned_timestamp_seconds", "When the agent's loop turned last: it does so every 30 s.", (), {(): pulse.turned}
    )
    yield _total("osvc_store_errors", "Reads and writes of the state folder that failed.", pulse.store_errors)
    yield _total("osvc_log_lines_lost", "Lines of the log for which there was no room.", pulse.log_lost)
    yield _total("osvc_internal_errors", "Bugs of osvc that the agent has met, each time.", pulse.bugs)


def _services(standing: Standing, last: Mapping[str, _Run]) -> Iterator[Metric]:
    runs = {name: run for name, run in last.items() if name in standing.states and run.end is not None}
    seen = standing.seen
    yield _gauge(
        "osvc_service_state",
        "1, for how the agent stands with a service.",
        ("service", "state"),
        {(name, state.value): 1 for name, state in standing.states.items()},
    )
    yield _gauge(
        "osvc_service_status",
        "1, for the status of a service when it was last looked at, as osvc status has it.",
        ("service", "status"),
        {(name, _word(one.status.value)): 1 for name, one in seen.items()},
    )
    yield _gauge(
        "osvc_service_wanted_up",
        "Whether a service is wanted up here.",
        ("service",),
        {(name,): one.aim is Aim.UP for name, one in seen.items()},
    )
    yield _gauge(
        "osvc_service_converged",
        "Whether a service was at its goal when it was last looked at.",
        ("service",),
        {(name,): state is State.KEPT for name, state in standing.states.items()},
    )
    yield _gauge(
        "osvc_service_failures",
        "Runs of a service in a row that did not converge.",
        ("service",),
        {(name,): run.failures for name, run in runs.items()},
    )
    yield _gauge(
        "osvc_service_last_run_timestamp_seconds",
        "When the last run of a service ended, and how.",
        ("service", "end"),
        {(name, _word(run.end.value)): run.at for name, run in runs.items() if run.end is not None},
    )
    yield _gauge(
        "osvc_service_retry_timestamp_seconds",
        "When a service is tried again that is left alone until then.",
        ("service",),
        {(name,): until.timestamp() for name, until in standing.until.items()},
    )


def _resources(standing: Standing) -> Iterator[Metric]:
    yield _gauge(
        "osvc_resource_up",
        "Whether a resource is up, of those that count and can be seen.",
        ("service", "rid", "type"),
        {
            (name, rid, type): status in _UP
            for name, one in standing.seen.items()
            for rid, (type, status) in one.resources.items()
            if status not in _NEITHER
        },
    )
    yield _gauge(
        "osvc_resource_degraded",
        "1, for a resource that is left alone for now: it has used up its restarts, or it failed and is optional.",
        ("service", "rid"),
        {(name, rid): 1 for name, found in standing.degraded.items() for rid in found},
    )


def _gauge(name: str, says: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]) -> Metric:
    found = GaugeMetricFamily(name, says, labels=labels)
    for words, value in values.items():
        found.add_metric(words, float(value))
    return found


def _total(name: str, says: str, value: int) -> Metric:
    return CounterMetricFamily(name, says, value=value)


def _word(text: str) -> str:
    """A word of osvc's, as the value of a label: "rolled_back"."""
    return text.replace(" ", "_")
