-- A webhook's way to its 202 is paid by index entries. A delivery is found by its sender's key, an event by its place; nobody looks
-- either up by the id that it was given, and those are random: they made every insertion touch pages of its own.
alter table delivery drop constraint delivery_pkey;
alter table delivery drop constraint delivery_connection_id_key_key;
alter table delivery add primary key (connection_id, key);
alter table outbox drop constraint outbox_id_key;
-- No connection is ever deleted, and the statement that keeps a delivery reads its connection itself: the check of the reference looked
-- it up, and locked it, once more for each delivery.
alter table delivery drop constraint delivery_connection_id_fkey;
