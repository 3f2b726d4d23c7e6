-- What a person does at a partner by hand, where nothing of ours may. Each stands for one write of the effect journal.
create table task (
  id text primary key,
  connection_id text not null references connection,
  share_id text not null references share,
  effect_id text not null unique references effect,
  kind text not null check (kind in ('create', 'revise', 'withdraw')),
  state text not null check (state in ('open', 'done', 'cancelled')),
  -- Counts how often the form was filled: who has typed an earlier one says so.
  form int not null default 1,
  -- The filled forms, the latest last. They hold persons, and are erased when the task ends.
  sealed_forms bytea,
  reason text,
  due_at timestamptz not null,
  ended_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  check ((state = 'open') = (ended_at is null))
);
-- What stands in the partner's form as a person typed it: what later changes are compared with.
alter table share add column sealed_typed bytea;
-- One thing at a time: what is to be done comes together in it.
create unique index task_open on task (share_id) where state = 'open';
create index task_due on task (due_at) where state = 'open';
create index task_connection on task (connection_id, state);
