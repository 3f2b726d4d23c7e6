-- What a restored backup does not know: writes that reached partners after it was taken.

-- Each time this installation was restored, and the moment its data was from.
create table restoration (
  id text primary key,
  taken_at timestamptz not null,
  restored_at timestamptz not null
);

-- Present while writes of the connection are looked for before they are sent: from the restore to the end of a full sweep.
create table recovery (
  connection_id text primary key references connection on delete cascade,
  taken_at timestamptz not null,
  restored_at timestamptz not null,
  -- When the full sweep under way began; null: none has.
  swept_from timestamptz
);

-- Records at the partner that carry a key of ours and that no share of ours knows.
create table found_record (
  connection_id text not null references connection on delete cascade,
  remote_id text not null,
  seq bigint generated always as identity,
  key text not null,
  found_at timestamptz not null,
  -- Since when it waits for a person or for its deal; null: nobody has compared it with our deals yet.
  told_at timestamptz,
  primary key (connection_id, remote_id)
);
create index found_record_key on found_record (connection_id, key);
create index found_record_new on found_record (connection_id, seq) where told_at is null;
create index opportunity_key on opportunity (key);
