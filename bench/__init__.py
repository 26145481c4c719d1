"""What the platform can carry on this machine: `python -m bench` lists the benches."""
