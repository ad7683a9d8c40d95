"""Which content policy goes with which page: strict everywhere, as loose as it must be in two.

The operators' console renders with Alpine, which evaluates expressions from attributes, and sets
styles in place; the page of the API sets styles in place. Neither shows what a stranger wrote
without escaping it, and neither loads anything from outside.
"""

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest, HttpResponseBase

_RELAXED = {
    "/admin/": {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]},
    "/api/docs": {"style-src": [SELF, UNSAFE_INLINE]},
}


class ContentPolicyMiddleware(CSPMiddleware):
    """The strict policy of the settings, with the exceptions above."""

    def get_policy_parts(
        self,
        request: HttpRequest,
        response: HttpResponseBase,
        report_only: bool = False,
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        for prefix, exceptions in _RELAXED.items():
            if request.path_info.startswith(prefix):
                parts.replace = exceptions
        return parts
