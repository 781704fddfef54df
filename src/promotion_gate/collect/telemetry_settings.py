"""Which of a Prometheus server's metrics say what of a module."""

from typing import Annotated

from pydantic import Field

from promotion_gate.section import Section

Query = Annotated[str, Field(max_length=10_000)]


class PrometheusSettings(Section):
    """Queries in PromQL, `$window` in the place of a window's length; `label` names the module; an empty one: none."""

    label: Annotated[str, Field(pattern=r"^[a-zA-Z_]\w*$")]
    requests: Annotated[str, Field(min_length=1, max_length=10_000)]
    errors: Query
    latency_p95_s: Query
    cpu_seconds: Query
    load: Query
