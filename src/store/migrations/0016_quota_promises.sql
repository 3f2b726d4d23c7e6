-- How many that were refused for the day were told when to come back, and have not been granted since.
alter table quota add column promised int not null default 0;
