"""A Django view that does nothing: what the server and the framework cost alone."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

settings.configure(
    ROOT_URLCONF=__name__, SECRET_KEY=__name__, ALLOWED_HOSTS=["pay.example.com"], MIDDLEWARE=[]
)


def receive(request: HttpRequest) -> HttpResponse:
    """Read the body, as every receiver must, and answer."""
    return HttpResponse(b"received" if request.body else b"nothing")


urlpatterns = [path("receive", receive)]
application = get_wsgi_application()
