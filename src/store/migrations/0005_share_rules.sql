-- Which deals are shared without a person: rules in an order, their versions, and what each share owes to one.

create table share_rule (
  id text primary key,
  position int not null,
  version int not null check (version > 0),
  created_at timestamptz not null,
  deleted_at timestamptz
);
create index share_rule_position on share_rule (position) where deleted_at is null;

-- Written once, never changed: a new content is a new row.
create table share_rule_version (
  rule_id text not null references share_rule,
  version int not null check (version > 0),
  name text not null,
  enabled boolean not null,
  connection_id text not null references connection,
  condition text not null,
  involvement text not null check (involvement in ('co_sell', 'visibility')),
  -- What the involvement comes to in the programme's own fields.
  involvement_fields jsonb not null,
  defaults jsonb not null,
  send_defaults boolean not null,
  author_id text not null references actor,
  created_at timestamptz not null,
  primary key (rule_id, version)
);

-- The rule version that made the share (that a draft follows), and the fields that nobody but the rule gave.
alter table share
  add column rule_id text,
  add column rule_version int,
  add column synthetic jsonb not null default '[]',
  add foreign key (rule_id, rule_version) references share_rule_version (rule_id, version),
  add check ((rule_id is null) = (rule_version is null));
create index share_rule_drafts on share (rule_id) where rule_id is not null and state in ('draft', 'ready');
