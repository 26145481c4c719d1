"""Modbus buses: polled, written to and asked by the process that owns them."""
