"""The version of this package; see CHANGELOG.md."""

__version__ = "0.1.0"
