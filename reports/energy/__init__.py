"""The pages on energy."""
