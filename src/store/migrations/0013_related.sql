-- Other records of the partner's that tell of a share's deal, as its record last said: word of one of them is word of the share's.
create table engagement_related (
  connection_id text not null references connection,
  remote_id text not null,
  share_id text not null references share,
  primary key (connection_id, remote_id, share_id)
);
create index engagement_related_share on engagement_related (share_id);
