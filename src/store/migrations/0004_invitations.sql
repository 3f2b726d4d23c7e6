-- Referrals and leads that come from a partner first, the rules that answer them, and the dates on which somebody is reminded.

create table invitation (
  id text primary key,
  connection_id text not null references connection,
  remote_id text not null,
  remote_arn text,
  kind text not null check (kind in ('referral', 'lead')),
  state text not null check (state in ('received', 'accepting', 'accepted', 'rejecting', 'rejected', 'expired')),
  reason text,
  -- What is known before acceptance: companies, countries, texts without people.
  facts jsonb not null,
  later text[] not null default '{}',
  domain text,
  sealed_body bytea,
  -- What their status word meant when it was last read.
  observed text check (observed in ('accepted', 'rejected', 'expired')),
  invited_at timestamptz,
  expires_at timestamptz,
  -- The answer somebody, or a rule, has decided on; kept once it was given.
  answer jsonb,
  opportunity_id text references opportunity,
  share_id text unique references share,
  looked_at timestamptz,
  version int not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  unique (connection_id, remote_id),
  check (share_id is null or (state = 'accepted' and opportunity_id is not null))
);
create index invitation_state on invitation (state, id desc);
create index invitation_opportunity on invitation (opportunity_id) where opportunity_id is not null;
create index account_domain on account (domain) where domain is not null;

-- One row per date to come: `days` before the expiration, 0 the expiration itself. Deleted once told or answered.
create table invitation_date (
  invitation_id text not null references invitation,
  days int not null check (days >= 0),
  due_at timestamptz not null,
  primary key (invitation_id, days)
);
create index invitation_date_due on invitation_date (due_at);

create table answer_rule (
  id text primary key,
  connection_id text not null references connection,
  position int not null,
  name text not null,
  condition text not null,
  action text not null check (action in ('accept_as_new', 'reject', 'leave')),
  reason text,
  version int not null default 1,
  removed_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  check ((action = 'reject') = (reason is not null))
);
create index answer_rule_order on answer_rule (connection_id, position, id) where removed_at is null;

-- Every version a rule ever had: an answer names the one that gave it.
create table answer_rule_version (
  rule_id text not null references answer_rule,
  version int not null,
  position int not null,
  name text not null,
  condition text not null,
  action text not null,
  reason text,
  actor_id text not null references actor,
  at timestamptz not null,
  primary key (rule_id, version)
);

-- A partner write belongs to a share of ours or to an invitation of theirs.
alter table effect add column invitation_id text references invitation;
alter table effect add check (share_id is null or invitation_id is null);
create index effect_invitation on effect (invitation_id, created_at) where invitation_id is not null;
