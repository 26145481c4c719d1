"""Asks Modbus units for their registers and tells them what to do: one task for each bus."""
