"""The command `jobstream`: what it offers, and how its modules are found.

A module a command (or a group of commands), imported only when it is asked for or listed; none of them imports a
server, a driver or a terminal library before it runs.
"""

import importlib
from importlib.metadata import version

import rich_click as click

SECTIONS: dict[str, tuple[str, ...]] = {
    "Run": ("dev", "serve", "worker"),
    "Jobs": ("enqueue", "watch", "jobs", "queues", "schedules"),
    "Database": ("migrate", "tokens", "psql", "doctor", "bench"),
}


class LazyGroup(click.RichGroup):
    """A group whose commands are the attributes `command` of `jobstream.cli.<name>`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the order of their sections."""
        return [name for names in SECTIONS.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of one command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"jobstream.cli.{cmd_name}").command
        return command


@click.rich_config(
    help_config=click.RichHelpConfiguration(
        command_groups={
            "jobstream": [{"name": name, "commands": list(names)} for name, names in SECTIONS.items()]
        },
        text_paragraph_linebreaks="\n\n",
        max_width=110,
    )
)
@click.group(
    "jobstream",
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Settings are environment variables: JOBSTREAM_DATABASE_URL names the database; JOBSTREAM_URL and "
    "JOBSTREAM_TOKEN reach a server over HTTP instead; without either, commands speak to a running `jobstream dev`.",
)
@click.version_option(version("jobstream"), prog_name="jobstream", message="%(prog)s %(version)s")
def command() -> None:
    """A PostgreSQL-native job queue with live, resumable event streams.

    Try it: `jobstream dev`, then in another terminal `jobstream enqueue demo.countdown --queue demo --follow`.
    """
