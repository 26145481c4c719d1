"""The wires to devices; each has one owning process."""
