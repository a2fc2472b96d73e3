"""The dashboard: pages and a stream over the read models; what it changes goes through the app."""
