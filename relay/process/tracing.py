"""OpenTelemetry in a process of relay: where spans go, as the operator's ``OTEL_…`` says, and how the last are sent.

Where an application has set a provider, or ``opentelemetry-instrument`` did, that is used. Else one is made here. Spans
are sent by a thread of the SDK's own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from functools import partial
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from twisted.logger import Logger

from relay.model.settings import SettingError, Settings

if TYPE_CHECKING:
    from relay.telemetry.traces import Traces

FLUSH = 2.0  # seconds for the last spans
_GROUP = "opentelemetry_traces_exporter"
_OTLP = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}
_PROTOCOLS = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"
_log = Logger()


def check(settings: Settings) -> None:
    """Raise `SettingError` where traces are wanted and can't be sent."""
    if settings.traces:
        try:
            import opentelemetry.sdk.trace  # noqa: F401 - where it is found, its parts are
        except ImportError as error:
            raise SettingError(f"--traces needs OpenTelemetry: install relay[otel] ({error})") from error
        list(_exporters())


def reader(reactor: Any, settings: Settings) -> Traces | None:
    """What makes spans, if the settings ask for them; raises `SettingError`. As the process stops, it has `FLUSH`
    seconds to send the last ones."""
    if not settings.traces:
        return None
    check(settings)
    from opentelemetry import trace

    from relay.telemetry.traces import Traces

    provider: Any = trace.get_tracer_provider()
    if isinstance(provider, trace.ProxyTracerProvider):
        provider = _made()
        trace.set_tracer_provider(provider)
    reactor.addSystemEventTrigger("during", "shutdown", partial(_flush, provider))
    return Traces(provider)


def _made() -> Any:
    """A provider; sampling, limits and batches are as its own variables say."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    is_named = "OTEL_SERVICE_NAME" in os.environ or "service.name=" in os.environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    resource = Resource.create({} if is_named else {"service.name": "relay"})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    for exporter in _exporters():
        provider.add_span_processor(BatchSpanProcessor(exporter()))
    return provider


def _exporters() -> Iterator[Any]:
    """The classes of those that ``OTEL_TRACES_EXPORTER`` names."""
    for name in os.environ.get("OTEL_TRACES_EXPORTER", "otlp").split(","):
        wanted = name.strip()
        if wanted == "otlp":
            protocol = next((os.environ[each] for each in _PROTOCOLS if each in os.environ), "http/protobuf")
            wanted = _OTLP.get(protocol, protocol)
        if wanted != "none":
            found = list(entry_points(group=_GROUP, name=wanted))
            if not found:
                raise SettingError(
                    f"--traces: there is no exporter {wanted} (OTEL_TRACES_EXPORTER={name}): install relay[otel], or "
                    f"opentelemetry-exporter-{wanted.replace('_', '-')}"
                )
            yield found[0].load()


def _flush(provider: Any) -> None:
    """Send what is left. Nothing else is to be done any more, so this may wait."""
    flush = getattr(provider, "force_flush", None)  # one of another SDK may have none
    if flush is not None:
        flushing = threading.Thread(target=flush, name="last spans", daemon=True)
        flushing.start()
        flushing.join(FLUSH)
        if flushing.is_alive():
            _log.warn("the last spans could not be sent within {seconds:.0f} s", seconds=FLUSH)
