-- Files of finance, the facts that they state, and what the last reconciliation concluded from them (docs/0015).
-- Ids and keys of vendors are compared byte by byte, on every server alike: collate "C".

create table report_file (
  id text primary key,
  seq bigint generated always as identity unique,
  connection_id text references connection,
  path text collate "C" not null,
  format text,
  status text not null default 'receiving' check (status in ('receiving', 'read', 'refused', 'unknown')),
  sha256 text,
  bytes bigint not null default 0,
  rows int not null default 0,
  problems jsonb not null default '[]',
  problem_count int not null default 0,
  unknown_columns jsonb not null default '[]',
  notes jsonb not null default '[]',
  -- The vendor's own name of this delivery, such as an object's key and version.
  source_key text,
  -- From when on its content can have been known: what an earlier "known until" must not see.
  known_at timestamptz not null,
  received_at timestamptz not null,
  reconciled_at timestamptz,
  -- The last reconciliation counted it; one that is superseded counts no more.
  counts boolean not null default false,
  -- The newer file of the same path that stands for it, where files of its format replace each other.
  superseded_by text references report_file
);
create unique index report_file_source on report_file (coalesce(connection_id, ''), source_key) where source_key is not null;
create unique index report_file_content on report_file (path, sha256) where sha256 is not null;
create index report_file_open on report_file (seq) where status = 'read' and reconciled_at is null;

-- The bytes as they came, gzip'd piece by piece.
create table report_chunk (
  file_id text not null references report_file on delete cascade,
  n int not null,
  body bytea not null,
  primary key (file_id, n)
);

-- Every version of every money line. What became of it is in disposition; deal and method are its agreement's (agreement_link).
create table ledger_line (
  file_seq int not null,
  n int not null,
  line int not null,
  marketplace text not null,
  key text collate "C" not null,
  kind text not null,
  part text not null,
  currency text not null,
  amount bigint not null,
  fee bigint not null default 0,
  net bigint not null default 0,
  withheld bigint not null default 0,
  refunded bigint not null default 0,
  lost bigint not null default 0,
  settled bigint not null,
  settled_currency text not null,
  agreement_id text collate "C",
  offer_id text collate "C",
  buyer_key text collate "C",
  parent_key text collate "C",
  payout_key text collate "C",
  trace text,
  reference text collate "C",
  paid text,
  occurred_day int,
  invoiced_day int,
  collected_day int,
  disbursed_day int,
  payable_day int,
  known_second bigint not null,
  delivery int not null default 0,
  deleted boolean not null default false,
  content text not null default '',
  disposition text not null default 'current'
    check (disposition in ('current', 'joined', 'repeated', 'superseded', 'deleted', 'not_known_yet')),
  -- The agreement that it was found to belong to; null: to none.
  agreement text collate "C",
  primary key (file_seq, n)
);
create index ledger_line_key on ledger_line (key);
create index ledger_line_parent on ledger_line (parent_key) where parent_key is not null;
create index ledger_line_payout on ledger_line (payout_key) where payout_key is not null;
create index ledger_line_agreement on ledger_line (agreement_id) where agreement_id is not null;
create index ledger_line_offer on ledger_line (offer_id) where (agreement_id is null or part = 'incentive') and offer_id is not null;
create index ledger_line_reference on ledger_line (reference) where kind = 'REVENUE' and reference is not null;
create index ledger_line_header on ledger_line (part) where part = 'payout';
create index ledger_line_found on ledger_line (agreement) where agreement is not null and agreement_id is null;

-- Every other fact. The refs are what it can be found by; which of them lead on is said in src/domain/finance/refs.ts.
create table ledger_fact (
  file_seq int not null,
  kind text not null,
  n int not null,
  line int not null default 0,
  marketplace text,
  key text collate "C" not null default '',
  known_second bigint not null default 0,
  ref1 text collate "C",
  ref2 text collate "C",
  ref3 text collate "C",
  ref4 text collate "C",
  ref5 text collate "C",
  -- Not jsonb: the order of members is kept.
  fact json not null,
  primary key (file_seq, kind, n)
);
-- Of few kinds all facts are read whatever is asked: those without a ref.
create index ledger_fact_kind on ledger_fact (kind, file_seq) where ref1 is null;
create index ledger_fact_ref1 on ledger_fact (ref1) where ref1 is not null;
create index ledger_fact_ref2 on ledger_fact (ref2) where ref2 is not null;
create index ledger_fact_ref3 on ledger_fact (ref3) where ref3 is not null;
create index ledger_fact_ref4 on ledger_fact (ref4) where ref4 is not null;
create index ledger_fact_ref5 on ledger_fact (ref5) where ref5 is not null;

create table reconciliation (
  id text primary key,
  as_of date not null,
  mode text not null check (mode in ('full', 'increment')),
  state text not null default 'running' check (state in ('running', 'done', 'failed')),
  -- What it read: files up to this seq.
  until_seq int,
  counts jsonb not null default '{}',
  totals jsonb not null default '{}',
  blocks jsonb not null default '[]',
  reason text,
  started_at timestamptz not null,
  ended_at timestamptz
);
create index reconciliation_started on reconciliation (started_at desc, id desc);

create table agreement_link (
  marketplace text not null,
  agreement_id text collate "C" not null,
  deal_id text collate "C",
  method text not null,
  evidence text not null default '',
  offer_id text collate "C",
  buyer_key text collate "C",
  currency text not null,
  contract_value bigint,
  invoiced bigint not null default 0,
  refunded bigint not null default 0,
  candidates jsonb not null default '[]',
  rivals jsonb not null default '[]',
  suggestions jsonb not null default '[]',
  primary key (marketplace, agreement_id)
);
create index agreement_link_deal on agreement_link (deal_id) where deal_id is not null;
create index agreement_link_offer on agreement_link (offer_id) where offer_id is not null;
create index agreement_link_buyer on agreement_link (buyer_key) where buyer_key is not null;

create table payout (
  marketplace text not null,
  id text collate "C" not null,
  currency text not null,
  day int not null,
  amount bigint not null,
  children bigint not null,
  earned bigint,
  trace text,
  failed boolean not null,
  repeats text collate "C",
  deposits jsonb not null default '[]',
  primary key (marketplace, id)
);
create index payout_day on payout (day desc, marketplace, id);
create index payout_deposits on payout using gin (deposits jsonb_path_ops);

create table credit (
  deal_id text collate "C" not null,
  agreement_id text collate "C" not null,
  partner_id text collate "C" not null,
  kind text not null check (kind in ('sourced', 'influenced')),
  amount bigint not null,
  contested bigint not null,
  currency text not null,
  rule_id text not null,
  rule_version int not null,
  basis text not null,
  touch_ids jsonb not null default '[]',
  primary key (deal_id, agreement_id, kind, partner_id)
);
create index credit_partner on credit (partner_id, deal_id);
create table credit_movement (
  deal_id text collate "C" not null,
  agreement_id text collate "C" not null,
  partner_id text collate "C" not null,
  kind text not null,
  -- The first day of the month.
  period date not null,
  movement text not null,
  amount bigint not null,
  currency text not null,
  rule_id text not null,
  rule_version int not null,
  primary key (deal_id, agreement_id, kind, partner_id, period, movement)
);
create index credit_movement_period on credit_movement (period, partner_id);
-- locked_at null: what would be locked by what is known; a close locks it (docs/0015).
create table credit_lock (
  deal_id text collate "C" primary key,
  lock jsonb not null,
  close_day int not null,
  locked_at timestamptz
);

-- Sums of current lines that a change adds to or takes from, so that nothing has to be added up again.
create table ledger_sum (
  kind text not null,
  marketplace text not null,
  name text collate "C" not null,
  currency text not null,
  amount numeric(38, 0) not null,
  lines int not null,
  primary key (kind, marketplace, name, currency)
);
-- The next day on which something may come out differently although no file comes.
create table ledger_due (
  ref text collate "C" primary key,
  day int not null
);
create index ledger_due_day on ledger_due (day);

alter table exception add column key text unique,
  add column subject_type text,
  add column marketplace text,
  add column amount_micros bigint,
  add column currency text,
  add column cause text,
  add column since_day int,
  add column details jsonb,
  add column state text not null default 'open'
    check (state in ('open', 'assigned', 'explained', 'adjusted', 'accepted', 'disputed', 'closed')),
  add column owner_id text references actor,
  add column next_action text,
  add column due_at timestamptz;
-- What a close finds is unique by its key; what the service finds, by code and subject.
update exception set state = 'closed' where closed_at is not null;
drop index exception_open;
create unique index exception_open on exception (code, subject) where closed_at is null and key is null;
create index exception_subject on exception (subject) where key is not null;
create index exception_kind on exception (subject_type) where key is not null and closed_at is null;
