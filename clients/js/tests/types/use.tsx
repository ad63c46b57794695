// Compiles, or the declarations are wrong.
import { QueryClient, useQueryClient } from '@tanstack/react-query';
import { connect, follow, summary, type JobState } from 'jobstream';
import { useJob, useJobEvents, useSummary } from 'jobstream/react';

const stream = connect({ filter: { queue: ['a', 'b'], label: { team: 'x' } }, onEvent: (event) => event.data.percent });
for await (const event of stream) console.log(event.id + 1, event.kind?.length);

const job: JobState = await follow('01K9ZSB7M2AAAAAAAAAAAAAAAA', { ticket: async () => ({ ticket: 't' }) }).ended;
summary({ kind: 'mail' }, { onChange: ({ is_running }) => console.log(!is_running) });
document.querySelector('jobstream-progress')!.ticket = async () => 'ticket';

// @ts-expect-error no such filter
connect({ filter: { colour: 'red' } });
// @ts-expect-error not a status
connect({ filter: { status: 'finished' } });

export function Button({ id }: { id: string }) {
  const client: QueryClient = useQueryClient();
  const { job: shown } = useJob(id);
  const { isRunning } = useSummary({ kind: 'report' });
  useJobEvents({ filter: { kind: 'report' }, queryClient: client, invalidate: (event) => [['report', event.job_id]] });
  return <button disabled={isRunning}>{shown.progress?.percent ?? job.status}</button>;
}
