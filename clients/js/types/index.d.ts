/** Follow jobstream jobs live. Times are RFC 3339 texts, ids of jobs ULIDs, ids of events integers. */

export type Status = 'waiting' | 'pending' | 'running' | 'failed' | 'done' | 'dlq' | 'cancelled';

export interface Progress {
  current: number | null;
  total: number | null;
  /** 0 to 100. */
  percent: number | null;
  step: string | null;
  eta_secs: number | null;
}

/** One thing that happened to a job. `type` is `status`, `progress`, `log`, `updated`, `deleted`, `pipeline`, or what a handler emits. */
export interface JobEvent<Data = any> {
  id: number;
  job_id: string | null;
  type: string;
  /** The job's, after the event. */
  status: Status | null;
  attempt: number | null;
  at: string;
  queue: string | null;
  kind: string | null;
  pipeline_id: string | null;
  labels: Record<string, string>;
  /** Who did it, where it was not the worker. */
  by: string | null;
  data: Data;
}

export interface JobState {
  id: string | undefined;
  /** Undefined until the first event is there. */
  status: Status | undefined;
  attempt: number;
  progress: Progress | null;
  /** The handler's, once `done`; undefined also where it was too long for an event. */
  result: unknown;
  error: string | undefined;
  reason: string | null;
  kind: string | undefined;
  queue: string | undefined;
  at: string | undefined;
  deleted: boolean;
}

/** Several values of one name mean or, different names and. `label: {team: 'x'}` is short for `['team:x']`. */
export interface EventFilter {
  queue?: string | string[];
  kind?: string | string[];
  type?: string | string[];
  status?: Status | Status[];
  job_id?: string | string[];
  pipeline_id?: string | string[];
  label?: string | string[] | Record<string, string>;
  owner?: string | string[];
}

export type SummaryFilter = Pick<EventFilter, 'queue' | 'kind' | 'pipeline_id' | 'label'>;

export interface Summary {
  /** Any is pending or running. */
  is_running: boolean;
  counts: Partial<Record<Status, number>>;
  current: { id: string; kind: string; progress: Progress | null }[];
}

/**
 * connecting; live; waiting (for the next try, at `until`); ended (nothing more will come, `reason`); refused (`status`; trying
 * again would not help); closed (by you).
 */
export type Phase = 'connecting' | 'live' | 'waiting' | 'ended' | 'refused' | 'closed';

export interface StreamState {
  phase: Phase;
  /** When the next try is due, ms since 1970. */
  until?: number;
  reason?: string;
  /** Of the answer that was none. */
  status?: number;
  error?: Error;
  detail?: string;
}

export type Ticket = string | { ticket: string; expires_at?: string };

/** Who asks: nothing for the cookie; or one of the two. A function is asked anew for each connection. */
export interface ConnectionOptions {
  /** The server; by default where `/client.js` came from, else the root of this site. */
  url?: string | URL;
  token?: string | (() => string | Promise<string>);
  ticket?: Ticket | (() => Ticket | Promise<Ticket>);
  /**
   * One connection for all tabs and all callers that ask for the same. By default so with the cookie and without a start of your own;
   * a text does it for tickets and tokens too: let it name the user.
   */
  share?: boolean | string;
  /** How often the server speaks at least: JOBSTREAM_HEARTBEAT_SECONDS. Default 15. */
  heartbeatSeconds?: number;
  signal?: AbortSignal;
  onState?(state: StreamState): void;
}

/** How far a bulk operation is: the events of `/bulk/{id}/events`. */
export interface BulkState {
  id: string;
  action: 'cancel' | 'retry' | 'delete';
  /** Counted when it began. */
  matched: number;
  done: number;
  /** No longer in a state to be dealt with when their turn came. */
  skipped: number;
  status: 'running' | 'done';
  completed_at: string | null;
}

export interface StreamListener {
  onEvent?(event: JobEvent): void;
  /** The same events as they arrived together. */
  onEvents?(events: JobEvent[]): void;
  /** A part cannot be had (pruned, another database): read your lists again; the stream goes on. */
  onReset?(reset: { reason: 'pruned' | 'epoch' | 'unknown' }): void;
  onEnd?(end: { reason?: string }): void;
  /** On the stream of a bulk operation (`url` names it: `…/api/v1/bulk/{id}/events`): at once, and whenever it got further. */
  onBulk?(bulk: BulkState): void;
  /** The server spoke though nothing had happened. */
  onHeartbeat?(): void;
  onState?(state: StreamState): void;
}

export interface ConnectOptions extends ConnectionOptions, StreamListener {
  filter?: EventFilter;
  /** An `Event-Cursor`, or the `cursor` of an earlier stream: goes on exactly after it. Beats `since` and `from`. */
  cursor?: string;
  since?: Date | string | number;
  from?: 'earliest' | 'now';
}

export interface Stream extends AsyncIterable<JobEvent> {
  readonly state: StreamState;
  readonly cursor: string | undefined;
  /** When the server was last heard, ms since 1970. */
  readonly heard: number;
  /** Whether this tab holds the connection that others share. */
  readonly isLeading: boolean;
  listen(listener: StreamListener): () => void;
  /** Tries at once, also after a refusal. */
  reconnect(): void;
  close(): void;
  /**
   * Reads a list and goes on from it, nothing lost and nothing twice. `load` answers the list and its `Event-Cursor`; `onEvents`
   * then gets exactly what the list does not show yet. Resolves, once both are in line, to what leaves again.
   */
  join<T>(options: {
    load(): Promise<{ value: T; cursor: string }>;
    onValue(value: T): void;
    onEvents(events: JobEvent[]): void;
    signal?: AbortSignal;
  }): Promise<() => void>;
}

/** Opens a stream over all jobs that the caller may see, narrowed by a filter. Comes back by itself, from where it was. */
export function connect(options?: ConnectOptions): Stream;

export interface FollowOptions extends ConnectionOptions {
  onEvent?(event: JobEvent): void;
  /** Called with what the events add up to. */
  onChange?(job: JobState): void;
  /** No such job, or not yours. */
  onError?(error: Error & { status?: number }): void;
}

/** A loop over it is of all events from the first one; leaving the loop does not close it. */
export interface Follower extends AsyncIterable<JobEvent> {
  readonly id: string;
  readonly job: JobState;
  readonly error?: Error;
  /** The state at the end; rejects when closed before, refused, or the job was deleted. */
  readonly ended: Promise<JobState>;
  close(): void;
}

/**
 * Follows one job from its first event to its end. All follows of a page share one connection: those with the cookie, those with the
 * same `token` or `ticket` function, those with the same text in `share`. With a ticket and without `share` each has its own.
 */
export function follow(jobId: string, options?: FollowOptions): Follower;

export interface SummaryHandle {
  readonly value: Summary | undefined;
  readonly state: StreamState;
  listen(listener: (summary: Summary) => void): () => void;
  close(): void;
}

/** What goes on among some jobs: at once, and whenever it changed. */
export function summary(
  filter?: SummaryFilter,
  options?: ConnectionOptions & { onChange?(summary: Summary): void },
): SummaryHandle;

export function isTerminal(status: Status | undefined): boolean;

/** 0 to 100, or undefined where nobody knows. */
export function percentOf(job: Pick<JobState, 'status' | 'progress'>): number | undefined;

/** The state after one more event. */
export function applyEvent(job: JobState, event: JobEvent): JobState;

/** Milliseconds before try number `attempt`. */
export function retryDelay(attempt: number, options?: { base?: number; max?: number; random?: () => number }): number;

/** Splits server-sent events out of text that arrives in pieces. */
export class FrameParser {
  constructor(
    onFrame: (frame: { type: string; data: string; id: string | undefined }) => void,
    onRetry?: (milliseconds: number) => void,
  );
  push(text: string): void;
}

/** `<jobstream-progress job="…">`; fires `change` and `end` with the job's state in `detail`. */
export interface JobstreamProgressElement extends HTMLElement {
  job: string;
  ticket: string | (() => Ticket | Promise<Ticket>) | null;
  token: string | (() => string | Promise<string>) | undefined;
  readonly state: JobState | undefined;
}

declare global {
  interface HTMLElementTagNameMap {
    'jobstream-progress': JobstreamProgressElement;
  }
}
