"""Every command explains itself, with examples."""

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from jobstream.cli.root import command


def every_command(
    group: click.Command = command, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Each command with its path, groups included."""
    yield path, group
    if isinstance(group, click.Group):
        with click.Context(group) as context:
            for name in group.list_commands(context):
                found = group.get_command(context, name)
                assert found is not None
                yield from every_command(found, (*path, name))


COMMANDS = list(every_command())


@pytest.mark.parametrize(
    ("path", "asked"), COMMANDS, ids=[" ".join(path) or "jobstream" for path, _ in COMMANDS]
)
def test_help_names_usage_and_every_option(path: tuple[str, ...], asked: click.Command) -> None:
    shown = CliRunner().invoke(command, [*path, "--help"], prog_name="jobstream", terminal_width=200)

    assert shown.exit_code == 0
    assert "Usage: " + " ".join(("jobstream", *path)) in shown.output
    for parameter in asked.params:
        if isinstance(parameter, click.Option):
            assert any(option in shown.output for option in parameter.opts)
            assert parameter.help or parameter.name == "help"


@pytest.mark.parametrize(
    ("path", "asked"),
    [(path, asked) for path, asked in COMMANDS if not isinstance(asked, click.Group)],
    ids=[" ".join(path) for path, asked in COMMANDS if not isinstance(asked, click.Group)],
)
def test_help_of_each_command_shows_examples_that_begin_with_it(
    path: tuple[str, ...], asked: click.Command
) -> None:
    assert asked.epilog is not None
    assert asked.epilog.startswith("Examples:")
    assert " ".join(("jobstream", *path)) in asked.epilog


def test_short_option_shows_help_too() -> None:
    assert "Usage:" in CliRunner().invoke(command, ["-h"]).output
