-- The embedded workflow runner (workflows/runner). Wire values are text, not jsonb: a step's result goes back to the SDK
-- exactly as it came, and JSON may hold \u0000, which jsonb refuses.

create table runner_event (
  id text primary key,
  seq bigint generated always as identity,
  name text not null,
  -- Null once purged: the row of an event that its sender named stays, so that sending it again is still a duplicate.
  body text,
  named boolean not null,
  received_at timestamptz not null,
  dispatched_at timestamptz
);
create index runner_event_undispatched on runner_event (seq) where dispatched_at is null;
create index runner_event_dispatched on runner_event (dispatched_at) where body is not null;

create table runner_run (
  id text primary key,
  function_id text not null,
  -- What started it: the event's id, `cron:…` or `invoke:…`. One run per function and cause.
  trigger_key text not null,
  status text not null default 'queued' check (status in ('queued', 'running', 'completed', 'failed', 'cancelled')),
  event text not null,
  attempts_max int not null,
  depth int not null default 0,
  -- Started by a lifecycle event: emits none itself, so that a failing failure handler is no loop.
  quiet boolean not null,
  parent_run_id text,
  parent_step_id text,
  singleton_key text,
  slots text[] not null default '{}',
  limits int[] not null default '{}',
  pending text[] not null default '{}',
  steps int not null default 0,
  bytes int not null default 0,
  request_version int,
  queued_at timestamptz not null,
  started_at timestamptz,
  ended_at timestamptz,
  output text,
  error text,
  unique (function_id, trigger_key)
);
create unique index runner_run_singleton on runner_run (function_id, singleton_key)
  where singleton_key is not null and status in ('queued', 'running');
create index runner_run_ended on runner_run (ended_at) where ended_at is not null;
create index runner_run_live on runner_run (function_id) where status in ('queued', 'running');

create table runner_step (
  run_id text not null references runner_run (id) on delete cascade,
  step_id text not null,
  seq bigint generated always as identity,
  name text not null,
  op text not null,
  -- `{"data":…}`, `{"error":…}` or `null` (slept, waited in vain).
  result text not null,
  completed_at timestamptz not null,
  primary key (run_id, step_id)
);

create table runner_job (
  run_id text not null references runner_run (id) on delete cascade,
  -- `step` discovers what comes next; any other value runs that planned step.
  step_id text not null,
  seq bigint generated always as identity,
  run_at timestamptz not null,
  -- Failures answered so far; `unanswered` counts claims that got no answer, so that a step which kills the process ends.
  attempt int not null default 0,
  unanswered int not null default 0,
  claims int not null default 0,
  slots text[] not null default '{}',
  limits int[] not null default '{}',
  blocked_on text,
  parked boolean not null default false,
  lease_owner text,
  lease_until timestamptz,
  error text,
  primary key (run_id, step_id)
);
create index runner_job_due on runner_job (run_at, seq) where lease_owner is null and blocked_on is null;
create index runner_job_leased on runner_job (lease_until) where lease_owner is not null;
create index runner_job_blocked on runner_job (blocked_on, run_at, seq) where blocked_on is not null;
create index runner_job_parked on runner_job (run_id) where parked;

create table runner_pause (
  run_id text not null references runner_run (id) on delete cascade,
  -- The waiting step, or `cancel:<n>` for the run's cancelOn entries.
  step_id text not null,
  seq bigint generated always as identity,
  kind text not null check (kind in ('sleep', 'event', 'invoke', 'cancel')),
  name text not null,
  event_name text,
  -- The indexed equality: a path into the arriving event and the canonical JSON it must have there; '' matches every event.
  match_path text not null default '',
  match_value text not null default '',
  terms text not null default '[]',
  expires_at timestamptz,
  primary key (run_id, step_id)
);
create index runner_pause_match on runner_pause (event_name, match_path, match_value) where event_name is not null;
create index runner_pause_expiry on runner_pause (expires_at, seq) where kind <> 'cancel' and expires_at is not null;

create table runner_idempotency (
  function_id text not null,
  key text not null,
  run_id text not null,
  expires_at timestamptz not null,
  primary key (function_id, key)
);

-- The event names that synced functions are triggered or cancelled by.
create table runner_listener (
  event_name text primary key
);

create table runner_cron (
  function_id text not null,
  expression text not null,
  next_at timestamptz not null,
  primary key (function_id, expression)
);
create index runner_cron_next on runner_cron (next_at);
