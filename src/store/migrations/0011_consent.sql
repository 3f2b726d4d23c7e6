-- A sign-in at a partner that was begun and has not come back yet. The row is taken away as it is used: a state is good once.
create table consent_request (
  -- SHA-256 of the state that the partner brings back: what lies here opens nothing.
  state_digest text primary key,
  connection_id text not null references connection on delete cascade,
  -- The PKCE verifier, sealed.
  sealed_verifier bytea not null,
  redirect_uri text not null,
  -- Who asked for it.
  actor_id text not null references actor,
  created_at timestamptz not null,
  expires_at timestamptz not null
);
create index consent_request_expiry on consent_request (expires_at);
