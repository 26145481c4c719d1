"""What the ESP32 charger says and is told: bytes and times in, facts and bytes out.

Knows no port, no database and no clock; `now` is in seconds of any clock that never goes back.
"""
