-- Long work: images, clips, later training. seq is the order of arrival; times are milliseconds since 1970. The request
-- comes last, so that lists do not read through pictures in it.
create table jobs (
    seq integer primary key autoincrement,
    id text not null unique check (length(id) = 24),
    kind text not null,
    state text not null check (state in ('queued', 'running', 'done', 'failed', 'cancelled', 'interrupted')),
    owner text not null,
    priority integer not null,
    created_ms integer not null,
    started_ms integer,
    finished_ms integer,
    step integer not null default 0,
    n_steps integer not null default 0,
    stage text not null default '',
    error text not null default '',
    request text not null
) strict;
create index jobs_of_state on jobs (state, seq);
create index jobs_of_owner on jobs (owner, seq);

-- What a job made: the file results/<job>/<file> in the data folder was complete before its row came to be.
create table job_results (
    job text not null references jobs (id) on delete cascade,
    idx integer not null check (idx >= 0),
    media text not null,
    file text not null,
    bytes integer not null,
    width integer not null,
    height integer not null,
    meta text not null,
    primary key (job, idx)
) strict;
