"""What leaves for people and for other tools: messages, pings, traces, metrics."""
