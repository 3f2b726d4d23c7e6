-- Since when fetching has met nothing but trouble that passes; null: the last request went well.
alter table report_fetch add column failing_since timestamptz;
