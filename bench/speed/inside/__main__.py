"""`python -m bench.speed.inside PROGRAM …`: one of these programs, on the service's settings."""

import json
import sys
from importlib import import_module

import django

if __name__ == "__main__":
    django.setup()
    program = import_module(f"bench.speed.inside.{sys.argv[1]}")
    print(json.dumps(program.main(*sys.argv[2:])))
