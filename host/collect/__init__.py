"""Takes in what boards send, over HTTP, serial lines and MQTT, and acknowledges what is stored."""
