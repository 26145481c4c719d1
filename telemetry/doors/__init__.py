"""Other ways in than MQTT: HTTP requests that become messages of the same pipeline."""
