-- How far the fetching of a connection's reports came, and what its source listed: each version of each file once.
create table report_fetch (
  connection_id text primary key references connection,
  -- The source's own, as it was answered last; null: from the beginning.
  cursor jsonb,
  -- When its list was last read to the end.
  listed_at timestamptz,
  pending_until timestamptz,
  -- Why it stopped, for people; null: it did not.
  reason text
);
create table report_listing (
  connection_id text not null references connection,
  key text not null,
  report jsonb not null,
  state text not null default 'listed' check (state in ('listed', 'received', 'gone')),
  listed_at timestamptz not null,
  primary key (connection_id, key)
);
create index report_listing_open on report_listing (connection_id, listed_at, key) where state = 'listed';

-- A reconciliation that was asked for and has not begun. One that asks the same is the same.
alter table reconciliation drop constraint reconciliation_state_check;
alter table reconciliation add constraint reconciliation_state_check check (state in ('requested', 'running', 'done', 'failed'));
create unique index reconciliation_requested on reconciliation (as_of, mode) where state = 'requested';

-- A snapshot that was superseded may come again with the same content, and stands again then; so may what a source says once more.
drop index report_file_content;
create unique index report_file_content on report_file (path, sha256)
  where sha256 is not null and superseded_by is null and source_key is null;
create index report_file_path on report_file (path, sha256);
