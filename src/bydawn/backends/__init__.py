"""Where agents run: one file per backend, four verbs each."""
