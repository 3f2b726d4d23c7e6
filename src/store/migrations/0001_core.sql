-- The deal, what each programme makes of it, and the journal that makes every partner write exactly-once.

create table actor (
  id text primary key,
  kind text not null check (kind in ('person', 'service', 'system', 'partner')),
  name text not null,
  created_at timestamptz not null,
  unique (kind, name)
);

create table api_key (
  id text primary key,
  actor_id text not null references actor,
  name text not null,
  prefix text not null,
  hash text not null unique,
  scopes text[] not null check (cardinality(scopes) > 0),
  created_at timestamptz not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz
);

create table idempotency (
  actor_id text not null references actor,
  key text not null check (length(key) between 1 and 255),
  request_hash text not null,
  status int,
  headers jsonb,
  sealed_body bytea,
  created_at timestamptz not null,
  primary key (actor_id, key)
);

create table secret (
  ref text primary key,
  version int not null check (version > 0),
  sealed bytea not null,
  updated_at timestamptz not null
);

create table connection (
  id text primary key,
  marketplace text not null check (marketplace in ('aws', 'azure', 'gcp')),
  label text not null,
  account text not null,
  environment text not null check (environment in ('production', 'vendor_test', 'simulated')),
  settings jsonb not null,
  state text not null check (state in ('active', 'parked')),
  parked_reason text,
  version int not null default 1,
  created_at timestamptz not null,
  unique (marketplace, account, environment),
  check ((state = 'parked') = (parked_reason is not null))
);

-- Where a sweep left off. The cursor belongs to the adapter; the engine never looks inside.
create table sweep (
  connection_id text primary key references connection on delete cascade,
  cursor jsonb,
  swept_at timestamptz
);

create table partner (
  id text primary key,
  name text not null,
  name_key text not null unique,
  created_at timestamptz not null
);

create table account (
  id text primary key,
  match_key text not null unique,
  name text not null,
  website text,
  domain text,
  country text check (country ~ '^[A-Z]{2}$'),
  state text,
  city text,
  postal_code text,
  street text,
  industry text,
  duns text check (duns ~ '^[0-9]{9}$'),
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create index account_name on account (name, id);

create table opportunity (
  id text primary key,
  source text not null,
  key text not null check (length(key) between 1 and 64),
  account_id text not null references account,
  partner_id text references partner,
  title text not null,
  problem text,
  stage text not null,
  close_date date,
  amount_micros bigint,
  amount_currency text check (amount_currency ~ '^[A-Z]{3}$'),
  term_months int check (term_months between 1 and 144),
  type text not null check (type in ('new', 'expansion', 'renewal')),
  next_steps text,
  lost_reason text,
  tag text check (tag in ('sourced', 'influenced')),
  tagged_at timestamptz,
  programmes jsonb not null default '{}',
  version int not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  unique (source, key),
  check ((amount_micros is null) = (amount_currency is null)),
  check ((tag is null) = (tagged_at is null))
);
create index opportunity_account on opportunity (account_id);
create index opportunity_updated on opportunity (updated_at desc, id desc);

-- Persons live here and nowhere else in the clear: the row is readable only with COSELL_KEY.
create table contact (
  id text primary key,
  subject text not null,
  role text not null check (role in ('owner', 'customer', 'partner')),
  position int not null,
  email_fingerprint text,
  sealed bytea not null,
  created_at timestamptz not null,
  unique (subject, role, position)
);
create index contact_email on contact (email_fingerprint);

create table touch (
  id text primary key,
  opportunity_id text not null references opportunity,
  partner_id text references partner,
  kind text not null check (kind in ('registration', 'intro', 'joint_call', 'demo', 'acceptance', 'other')),
  at timestamptz not null,
  source text not null,
  source_key text not null,
  actor_id text not null references actor,
  created_at timestamptz not null,
  unique (source, source_key)
);
create index touch_opportunity on touch (opportunity_id, at);

create table share (
  id text primary key,
  opportunity_id text not null references opportunity,
  connection_id text not null references connection,
  generation int not null check (generation > 0),
  state text not null,
  reason text,
  gaps jsonb not null default '[]',
  fields jsonb not null default '{}',
  -- Their record as both sides last agreed on it: the base of the three-way merge.
  sealed_base bytea,
  -- The base that holds once the update under way is confirmed.
  sealed_next_base bytea,
  -- Set while an edit or a withdrawal of ours waits for their record to become editable.
  revision_wanted boolean not null default false,
  withdrawal_reason text,
  version int not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  unique (opportunity_id, connection_id, generation)
);
create unique index share_open on share (opportunity_id, connection_id)
  where state not in ('declined', 'won', 'lost', 'withdrawn');
create index share_state on share (connection_id, state);
create index share_updated on share (updated_at desc, id desc);

create table engagement (
  id text primary key,
  share_id text not null unique references share,
  connection_id text not null references connection,
  remote_id text not null,
  remote_arn text,
  remote_version text,
  facts jsonb not null default '{}',
  sealed_body bytea,
  -- When the read that this row shows began: a hint received before it is already answered.
  looked_at timestamptz,
  -- The last time somebody told us that their side moved, and the last look that such word led to.
  hinted_at timestamptz,
  hint_looked_at timestamptz,
  created_at timestamptz not null,
  unique (connection_id, remote_id)
);
create index engagement_looked on engagement (connection_id, looked_at);

-- Edits of ours and what became of them; one waiting row per field, so repeated edits coalesce.
create table pending_edit (
  id text primary key,
  share_id text not null references share,
  field text not null,
  state text not null check (state in ('waiting', 'sent', 'dropped')),
  reason text,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create unique index pending_edit_waiting on pending_edit (share_id, field) where state = 'waiting';
create index pending_edit_share on pending_edit (share_id, created_at);

create table history (
  seq bigint generated always as identity primary key,
  subject text not null,
  at timestamptz not null,
  actor_id text not null references actor,
  what text not null,
  from_state text,
  to_state text,
  note text
);
create index history_subject on history (subject, seq);

create table delivery (
  id text primary key,
  connection_id text not null references connection,
  key text not null,
  kind text not null,
  headers jsonb not null,
  sealed_body bytea,
  received_at timestamptz not null,
  unique (connection_id, key)
);
create index delivery_received on delivery (received_at);

create table effect (
  id text primary key,
  connection_id text not null references connection,
  share_id text references share,
  -- Remote seller identity + catalog + CRM source + CRM key + operation + generation; never a local id.
  key text not null unique,
  write_key text not null,
  operation text not null,
  token text not null,
  token_kind text not null check (token_kind in ('partner-keeps', 'we-read', 'we-search')),
  state text not null,
  request_hash text not null,
  sealed_request bytea,
  attempts int not null default 0,
  refutations int not null default 0,
  -- When a search first came back empty: a second one counts only after the partner's search lag.
  searched_at timestamptz,
  sent_at timestamptz,
  outcome jsonb,
  fault jsonb,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create index effect_share on effect (share_id, created_at);
create index effect_open on effect (state) where state in ('sent', 'ambiguous', 'stuck');

create table outbox (
  seq bigint generated always as identity primary key,
  id uuid not null unique,
  name text not null,
  at timestamptz not null,
  subject text not null,
  version int not null default 1,
  data jsonb not null,
  sent_at timestamptz
);
create index outbox_unsent on outbox (seq) where sent_at is null;
create index outbox_subject on outbox (subject, seq);

create table quota (
  key text primary key,
  next_at timestamptz not null
);
create table quota_use (
  key text not null,
  slot timestamptz not null,
  used int not null,
  primary key (key, slot)
);

create table exception (
  id text primary key,
  code text not null,
  subject text not null,
  message text not null,
  opened_at timestamptz not null,
  closed_at timestamptz,
  closed_reason text,
  closed_by text references actor,
  check ((closed_at is null) = (closed_reason is null))
);
create unique index exception_open on exception (code, subject) where closed_at is null;
create index exception_opened on exception (opened_at desc, id desc);
