"""What must run inside the service: each a `main` that answers what JSON can say."""
