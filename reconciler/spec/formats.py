"""Formats: how a spec is written, by the ending of its file's name. Standard library only: completion must not wait for models."""

YAML = "yaml"
INI = "ini"
FORMATS = {".yaml": YAML, ".yml": YAML, ".ini": INI, ".conf": INI, ".env": INI}
