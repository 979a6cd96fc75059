-- The store as version 1 made it: newer code must read it, and go on with it.
CREATE TABLE event (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    agent TEXT NOT NULL,
    log TEXT NOT NULL,
    seq INTEGER NOT NULL,
    type TEXT NOT NULL,
    rule TEXT NOT NULL,
    ts TEXT NOT NULL,
    late INTEGER NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (agent, log, seq)
) STRICT;
CREATE TABLE span (
    agent TEXT NOT NULL, log TEXT NOT NULL, how TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (agent, log, how, first)
) STRICT, WITHOUT ROWID;
CREATE TABLE log (
    agent TEXT NOT NULL, log TEXT NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
    doubles INTEGER NOT NULL, asked INTEGER NOT NULL, replayed INTEGER NOT NULL, ended INTEGER NOT NULL,
    PRIMARY KEY (agent, log)
) STRICT, WITHOUT ROWID;
CREATE TABLE agent (
    agent TEXT PRIMARY KEY, state TEXT NOT NULL, why TEXT, log TEXT NOT NULL, session TEXT NOT NULL,
    ts TEXT, heard_ms INTEGER NOT NULL, health TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE state (
    agent TEXT NOT NULL, rule TEXT NOT NULL, kind TEXT NOT NULL, valid INTEGER NOT NULL, log TEXT NOT NULL,
    session TEXT NOT NULL, ts TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (agent, rule)
) STRICT, WITHOUT ROWID;
CREATE TABLE refused (
    agent TEXT NOT NULL, why TEXT NOT NULL, times INTEGER NOT NULL, PRIMARY KEY (agent, why)
) STRICT, WITHOUT ROWID;
CREATE VIEW state_now AS
    SELECT s.agent, s.rule, s.kind, s.ts, s.body,
        coalesce(s.valid AND a.state = 'online' AND a.log = s.log AND a.session = s.session
            AND a.heard_ms > (strftime('%s', 'now') - 180) * 1000, 0) AS known
    FROM state s LEFT JOIN agent a USING (agent);
PRAGMA application_id = 1667591796;
PRAGMA user_version = 1;
