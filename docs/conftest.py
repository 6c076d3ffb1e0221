"""What pytest leaves to Sphinx: its configuration, the figures, and what it has built."""

from importlib.util import find_spec

collect_ignore = ["conf.py"]
if find_spec("sklearn.callback") is None:  # callbacks came with scikit-learn 1.9
    collect_ignore.append("pictures.md")
collect_ignore_glob = ["_build/*", "auto_examples/*", "figures/*", "generated/*"]
