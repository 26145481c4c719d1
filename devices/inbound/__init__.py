"""What devices say besides readings: topic → kind → one handler."""
