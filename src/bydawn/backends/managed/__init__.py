"""Managed agents, behind the SDKs of those who run them: one file each."""
