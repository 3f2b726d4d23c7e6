-- The application that `cosell runner` drives: learnt at a registration, and known again after a restart. One per database.
create table runner_app (
  id int primary key default 1 check (id = 1),
  url text not null,
  -- New with every registration, so that other runner processes notice that functions may have changed.
  version text not null,
  registered_at timestamptz not null
);
