create table placeholder_core (id int);
