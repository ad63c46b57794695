import type {
  ConnectionOptions, EventFilter, FollowOptions, JobEvent, JobState, Phase, Summary, SummaryFilter,
} from './index.js';

/** One job, live. Without an id nothing is followed. */
export function useJob(
  jobId: string | undefined | null,
  options?: FollowOptions,
): { job: JobState; error: (Error & { status?: number }) | undefined; phase: Phase };

/** What goes on among the jobs of a filter; undefined until it is known. */
export function useSummary(
  filter?: SummaryFilter,
  options?: ConnectionOptions,
): { summary: Summary | undefined; isRunning: boolean | undefined; phase: Phase };

type QueryKey = readonly unknown[];

/** As much of TanStack's QueryClient as is used here. */
export interface Invalidating {
  invalidateQueries(filters: { queryKey: QueryKey }): unknown;
}

export interface JobEventsOptions extends ConnectionOptions {
  filter?: EventFilter;
  onEvent?(event: JobEvent): void;
  onReset?(reset: { reason: string }): void;
  queryClient?: Invalidating;
  /** Keys of the queries that an event makes stale. */
  invalidate?: readonly QueryKey[] | ((event: JobEvent) => readonly QueryKey[] | undefined);
  /** What comes within so many milliseconds is invalidated together. Default 100. */
  batchMs?: number;
}

/** Events as they happen, and queries made stale by them. */
export function useJobEvents(options?: JobEventsOptions): { phase: Phase };
