"""How a fake program ends when it does not end well."""


class Said(Exception):
    """It ended with this exit code and these words."""

    def __init__(self, code: int, stderr: str = "", stdout: str = "") -> None:
        super().__init__(stderr)
        self.code, self.stderr, self.stdout = code, stderr, stdout


class Unknown(Exception):
    """The fake does not know this form of the command."""
