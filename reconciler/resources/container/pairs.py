"""pairs: files of NAME=VALUE lines, as `docker run --env-file` and `--label-file` read them."""


def pairs_in(text: str, path: str) -> dict[str, str]:
    """The pairs of a file; blank lines and those that begin with # say nothing. path: for messages, which never show a value.

    Raises ValueError for a line without a name or a value.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        words = line.removesuffix("\r").lstrip()
        if not words or words.startswith("#"):
            continue
        name, sign, value = words.partition("=")
        if not sign:
            raise ValueError(f"{path}, line {number}: expected NAME=VALUE; a service takes nothing from its caller's environment")
        if not name or any(sign.isspace() for sign in name):
            raise ValueError(f"{path}, line {number}: a variable's name is missing, or has a space in it")
        found[name] = value
    return found
