-- What each side last said of a deal, field by field: the base of the merge, and where each value of the deal comes from.
create table statement (
  opportunity_id text not null references opportunity,
  -- crm:<name>, cosell, or the id of the partner's connection.
  source text not null,
  side text not null check (side in ('crm', 'ours', 'partner')),
  -- field -> {value, at, actorId, holds}. No people: contacts stand as a count and a keyed mark.
  fields jsonb not null,
  primary key (opportunity_id, source)
);

-- Which side may change which field, and who wins where two did. A row is one whole version; none: the defaults.
create table field_authority (
  version int primary key check (version > 0),
  rules jsonb not null,
  actor_id text not null references actor,
  created_at timestamptz not null
);
