"""What pytest leaves to Sphinx: its configuration, the figures, and what it has built."""

collect_ignore = ["conf.py"]
collect_ignore_glob = ["_build/*", "auto_examples/*", "figures/*", "generated/*"]
