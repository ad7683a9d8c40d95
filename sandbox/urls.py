"""What the sandbox's own port answers: the panel and the control API."""

from django.urls import path

from sandbox import control
from sandbox.panel import panel

urlpatterns = [
    path("", panel),
    path("control/reset", control.reset),
    path("control/<str:company>", control.dials),
    path("control/<str:company>/payments", control.payments),
    path("control/<str:company>/notices", control.notices),
    path("control/<str:company>/payments/<str:ref>/<str:verb>", control.act),
]
handler404 = control.not_found
