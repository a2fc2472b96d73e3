"""The schedulers of this machine: who calls bydawn every few minutes to look whether it is due."""
