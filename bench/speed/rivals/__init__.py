"""What the service is held against: each a Django project in one file, served as we are."""

ENDPOINT = "00000000-0000-4000-8000-000000000001"
