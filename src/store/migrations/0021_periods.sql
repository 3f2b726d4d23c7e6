-- What people say of exceptions, months of the books, and what people decided (docs/0016).
alter table exception add column version int not null default 1;
create index exception_open_since on exception (code, opened_at desc, id desc) where closed_at is null;
create index exception_owner on exception (owner_id) where owner_id is not null and closed_at is null;

-- A month of a marketplace that is not simply open.
create table period (
  marketplace text not null,
  -- 2026-05
  month text collate "C" not null,
  state text not null check (state in ('open', 'soft', 'locked')),
  -- The last day whose knowledge it was closed with; null while it is open.
  as_of date,
  -- The signed document of a lock without its postings, which stand below.
  manifest jsonb,
  version int not null default 1,
  changed_at timestamptz not null,
  changed_by text not null references actor,
  primary key (marketplace, month)
);

-- What was posted in a month when it was closed.
create table period_posting (
  marketplace text not null,
  month text collate "C" not null,
  -- Empty: payouts and deposits, which belong to many.
  agreement_id text collate "C" not null,
  currency text not null,
  movement text not null,
  -- The locked month that it adjusts; empty: none.
  adjusts text collate "C" not null,
  amount bigint not null,
  primary key (marketplace, month, agreement_id, currency, movement, adjusts),
  foreign key (marketplace, month) references period on delete cascade
);

-- What people decided of money: which deal an agreement belongs to, whose a buyer's account is. Rows are added, never changed.
create table money_decision (
  seq bigint generated always as identity primary key,
  id text not null unique,
  kind text not null check (kind in ('link', 'alias')),
  marketplace text not null,
  -- The agreement, or the buyer's account.
  subject text collate "C" not null,
  -- What was decided; null: an earlier decision is taken back.
  decision jsonb,
  reason text not null,
  supersedes text references money_decision (id),
  actor_id text not null references actor,
  decided_at timestamptz not null
);
create index money_decision_subject on money_decision (kind, marketplace, subject, seq desc);
