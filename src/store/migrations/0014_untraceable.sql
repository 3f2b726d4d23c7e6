-- Some partners give no way to find out whether a lost write happened: such a write is never repeated by itself.
alter table effect drop constraint effect_token_kind_check;
alter table effect add constraint effect_token_kind_check
  check (token_kind in ('partner-keeps', 'we-read', 'we-search', 'untraceable'));
