-- The simulators' own ledger: "their" side. No repository of the service reads it.
create schema simulator;
create table simulator.entry (
  marketplace text not null,
  collection text not null,
  id text not null,
  value jsonb not null,
  primary key (marketplace, collection, id)
);
