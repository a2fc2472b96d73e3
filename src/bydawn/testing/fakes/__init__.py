"""Stand-ins for the services and programs bydawn works with, to try and to test with."""
