-- Events out: who is told, one message for each event and endpoint, and the log of every attempt.

create table webhook (
  id text primary key,
  url text not null check (length(url) between 1 and 2048),
  description text,
  -- Names of events, `noun.*`, or `*`.
  events text[] not null check (cardinality(events) > 0),
  -- Only events that name one of these connections; none: all events.
  connections text[] not null default '{}',
  state text not null check (state in ('enabled', 'disabled')),
  disabled_reason text,
  -- References into the secrets, never values. The older one signs along until its time is over.
  secret_ref text not null,
  old_secret_ref text,
  old_secret_until timestamptz,
  failing_since timestamptz,
  paused_until timestamptz,
  version int not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  check ((state = 'disabled') = (disabled_reason is not null)),
  check ((old_secret_ref is null) = (old_secret_until is null))
);

create table webhook_message (
  id text primary key,
  event_id uuid not null,
  webhook_id text not null references webhook on delete cascade,
  type text not null,
  occurred_at timestamptz not null,
  -- Frozen: every attempt sends exactly these bytes. Ids, counts and codes, never a person.
  body text not null,
  state text not null check (state in ('pending', 'delivered', 'failed')),
  attempts int not null default 0,
  -- Names the one run that may deliver it; a replay makes the run before it end.
  generation int not null default 0,
  due_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  unique (event_id, webhook_id)
);
create index webhook_message_list on webhook_message (webhook_id, id desc);
create index webhook_message_state on webhook_message (webhook_id, state, id desc);
create index webhook_message_due on webhook_message (due_at) where state = 'pending';
create index webhook_message_created on webhook_message (created_at);

create table webhook_attempt (
  message_id text not null references webhook_message on delete cascade,
  number int not null check (number > 0),
  at timestamptz not null,
  duration_ms int not null,
  status int,
  error text,
  primary key (message_id, number)
);
