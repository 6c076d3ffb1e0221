"""The league: how accurate networks are by how many numbers they train."""
