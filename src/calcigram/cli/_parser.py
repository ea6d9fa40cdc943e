"""The argument parser: messages that help, the usage of the command in question, completion."""

from __future__ import annotations

import argparse
import os
import re
from typing import Any, NoReturn

from calcigram.errors import did_you_mean


class Parser(argparse.ArgumentParser):
    """Refuse wrong options in the command they were given to, and suggest what may be meant."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and refuse what is left over: argparse would leave that to the outermost parser."""
        found, left = super().parse_known_args(args, namespace)
        if left:
            self.error(f"unrecognized arguments: {' '.join(left)}")
        return found, left

    def error(self, message: str) -> NoReturn:
        """Print usage, message and suggestions on standard error, and exit with code 2."""
        super().error(message + self._suggestion(message))

    def _suggestion(self, message: str) -> str:
        choice = re.search(r"invalid choice: '?(.*?)'? \(choose from (.*)\)", message)
        if choice:
            return did_you_mean(choice[1], re.findall(r"[\w.-]+", choice[2]))
        if message.startswith("unrecognized arguments: "):
            for word in message.split()[2:]:
                if word.startswith("-"):
                    return did_you_mean(word.split("=")[0], list(self._option_string_actions))
        return ""


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer the shell that asks for completions, and leave; otherwise do nothing."""
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)
