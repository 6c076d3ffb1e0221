"""Files that hold no code: a container with a header, values as text, checksums."""
