"""django-prometheus' middleware, with labels that no stranger can multiply."""

from typing import Any

from django.http import HttpRequest
from django_prometheus.middleware import PrometheusAfterMiddleware


class CountRequests(PrometheusAfterMiddleware):
    """The latency of a view would have a label of its own for each method somebody makes up."""

    def label_metric(
        self, metric: Any, request: HttpRequest, response: Any = None, **labels: Any
    ) -> Any:
        if "method" in labels:
            labels["method"] = self._method(request)
        return super().label_metric(metric, request, response, **labels)
