import rich_click as click


@click.command()
def command() -> None:
    """Later."""
