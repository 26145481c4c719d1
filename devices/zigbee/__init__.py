"""What Zigbee2MQTT says, understood: names, abilities and payloads. No database, no clock."""
