"""Modbus without a framework: types, register maps, plans of requests, frames and a client."""
