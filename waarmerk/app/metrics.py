"""Counts for Prometheus: how much, how long, with what outcome; nothing about whose or what."""

from __future__ import annotations

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

CONTENT_TYPE = CONTENT_TYPE_LATEST

_SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The counters of one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        labels = ("route", "status")
        self._requests = Counter("waarmerk_requests", "Requests answered.", labels, registry=self._registry)
        self._seconds = Histogram(
            "waarmerk_request_seconds",
            "Time from first byte to answer.",
            ("route",),
            registry=self._registry,
            buckets=_SECONDS,
        )
        self._verdicts = Counter(
            "waarmerk_verdicts", "Detections by verdict.", ("verdict",), registry=self._registry
        )
        self._marks = Counter(
            "waarmerk_marks", "Marks made, by robustness.", ("robustness",), registry=self._registry
        )
        self.body_bytes = Gauge("waarmerk_body_bytes", "Bytes of bodies held now.", registry=self._registry)

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count a request; `route` is a path template, never a path a caller chose."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def verdict(self, verdict: str) -> None:
        self._verdicts.labels(verdict).inc()

    def mark(self, robustness: str) -> None:
        self._marks.labels(robustness).inc()

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)
