-- Private offers, the agreements they become, and the dates on which somebody is told.

create table offer (
  id text primary key,
  connection_id text not null references connection,
  opportunity_id text references opportunity,
  share_id text references share,
  -- 1 for the first offer of this deal with this connection, 2 for the next, …: with the deal's key it names the offer for ever.
  generation int not null check (generation > 0),
  -- What our record of it at the partner carries, so that it is found again.
  marker text not null,
  origin text not null check (origin in ('ours', 'found')),
  state text not null check (state in ('draft', 'in_approval', 'publishing', 'published', 'viewed', 'accepted', 'expired', 'withdrawn', 'superseded')),
  reason text,
  gaps jsonb not null default '[]',
  terms jsonb not null,
  -- Counts what an approval is about.
  terms_version int not null default 1,
  -- What is sold, as fees tell it apart.
  product_type text not null default 'saas' check (product_type in ('saas', 'server', 'data', 'professional_services')),
  total_micros bigint,
  currency text check (currency ~ '^[A-Z]{3}$'),
  accept_by date,
  -- What the marketplace is expected to keep, judged when the offer was made, with the row of the fee schedule.
  fee jsonb,
  -- A change that is under way for a published offer, and the record that it was planned on.
  change jsonb,
  sealed_change bytea,
  remote_id text,
  remote_arn text,
  remote_version text,
  accept_url text,
  facts jsonb not null default '{}',
  -- How the acceptance is known.
  evidence jsonb,
  sealed_body bytea,
  looked_at timestamptz,
  hinted_at timestamptz,
  published_at timestamptz,
  accepted_at timestamptz,
  created_by text not null references actor,
  version int not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  unique (connection_id, remote_id),
  unique (connection_id, marker),
  check ((total_micros is null) or (currency is not null))
);
create unique index offer_generation on offer (opportunity_id, connection_id, generation) where opportunity_id is not null;
-- Those that can still run out, by day: the daily look costs what is due and no more.
create index offer_running_out on offer (accept_by) where state in ('published', 'viewed');
create index offer_share on offer (share_id) where share_id is not null;
-- A marker names the deal that an offer serves, so that one found at a marketplace leads back to it.
create index opportunity_mark on opportunity (left(md5(source || chr(31) || key), 20));
create index offer_open on offer (connection_id, looked_at) where state in ('published', 'viewed');
create index offer_under_way on offer (connection_id, updated_at) where state = 'publishing' or change is not null;

-- Who asked, who said yes or no, to exactly which terms.
create table offer_approval (
  id text primary key,
  offer_id text not null references offer,
  terms_version int not null,
  requested_by text not null references actor,
  requested_at timestamptz not null,
  reasons jsonb not null,
  decision text check (decision in ('approved', 'refused', 'void')),
  decided_by text references actor,
  decided_at timestamptz,
  note text,
  check ((decision is null) = (decided_at is null)),
  -- An approver is never the requester.
  check (decision is distinct from 'approved' or decided_by <> requested_by)
);
create unique index offer_approval_open on offer_approval (offer_id) where decision is null;
create index offer_approval_offer on offer_approval (offer_id, requested_at);

-- When somebody must say yes. Each save is a new version; the latest holds.
create table approval_policy (
  version int primary key check (version > 0),
  rules jsonb not null,
  actor_id text not null references actor,
  at timestamptz not null
);

create table offer_template (
  id text primary key,
  name text not null,
  marketplace text not null check (marketplace in ('aws', 'azure', 'gcp')),
  terms jsonb not null,
  version int not null default 1,
  removed_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create unique index offer_template_name on offer_template (marketplace, name) where removed_at is null;

-- What marketplaces keep: effective-dated rows, each with its source. Data, never code.
create table fee_row (
  id text primary key,
  row jsonb not null,
  actor_id text not null references actor,
  created_at timestamptz not null,
  removed_at timestamptz
);

create table agreement (
  id text primary key,
  connection_id text not null references connection,
  remote_id text not null,
  remote_arn text,
  remote_version text,
  offer_id text references offer,
  opportunity_id text references opportunity,
  -- The partner's id of the offer, whoever made it.
  remote_offer_id text,
  state text not null check (state in ('pending', 'active', 'renewed', 'cancelled', 'ended')),
  reason text,
  previous_id text references agreement,
  -- What the partner calls the one before, until that one is known here.
  previous_remote_id text,
  lineage text check (lineage in ('renews', 'replaces', 'amends')),
  buyer_account text,
  buyer_name text,
  product text,
  plan text,
  accepted_at timestamptz,
  starts_at timestamptz,
  ends_at timestamptz,
  auto_renews boolean,
  total_micros bigint,
  currency text check (currency ~ '^[A-Z]{3}$'),
  schedule jsonb not null default '[]',
  invoiced jsonb not null default '[]',
  evidence jsonb,
  facts jsonb not null default '{}',
  -- Counts what the partner changed in it: an amendment is a revision.
  revision int not null default 1,
  -- What the observation that made this revision said, so that the next is told apart.
  terms_hash text,
  sealed_body bytea,
  looked_at timestamptz,
  hinted_at timestamptz,
  version int not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  unique (connection_id, remote_id)
);
create index agreement_offer on agreement (offer_id) where offer_id is not null;
create index agreement_remote_offer on agreement (connection_id, remote_offer_id) where remote_offer_id is not null;
create index agreement_looked on agreement (connection_id, looked_at) where state in ('pending', 'active');

-- Every revision an agreement ever had.
create table agreement_revision (
  agreement_id text not null references agreement,
  revision int not null,
  at timestamptz not null,
  terms jsonb not null,
  primary key (agreement_id, revision)
);

-- One row per date to come; deleted once told. `days` before the date, 0 the date itself.
create table offer_date (
  subject text not null,
  kind text not null check (kind in ('expiry', 'renewal', 'instalment')),
  days int not null,
  item text not null default '',
  due_at timestamptz not null,
  primary key (subject, kind, item, days)
);
create index offer_date_due on offer_date (due_at);

-- Offers and agreements that somebody at the partner made and that may belong to a deal of ours: suggested, never linked by themselves.
create index account_lower_name on account (lower(name));
create index opportunity_amount on opportunity (amount_micros, amount_currency) where amount_micros is not null;
create table offer_suggestion (
  subject text not null,
  opportunity_id text not null references opportunity,
  why text not null,
  created_at timestamptz not null,
  primary key (subject, opportunity_id)
);

-- Where the sweep of offers and that of agreements left off.
alter table sweep add column offer_cursor jsonb;
alter table sweep add column agreement_cursor jsonb;

alter table effect add column offer_id text references offer;
alter table effect add column agreement_id text references agreement;
alter table effect add check (num_nonnulls(share_id, invitation_id, offer_id, agreement_id) <= 1);
create index effect_offer on effect (offer_id, created_at) where offer_id is not null;
create index effect_agreement on effect (agreement_id, created_at) where agreement_id is not null;
