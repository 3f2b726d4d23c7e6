-- What a marketplace waits for a person to decide at an agreement, and what was decided last: each about one case, named by its key.
alter table agreement add column waits jsonb;
alter table agreement add column decision jsonb;
create index agreement_waits on agreement (id) where waits is not null;

-- How many there are of each state, for whoever watches.
create index offer_state on offer (connection_id, state);
create index agreement_state on agreement (connection_id, state);
