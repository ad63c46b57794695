"""`jobstream watch`: follow a job live."""

import rich_click as click

from jobstream.cli.options import as_async, examples, json_option


@click.command(
    "watch",
    epilog=examples(
        "jobstream watch 01JD3M8K2V7Q9X0W5R4T6Y8B1C",
        "jobstream watch 01JD3M8K2V7Q9X0W5R4T6Y8B1C --json | jq .data",
        "jobstream watch --queue images",
        "JOBSTREAM_URL=https://jobs.example.com JOBSTREAM_TOKEN=jst_… jobstream watch 01JD…",
    ),
)
@click.argument("job_id", metavar="ID", required=False)
@click.option("--queue", help="Instead of one job: what happens to all jobs of this queue, from now on.")
@json_option
@as_async
async def command(job_id: str | None, queue: str | None, as_json: bool) -> None:
    """Follow a job live until it ends: its whole history first, then what happens.

    A lost connection or a restarted server is come back to by itself, without a gap or a repeated event.
    Exit code 0 for a job that is done, 1 for one that ended otherwise. With --json one event a line.
    With --queue it goes on until Ctrl-C: on a terminal as a table that changes in place, in a pipe a line an event.
    """
    from jobstream.cli.follow import follow_queue, follow_to_end
    from jobstream.cli.gateway import open_gateway
    from jobstream.cli.views import choose_view

    if (job_id is None) == (queue is None):
        raise click.UsageError("Give an ID, or --queue")
    async with open_gateway() as gateway:
        if queue is not None:
            await follow_queue(gateway, queue, choose_view(as_json=as_json, queue=queue))
        elif job_id is not None:
            await follow_to_end(gateway, job_id, choose_view(as_json=as_json))
