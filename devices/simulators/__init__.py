"""Boxes that do what real ones do: no models, no database, only MQTT, HTTP and a folder.

`python -m devices.simulators box --help`
"""
