"""What `./run` does: environment, embedded servers, demo, tests, checks."""
