-- Of a first year's files rows are written alone, and the indexes that find them by name are made once, by the first reconciliation:
-- kept up row by row they cost more than the rows. A ledger that has rows keeps those that it has.
create function ledger_lookups() returns void language plpgsql as $$
begin
  if exists (select from pg_indexes where schemaname = current_schema() and indexname = 'ledger_line_key') then return; end if;
  -- Of two that make an index at once, PostgreSQL fails one, "if not exists" or not. Whoever waited looks again, by a query:
  -- to_regclass would say what it said before.
  perform pg_advisory_xact_lock(7241923);
  if exists (select from pg_indexes where schemaname = current_schema() and indexname = 'ledger_line_key') then return; end if;
  create index ledger_line_parent on ledger_line (parent_key) where parent_key is not null;
  create index ledger_line_payout on ledger_line (payout_key) where payout_key is not null;
  create index ledger_line_agreement on ledger_line (agreement_id) where agreement_id is not null;
  create index ledger_line_offer on ledger_line (offer_id) where (agreement_id is null or part = 'incentive') and offer_id is not null;
  create index ledger_line_reference on ledger_line (reference) where kind = 'REVENUE' and reference is not null;
  create index ledger_line_header on ledger_line (part) where part = 'payout';
  create index ledger_line_found on ledger_line (agreement) where agreement is not null and agreement_id is null;
  create index ledger_fact_kind on ledger_fact (kind, file_seq) where ref1 is null;
  create index ledger_fact_ref1 on ledger_fact (ref1) where ref1 is not null;
  create index ledger_fact_ref2 on ledger_fact (ref2) where ref2 is not null;
  create index ledger_fact_ref3 on ledger_fact (ref3) where ref3 is not null;
  create index ledger_fact_ref4 on ledger_fact (ref4) where ref4 is not null;
  create index ledger_fact_ref5 on ledger_fact (ref5) where ref5 is not null;
  create index ledger_line_key on ledger_line (key);
end
$$;

do $$
begin
  if exists (select from ledger_line) or exists (select from ledger_fact) then return; end if;
  drop index ledger_line_key, ledger_line_parent, ledger_line_payout, ledger_line_agreement, ledger_line_offer, ledger_line_reference,
    ledger_line_header, ledger_line_found, ledger_fact_kind, ledger_fact_ref1, ledger_fact_ref2, ledger_fact_ref3, ledger_fact_ref4,
    ledger_fact_ref5;
end
$$;

-- They stand in the fact itself, and nothing asked for them.
alter table ledger_fact drop column line, drop column marketplace, drop column key, drop column known_second;
