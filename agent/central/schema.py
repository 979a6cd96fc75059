"""Schema of the central store (SQLite): tables and views that integrators read.

::

    event      n rises with each arrival (read on with WHERE n > the last you had); agent is site/name;
               log, seq, type, rule, ts; late 1: first sent long after ts; body: the JSON as it came;
               heard_ms: when that was, UTC. By type and time there are indexes: (type, ts) and (ts)
    info       what an agent is made of and set to, the last ten different ones: body, ts, heard_ms when it
               came last, digest of all in it but log, session and ts
    info_now   a view: the newest of each agent that is not retired
    span       numbers from first to last of a log: how = stored, dropped (the agent reported that they never
               come) or gone (it could no longer give them); dropped and gone may overlap with stored
    log        an agent's logs: first_seq and last_seq as the agent reports them; how many doubles were thrown
               away, how many replays were asked for and how many events came by them; ended 1: the agent has
               another log now, and nothing more in this one
    agent      state online|offline|retired, or unknown before its first status; log, session and ts of that;
               heard_ms: its last sign of life, UTC
    state_now  a view: each rule's last state; known 0: it may no longer hold, show 'unknown'
    refused    what was none of these, by agent and reason
    own        what the subscriber keeps for itself: its client id, a secret

Every number from 1 to last_seq ends in a span, and stays there when its event is too old to be kept.
One transaction a batch with synchronous=FULL; only what is in it is acknowledged to the broker.
"""

from __future__ import annotations

# A state is unknown once nothing came from its agent for so long: health comes every 60 s.
STALE_S = 180
APPLICATION_ID = 0x63656E74  # "cent" in ASCII
VERSION = 2
# What version 2 has beside what version 1 had; `event` also has `heard_ms`.
SINCE_2 = """
CREATE TABLE info (
    n INTEGER PRIMARY KEY AUTOINCREMENT, agent TEXT NOT NULL, digest TEXT NOT NULL, ts TEXT NOT NULL,
    heard_ms INTEGER NOT NULL, body TEXT NOT NULL,
    UNIQUE (agent, digest)
) STRICT;
CREATE VIEW info_now AS
    SELECT i.agent, i.ts, i.heard_ms, i.body FROM info i LEFT JOIN agent a USING (agent)
    WHERE i.n = (SELECT max(n) FROM info WHERE agent = i.agent) AND coalesce(a.state, '') != 'retired';
CREATE TABLE own (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX event_by_type ON event (type, ts);
CREATE INDEX event_by_time ON event (ts);
PRAGMA user_version = 2;
"""
SCHEMA = f"""
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
    heard_ms INTEGER NOT NULL,
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
            AND a.heard_ms > (strftime('%s', 'now') - {STALE_S}) * 1000, 0) AS known
    FROM state s LEFT JOIN agent a USING (agent);
PRAGMA application_id = {APPLICATION_ID};
{SINCE_2}
"""  # noqa: S608 - it is all written here
