-- An agreement that deals share by a person's document: its parts; empty where it is one deal's (deal_id) or nobody's.
alter table agreement_link add column shared jsonb not null default '[]';
create index agreement_link_shared on agreement_link using gin (shared jsonb_path_ops) where shared <> '[]';

-- People also decide that deals share an agreement.
alter table money_decision drop constraint money_decision_kind_check;
alter table money_decision add constraint money_decision_kind_check check (kind in ('link', 'alias', 'allocation'));
