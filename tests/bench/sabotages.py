"""Small sabotages, each with the tests that must notice it; `tests.bench.sabotage` tries them.

A text that is not found exactly once in its file is told: the code changed, and its entry must follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Sabotage:
    """One change for the worse.

    Attributes:
        name: of what is lost.
        file: from the checkout's root.
        old, new: the text that is there exactly once, and what it becomes.
        tests: files, or names of tests in them, as pytest takes them; at least one must fail.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


# --- seven that were found to survive on 7667f9d -----------------------------------------------------

_FOUND = [
    # Who is no track yet, or too unsure to become one, stays as the camera saw them.
    Sabotage(
        "blur-of-persons-without-a-track",
        "agent/render/drawing.py",
        "    levels = grid.nothing() if blur is None else blur.copy()\n",
        "    levels = grid.nothing()\n",
        ("tests/render/test_drawing.py",),
    ),
    # Between two looks people move.
    Sabotage(
        "blur-rim",
        "agent/render/blur_grid.py",
        "_PERSON_RIM_RATIO = 0.15",
        "_PERSON_RIM_RATIO = 0.0",
        ("tests/render/test_drawing.py",),
    ),
    # A camera that gives nothing any more looks like one that has just given a picture.
    Sabotage(
        "health-frame-age",
        "agent/health/monitor.py",
        "frame_age_s=round(max(0.0, now.monotonic_s - seen.monotonic_s), 1) if seen else None",
        "frame_age_s=0.0 if seen else None",
        ("tests/health/test_monitor.py", "tests/health/test_rates.py"),
    ),
    # A dump of the agent's memory holds pictures.
    Sabotage(
        "unit-core-dump",
        "systemd/presence-agent.service",
        "LimitCORE=0\n",
        "",
        ("tests/systemd",),
    ),
    # What the agent writes is for itself.
    Sabotage(
        "unit-umask",
        "systemd/presence-agent.service",
        "UMask=0077\n",
        "",
        ("tests/systemd",),
    ),
    # Half a minute without pictures in which 'nobody' is believed.
    Sabotage(
        "camera-lost-after",
        "agent/device/camera.py",
        "lost_after_s: float = 3.0",
        "lost_after_s: float = 30.0",
        ("tests/device/test_letting_go.py",),
    ),
    # The event that found the card broken is in no log at all.
    Sabotage(
        "failover-loses-the-event-that-fails",
        "agent/eventlog/failover.py",
        "            self._switch(error)\n            seq = self._log.append(events)\n",
        "            self._switch(error)\n            seq = self._log.last_seq\n",
        ("tests/eventlog/test_failover.py",),
    ),
    # The same, only where a new log is made because this one is damaged.
    Sabotage(
        "failover-loses-the-event-that-finds-damage",
        "agent/eventlog/failover.py",
        "            self._switch(error)\n            seq = self._log.append(events)\n",
        "            self._switch(error)\n"
        "            seq = self._log.append(events if self.volatile else ())\n",
        ("tests/eventlog/test_failover.py",),
    ),
    # And where it is time to note that the agent runs.
    Sabotage(
        "failover-notes-and-forgets-the-event",
        "agent/eventlog/failover.py",
        "            if not events and at.monotonic_s - self._noted_s >= _NOTE_S:\n",
        "            if at.monotonic_s - self._noted_s >= _NOTE_S:\n                events = ()\n",
        ("tests/eventlog/test_failover.py",),
    ),
]

# --- privacy -----------------------------------------------------------------------------------------

_PRIVACY = [
    # Masks of the camera's own small grey picture are forgotten: motion behind them is seen.
    Sabotage(
        "mask-of-luma",
        "agent/device/frames.py",
        "view.of(luma, margin_px=1)",
        "luma",
        ("tests/device/test_recovery.py::test_luma_is_turned_and_masked_as_the_picture_is",),
    ),
    # A camera's pictures go through unmasked.
    Sabotage(
        "mask-of-camera",
        "agent/device/frames.py",
        "return Frame(index, at, view.of(image), view.of(luma, margin_px=1))",
        "return Frame(index, at, image, view.of(luma, margin_px=1))",
        ("tests/device/test_recovery.py::test_luma_is_turned_and_masked_as_the_picture_is",),
    ),
    # So do those of a camera that brings no small picture of its own.
    Sabotage(
        "mask-of-camera-without-luma",
        "agent/device/frames.py",
        "return frame_of(index, at, view.of(image))\n    # A px",
        "return frame_of(index, at, image)\n    # A px",
        ("tests/device/test_frames.py::test_viewed_is_masked_in_both_pictures",),
    ),
    Sabotage(
        "mask-of-recording",
        "agent/device/frames.py",
        "yield frame_of(index, Instant(time_s, utc), view().of(image))",
        "yield frame_of(index, Instant(time_s, utc), image)",
        ("tests/device/test_frames.py::test_recorded_frames_are_what_the_view_makes_of_them",),
    ),
    # One px on a mask's border has seen what is behind it.
    Sabotage(
        "mask-margin",
        "agent/device/frames.py",
        "if margin_px:",
        "if False:",
        ("tests/device/test_recovery.py::test_luma_is_turned_and_masked_as_the_picture_is",),
    ),
    # Whatever a stage adds reaches the wire.
    Sabotage(
        "unknown-fields-are-allowed",
        "agent/wire/base.py",
        'extra="forbid"',
        'extra="allow"',
        ("tests/wire/test_payloads.py::test_wire_models_name_only_allowed_fields",),
    ),
    # onnxruntime tells its maker of each session.
    Sabotage(
        "telemetry",
        "agent/__init__.py",
        'os.environ["ORT_DISABLE_TELEMETRY"] = "1"',
        'os.environ.setdefault("ORT_DISABLE_TELEMETRY", "0")',
        ("tests/test_privacy.py",),
    ),
    # The running agent leaves a picture behind.
    Sabotage(
        "running-agent-writes-a-picture",
        "agent/app/run.py",
        "        self._visibility_log.log(step.visibility, at)\n        self._update_figures(step)\n",
        "        self._visibility_log.log(step.visibility, at)\n        self._update_figures(step)\n"
        "        if isinstance(step.frame, Frame):\n"
        '            step.frame.image.tofile(self._stage.config.log.path.with_name("last.bgr"))\n',
        ("tests/test_privacy.py",),
    ),
]

# --- could not see is not nobody came ----------------------------------------------------------------

# Each threshold of tampering, one that is too far away to be reached in time, and the tests that hold it.
_DARK_LEVEL = """dark_level: Annotated[
        float, Field(gt=0, lt=255), otherwise("give a grey level between 0 (black) and 255 (white)")
    ]"""
_THRESHOLDS = {
    "tests/vision/test_tamper_thresholds.py": (
        ("covered_ratio: _Share", "0.1", "0.01"),
        ("covered_after_s: _After", "5.0", "50.0"),
        (_DARK_LEVEL, "40.0", "4.0"),
        ("dark_after_s: _After", "5.0", "50.0"),
        ("blurred_ratio: _Share", "0.3", "0.03"),
        ("blurred_after_s: _After", "5.0", "50.0"),
        ("frozen_ratio: _Share", "0.1", "0.0"),
        ("frozen_after_s: _After", "4.0", "40.0"),
        ("identical_after_s: _Slowly", "300.0", "3000.0"),
        ("restored_after_s: _After", "3.0", "30.0"),
    ),
    "tests/vision/test_tamper.py::test_update_tampered": (
        ("moved_ratio: _Share", "0.6", "0.06"),
        ("moved_after_s: _After", "5.0", "50.0"),
    ),
}

_BLINDNESS = [
    # A look away through blindness: visits go on as if they had been seen.
    Sabotage(
        "visits-go-on-through-blindness",
        "agent/pipeline.py",
        'events += [event for rule in placing.rules for event in rule.close(frame.at, "blind")]',
        "events += []",
        ("tests/test_pipeline.py::test_blind_ends_every_visit",),
    ),
    # On a first sign of blindness 'nobody' is believed.
    Sabotage(
        "nobody-is-believed-on-suspicion",
        "agent/pipeline.py",
        "if detections or not visibility.suspected:",
        "if True:",
        ("tests/test_pipeline.py",),
    ),
    # Persons are followed through a camera that was covered.
    Sabotage(
        "tracks-go-on-through-blindness",
        "agent/pipeline.py",
        "            tracker.reset()\n",
        "",
        ("tests/test_pipeline.py::test_blind_tracks_are_nobodys",),
    ),
    # The motion after blindness is compared with what was before it.
    Sabotage(
        "attention-goes-on-through-blindness",
        "agent/pipeline.py",
        "            attention.reset()\n",
        "",
        ("tests/app/test_look_after_blindness.py",),
    ),
    # A camera that gives no frames sees.
    Sabotage(
        "no-frame-is-no-blindness",
        "agent/pipeline.py",
        'else Visibility("lost", frame.since)',
        "else Visibility(None, frame.since)",
        ("tests/app/test_look_after_blindness.py",),
    ),
    # After a start the first good frame ends a spell of before.
    Sabotage(
        "restart-believes-the-first-frame",
        "agent/presence/camera.py",
        "_SURE_S = 3.0",
        "_SURE_S = 0.0",
        ("tests/presence/test_camera.py",),
    ),
    # Blindness is told, and never as long as it was.
    Sabotage(
        "blind-for-no-time",
        "agent/presence/camera.py",
        "blind_s=max(0.0, at.monotonic_s - blindness.since.monotonic_s)",
        "blind_s=0.0",
        ("tests/presence/test_camera.py",),
    ),
    # Each threshold of tampering is the one that is written down.
    *(
        Sabotage(
            f"tamper-{field.partition(':')[0].replace('_', '-')}",
            "agent/config/models.py",
            f"    {field} = {value}\n",
            f"    {field} = {worse}\n",
            (test,),
        )
        for test, fields in _THRESHOLDS.items()
        for field, value, worse in fields
    ),
]

# --- counts, durations, sides ------------------------------------------------------------------------

_COUNTS = [
    Sabotage(
        "line-sides-swapped",
        "agent/presence/line.py",
        "> 0 else -1\n    across",
        "> 0 else 1\n    across",
        ("tests/presence/test_line.py",),
    ),
    # A line ends where it ends.
    Sabotage(
        "line-is-endless",
        "agent/presence/line.py",
        "through = crossed and -_END <= walker.places / walker.over <= 1 + _END",
        "through = crossed",
        ("tests/presence/test_line.py",),
    ),
    # Who sways on the line goes through it again and again.
    Sabotage(
        "line-without-a-band",
        "agent/presence/line.py",
        "_BAND_RATIO = 0.2\n_BAND_PX = 2.0",
        "_BAND_RATIO = 0.0\n_BAND_PX = 0.0",
        ("tests/presence/test_line.py",),
    ),
    # Passers-by are visits.
    Sabotage(
        "zone-min-dwell",
        "agent/presence/zone.py",
        "stay_s >= zone.min_dwell_s",
        "stay_s >= 0",
        ("tests/presence/test_zone.py",),
    ),
    # Who is hidden for a moment leaves and comes again.
    Sabotage(
        "zone-grace",
        "agent/presence/zone.py",
        "_GRACE_S = 1.0\n#",
        "_GRACE_S = 0.0\n#",
        ("tests/presence/test_zone.py",),
    ),
    Sabotage(
        "zone-grace-unseen",
        "agent/presence/zone.py",
        "_UNSEEN_GRACE_S = 3.0",
        "_UNSEEN_GRACE_S = 30.0",
        ("tests/presence/test_zone.py",),
    ),
    # The dwell is told up to the telling, and not up to the last sighting.
    Sabotage(
        "zone-dwell-up-to-now",
        "agent/presence/zone.py",
        "dwell_s=visit.stay_s",
        "dwell_s=at.monotonic_s - visit.since.monotonic_s",
        ("tests/presence/test_zone.py",),
    ),
    Sabotage(
        "zone-occupied-up-to-now",
        "agent/presence/zone.py",
        "occupied_s=self._occupied_until.monotonic_s - since.monotonic_s",
        "occupied_s=at.monotonic_s - since.monotonic_s",
        ("tests/presence/test_zone.py",),
    ),
    # A zone that is drawn anew goes on where it was; or was there already before it was drawn.
    Sabotage(
        "zone-changed-goes-on-as-before",
        "agent/presence/track_rule.py",
        "        if shape != self.shape:\n            self.lay(shape, at)\n        return True\n",
        "        return True\n",
        ("tests/presence/test_zone_changed.py",),
    ),
    Sabotage(
        "zone-changed-was-always-there",
        "agent/presence/track_rule.py",
        "self.shape, self.from_s = shape, at.monotonic_s",
        "self.shape, self.from_s = shape, -inf",
        ("tests/presence/test_zone_changed.py",),
    ),
    # A state is told each second, and since then.
    Sabotage(
        "state-of-a-line-is-always-new",
        "agent/presence/ledger_rules.py",
        "if (before.in_count, before.out_count) == (ins, outs):",
        "if False:",
        ("tests/presence/test_states.py",),
    ),
    # After a kill between two of them, only the first rule's quarter is ever told.
    Sabotage(
        "quarter-of-one-is-of-all",
        "agent/presence/summary.py",
        "if due.aggregate.rule == event.rule:",
        "if True:",
        ("tests/presence/test_states.py",),
    ),
    # What an unknown clock told lies in the quarters of 1970, or of today.
    Sabotage(
        "visits-of-an-unknown-clock",
        "agent/presence/intervals.py",
        'if epoch == "unknown":',
        "if False:",
        ("tests/presence/test_aggregates.py::test_visit_of_an_epoch",),
    ),
    # A desk that is left is told as left only much later.
    Sabotage(
        "counter-patience",
        "agent/presence/counter.py",
        "_PATIENCE_S = 2.0",
        "_PATIENCE_S = 20.0",
        ("tests/presence/test_counter.py",),
    ),
    # While nobody knows what time it is it is judged by working hours all the same.
    Sabotage(
        "counter-judged-by-a-wrong-clock",
        "agent/presence/counter.py",
        "if not (self.context.hours.always_open or at.synced):",
        "if False:",
        ("tests/presence/test_summary.py::test_unsynchronised_start",),
    ),
    Sabotage(
        "after-hours-judged-by-a-wrong-clock",
        "agent/presence/after_hours.py",
        "if self._hours.always_open or not at.synced:",
        "if self._hours.always_open:",
        ("tests/presence/test_after_hours.py",),
    ),
]

# --- waits, crowds and long stays --------------------------------------------------------------------

_WAITS = [
    # The staff waits before its own desk; so does who is on the way there as a quarter ends.
    Sabotage(
        "waits-of-the-staff",
        "agent/presence/waiting.py",
        "known = np.array([*self._staff.tracks, *map(hash, going_on)], np.int64)",
        "known = np.array([0 for _ in (*self._staff.tracks, *going_on)], np.int64)",
        ("tests/presence/test_waiting.py",),
    ),
    Sabotage(
        "waits-known-too-soon",
        "agent/presence/counter.py",
        "(max(left_s, ON_THE_WAY_S) if self._public else left_s)",
        "left_s",
        ("tests/presence/test_waiting.py",),
    ),
    Sabotage(
        "waits-of-the-staff-now",
        "agent/presence/waiting.py",
        "if after is None or self._staff.includes(track, after):",
        "if after is None:",
        ("tests/presence/test_waiting.py",),
    ),
    # Nobody knows how long they would have waited.
    Sabotage(
        "waits-cut-off-by-blindness",
        "agent/presence/visits.py",
        '_LEFT = frozenset({"seen", "lost"})',
        '_LEFT = frozenset({"seen", "lost", "blind"})',
        ("tests/presence/test_waiting.py",),
    ),
    Sabotage(
        "waits-where-they-began",
        "agent/presence/visits.py",
        "logged_ms(self.done.starts.utc_s) + np.asarray(self.dwell_ms)",
        "logged_ms(self.done.starts.utc_s) + 0 * np.asarray(self.dwell_ms)",
        ("tests/presence/test_waiting.py",),
    ),
    Sabotage(
        "waits-rank",
        "agent/presence/waiting.py",
        "sorted_ms[-(-percent * len(sorted_ms) // 100) - 1]",
        "sorted_ms[min(percent * len(sorted_ms) // 100, len(sorted_ms) - 1)]",
        ("tests/presence/test_waiting.py",),
    ),
    # A crowd ends while one takes another's place; two overlap; one that a kill cut off goes on for ever.
    Sabotage(
        "crowd-without-those-not-reported-yet",
        "agent/presence/crowd.py",
        "if self._spell and held < least:",
        "if self._spell and len(stays) < least:",
        ("tests/presence/test_crowd.py",),
    ),
    Sabotage(
        "crowd-over-the-one-before",
        "agent/presence/crowd.py",
        "since = later(since, self._ended) if self._ended else since",
        "since = later(since, since)",
        ("tests/presence/test_crowd.py",),
    ),
    Sabotage(
        "crowd-by-those-held",
        "agent/presence/crowd.py",
        "if spell.until.monotonic_s - spell.since.monotonic_s >= self._zone.crowd_after_s:",
        "if at.monotonic_s - spell.since.monotonic_s >= self._zone.crowd_after_s:",
        ("tests/presence/test_crowd.py",),
    ),
    Sabotage(
        "crowd-of-before-a-start",
        "agent/presence/aggregates.py",
        "        if self.crowded:\n",
        "        if self.crowded and self.known:\n",
        ("tests/app/test_restart_of_days.py",),
    ),
    Sabotage(
        "crowd-of-a-number-nobody-asks-for",
        "agent/presence/crowd.py",
        "            self._spell.stopped = True\n",
        "            pass\n",
        ("tests/presence/test_crowd.py",),
    ),
    # Told at every frame.
    Sabotage(
        "overstayed-again",
        "agent/presence/zone.py",
        "visit.overstayed = True",
        "visit.overstayed = False",
        ("tests/presence/test_crowd.py",),
    ),
]

# --- time --------------------------------------------------------------------------------------------

_TIME = [
    # A clock that was right a month ago is believed.
    Sabotage(
        "clock-holds",
        "agent/device/clock.py",
        "_HOLDS_S = 7 * 86_400.0",
        "_HOLDS_S = 70 * 86_400.0",
        ("tests/device/test_clock.py",),
    ),
    # A step does not make it doubtful.
    Sabotage(
        "clock-step",
        "agent/device/clock.py",
        "_STEP = timedelta(seconds=1)",
        "_STEP = timedelta(days=1)",
        ("tests/device/test_clock.py",),
    ),
    Sabotage(
        "clock-timesyncd",
        "agent/device/clock.py",
        "_TIMESYNCD_S = 2 * 3600",
        "_TIMESYNCD_S = 200 * 3600",
        ("tests/device/test_clock.py",),
    ),
    Sabotage(
        "clock-set-step",
        "agent/presence/clock.py",
        "_STEP_S = 1.0",
        "_STEP_S = 10.0",
        ("tests/presence/test_summary.py::test_clock_steps",),
    ),
    # The kernel's flag is not asked for.
    Sabotage(
        "clock-always-synced",
        "agent/device/clock.py",
        "return code != _TIME_ERROR and not timex.status & _STA_UNSYNC",
        "return True",
        ("tests/device/test_clock.py",),
    ),
]

# --- delivery ----------------------------------------------------------------------------------------

_DELIVERY = [
    # An event counts as taken when it is sent.
    Sabotage(
        "outbox-refused-is-taken",
        "agent/mqtt/outbox.py",
        "            self._held[seq] = topic\n",
        "            self._done.add(seq)\n",
        ("tests/mqtt/test_outbox.py",),
    ),
    # What a broken connection took along is not sent again.
    Sabotage(
        "outbox-unanswered-is-taken",
        "agent/mqtt/outbox.py",
        "        self._sending.clear()\n",
        "        self._done.update(seq for seq, _ in self._sending.values())\n"
        "        self._sending.clear()\n",
        ("tests/mqtt/test_outbox.py",),
    ),
    # An older event that the broker has not taken is passed over.
    Sabotage(
        "outbox-passes-over-a-gap",
        "agent/mqtt/outbox.py",
        "        while self._delivered + 1 in self._done:\n",
        "        self._delivered = max([self._delivered, *self._done])\n"
        "        while self._delivered + 1 in self._done:\n",
        ("tests/mqtt/test_outbox.py",),
    ),
    # A number is used again when the newest event was deleted.
    Sabotage(
        "seq-used-again",
        "agent/eventlog/log.py",
        "last_seq, through = self.last_seq, min(through_seq, self.last_seq - 1)",
        "last_seq, through = self.last_seq, min(through_seq, self.last_seq)",
        ("tests/eventlog/test_retention.py",),
    ),
    # Nobody learns that events went that nobody had.
    Sabotage(
        "dropped-events-are-not-told",
        "agent/eventlog/retention.py",
        "log.delete(through, dropped if self._limits.delivers and reports else None)",
        "log.delete(through, None)",
        ("tests/eventlog/test_retention.py",),
    ),
    # An alarm at night for what happened in the afternoon.
    Sabotage(
        "late-flag",
        "agent/mqtt/sending.py",
        "made_late(entry.body) if late else entry.body",
        "entry.body",
        ("tests/mqtt/test_late.py",),
    ),
    Sabotage(
        "late-after",
        "agent/mqtt/sending.py",
        "_LATE_S = 30.0",
        "_LATE_S = 300.0",
        ("tests/mqtt/test_late.py",),
    ),
    # A count of a rule that is gone stays for ever.
    Sabotage(
        "states-of-gone-rules",
        "agent/mqtt/session.py",
        'self._publish(Message(f"{self.identity.root}/state/{rule}", "", retain=True))',
        "pass",
        ("tests/mqtt/test_session.py",),
    ),
    # Any login that guesses the id throws the agent out.
    *(
        Sabotage(f"client-id-{name}", file, old, new, ("tests/deploy/test_taken_over.py",))
        for name, file, old, new in (
            (
                "without-a-secret",
                "agent/wire/client.py",
                'return f"presence-{site}-{name}-{secret}"',
                'return f"presence-{site}-{name}"',
            ),
            (
                "of-the-log",
                "agent/app/publishing.py",
                "client_id(site, name, self._failover.client_secret)",
                "client_id(site, name, self._failover.log.log_id)",
            ),
        )
    ),
    Sabotage(
        "client-id-of-the-log-in-memory",
        "agent/eventlog/failover.py",
        "return self._card.client_secret",
        "return self._log.client_secret",
        ("tests/mqtt/test_client_id.py",),
    ),
    # The old connection of a device whose log was damaged is taken for another agent.
    Sabotage(
        "late-will-of-an-earlier-log",
        "agent/mqtt/identity.py",
        "if not presence.online and presence.session in publish_state.met:",
        "if False:",
        ("tests/deploy/test_taken_over.py",),
    ),
    # A copy of a card is told in a flood of lines, or not at all.
    Sabotage(
        "each-drop-is-told",
        "agent/mqtt/publisher.py",
        "elif taken is None or not self._drops.unsteady:",
        "else:",
        ("tests/deploy/test_taken_over.py",),
    ),
    # The agent vanishes, and its counts are believed.
    Sabotage(
        "no-will",
        "agent/mqtt/publisher.py",
        "Connection(self._broker, self._client_id, identity.status(will))",
        "Connection(self._broker, self._client_id)",
        ("tests/mqtt/test_publisher.py::test_killed_publisher_is_lost",),
    ),
    Sabotage(
        "will-is-not-retained",
        "agent/mqtt/connection.py",
        "qos=1, retain=will.retain)",
        "qos=1, retain=False)",
        ("tests/mqtt/test_publisher.py::test_killed_publisher_is_lost",),
    ),
    # A state is told before its event.
    Sabotage(
        "state-before-its-event",
        "agent/mqtt/session.py",
        "event_sent = self.publish_state.current.sent_seq >= state.seq or not self.proven",
        "event_sent = True",
        ("tests/mqtt/test_publisher.py::test_event_goes_before_its_state",),
    ),
    Sabotage(
        "states-without-a-bound",
        "agent/mqtt/session.py",
        "STATE_EVERY_S = 1.0",
        "STATE_EVERY_S = 0.1",
        ("tests/mqtt/test_publisher.py::test_state_at_most_once_a_second",),
    ),
    # Health older than 180 s says nothing any more.
    Sabotage(
        "health-heartbeat",
        "agent/mqtt/session.py",
        "HEALTH_EVERY_S = 60.0",
        "HEALTH_EVERY_S = 600.0",
        ("tests/mqtt/test_promises.py",),
    ),
    # `offline` within about 45 s.
    Sabotage(
        "keepalive",
        "agent/wire/client.py",
        "KEEPALIVE_S: Final = 30",
        "KEEPALIVE_S: Final = 300",
        ("tests/mqtt/test_promises.py",),
    ),
    Sabotage(
        "silent-broker",
        "agent/mqtt/connection.py",
        "ANSWER_WITHIN_S = 20",
        "ANSWER_WITHIN_S = 200",
        ("tests/mqtt/test_promises.py",),
    ),
    # 311 acknowledges what it refuses: events are sent into the void.
    Sabotage(
        "rights-are-not-proven",
        "agent/mqtt/session.py",
        "self.proven = self.identity.broker.protocol == MQTT_5",
        "self.proven = True",
        ("tests/mqtt/test_publisher.py::test_rights_not_proven_in_311",),
    ),
    # A copy of a card goes on under numbers that are another's.
    Sabotage(
        "copied-log-goes-on",
        "agent/mqtt/identity.py",
        'return "copied"',
        'return "earlier_start"',
        ("tests/mqtt/test_session.py::test_log_that_went_on_elsewhere_is_not_sent",),
    ),
    Sabotage(
        "replay-of-more-than-a-thousand",
        "agent/wire/commands.py",
        "MOST_EVENTS = 1000",
        "MOST_EVENTS = 100_000",
        ("tests/mqtt/test_session.py::test_replay_at_most_a_thousand",),
    ),
    Sabotage(
        "replays-that-wait",
        "agent/mqtt/replays.py",
        "_WAITING = 4",
        "_WAITING = 4000",
        ("tests/mqtt/test_promises.py",),
    ),
    Sabotage(
        "retained-replay-request",
        "agent/mqtt/replays.py",
        "if message.retain:",
        "if False:",
        ("tests/mqtt/test_session.py::test_replay_request_ignored",),
    ),
]

# --- what is kept ------------------------------------------------------------------------------------

_KEEPING = [
    # After an update with one more lasting type no device older than two days would start again.
    Sabotage(
        "log-index-named-by-no-content",
        "agent/eventlog/lasting.py",
        "sha256(_content().encode())",
        "sha256(bytes())",
        ("tests/eventlog/test_forms.py",),
    ),
    # The version before, put back, could never start again.
    Sabotage(
        "log-form-after-its-index-is-dropped",
        "agent/eventlog/schema.py",
        '            replace_index(db)\n            db.execute(f"PRAGMA user_version = {FORM}")\n',
        "            replace_index(db)\n",
        ("tests/eventlog/test_forms.py",),
    ),
    # A power cut takes what was published already.
    Sabotage(
        "log-synchronous",
        "agent/eventlog/schema.py",
        "PRAGMA synchronous = FULL",
        "PRAGMA synchronous = NORMAL",
        ("tests/eventlog/test_log.py::test_open_is_durable",),
    ),
    Sabotage(
        "store-synchronous",
        "agent/central/store.py",
        '"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"',
        '"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"',
        ("tests/central/test_store.py",),
    ),
    # What is acknowledged is not stored yet.
    Sabotage(
        "subscriber-acknowledges-first",
        "agent/mqtt/connection.py",
        "manual_ack=keep_session_s is not None",
        "manual_ack=False",
        ("tests/mqtt/test_subscriber.py",),
    ),
    # The same event twice is two.
    Sabotage(
        "store-keeps-doubles",
        "agent/central/store.py",
        "INSERT OR IGNORE INTO event",
        "INSERT OR REPLACE INTO event",
        ("tests/central/test_store.py",),
    ),
    Sabotage(
        "store-of-two-writers",
        "agent/central/store.py",
        "fcntl.LOCK_EX | fcntl.LOCK_NB",
        "fcntl.LOCK_SH | fcntl.LOCK_NB",
        ("tests/central/test_receiver.py::test_store_in_use",),
    ),
    Sabotage(
        "log-of-two-agents",
        "agent/eventlog/lock.py",
        "fcntl.LOCK_EX | fcntl.LOCK_NB",
        "fcntl.LOCK_SH | fcntl.LOCK_NB",
        ("tests/eventlog/test_log.py::test_open_in_other_process_busy",),
    ),
    # A state of an agent that fell silent is known.
    Sabotage(
        "silent-agent-is-known",
        "agent/central/schema.py",
        "STALE_S = 180",
        "STALE_S = 18_000",
        ("tests/central/test_receiver.py::test_state_of_a_silent_agent_is_unknown",),
    ),
    # Nothing says for how long a day is: more goes than should.
    Sabotage(
        "retention-day",
        "agent/eventlog/retention.py",
        "_DAY_MS = 86_400_000",
        "_DAY_MS = 8_640_000",
        ("tests/eventlog/test_retention.py",),
    ),
    Sabotage(
        "retention-mb",
        "agent/eventlog/retention.py",
        "keep_mb * _MB, delivers)",
        "10 * keep_mb * _MB, delivers)",
        ("tests/eventlog/test_retention.py",),
    ),
    # What an unsynced clock says is believed when events are deleted.
    Sabotage(
        "retention-by-a-wrong-clock",
        "agent/eventlog/retention.py",
        "if not through and at.synced:",
        "if not through:",
        ("tests/eventlog/test_retention.py",),
    ),
    # What was open when the agent was killed ends ten minutes too early.
    Sabotage(
        "failover-notes",
        "agent/eventlog/failover.py",
        "_NOTE_S = 60.0",
        "_NOTE_S = 600.0",
        ("tests/mqtt/test_promises.py",),
    ),
    # The card is not tried again.
    Sabotage(
        "failover-looks",
        "agent/eventlog/failover.py",
        "_CHECK_S = 60.0",
        "_CHECK_S = 6000.0",
        ("tests/eventlog/test_failover.py",),
    ),
]

# --- who is on the other end, and what runs here -----------------------------------------------------

_TRUST = [
    # Whoever has any certificate is the broker.
    Sabotage(
        "tls-any-host",
        "agent/mqtt/tls.py",
        "    context.minimum_version = ssl.TLSVersion.TLSv1_2\n",
        "    context.minimum_version = ssl.TLSVersion.TLSv1_2\n    context.check_hostname = False\n",
        ("tests/mqtt/test_connection.py::test_tls_certificate_wrong",),
    ),
    Sabotage(
        "tls-any-certificate",
        "agent/mqtt/tls.py",
        "    context.minimum_version = ssl.TLSVersion.TLSv1_2\n",
        "    context.minimum_version = ssl.TLSVersion.TLSv1_2\n    context.check_hostname = False\n"
        "    context.verify_mode = ssl.CERT_NONE\n",
        ("tests/mqtt/test_connection.py::test_tls_certificate_wrong",),
    ),
    Sabotage(
        "tls-of-long-ago",
        "agent/mqtt/tls.py",
        "ssl.TLSVersion.TLSv1_2",
        "ssl.TLSVersion.MINIMUM_SUPPORTED",
        ("tests/mqtt/test_promises.py",),
    ),
    # Plain MQTT where TLS was asked for.
    Sabotage(
        "tls-falls-back",
        "agent/mqtt/connection.py",
        "        if broker.tls:\n            self._client",
        "        if broker.tls and broker.ca_file:\n            self._client",
        ("tests/mqtt/test_promises.py",),
    ),
    # Weights that somebody changed.
    Sabotage(
        "weights-of-any-content",
        "agent/install/manifest.py",
        "return len(content) == self.size_bytes and digest(content) == self.sha256",
        "return len(content) == self.size_bytes",
        ("tests/install/test_manifest.py",),
    ),
    Sabotage(
        "prepared-model-of-any-content",
        "agent/install/prepare.py",
        "if _certified(path) == digest(path.read_bytes())[:16]:",
        "if _certified(path):",
        ("tests/install/test_prepare.py::test_prepared_model_damaged",),
    ),
    # Half a file under its name after a power cut.
    Sabotage(
        "weights-are-not-synced",
        "agent/install/atomic.py",
        "            os.fsync(file.fileno())\n",
        "",
        ("tests/install/test_atomic.py",),
    ),
    Sabotage(
        "weights-folder-is-not-synced",
        "agent/install/atomic.py",
        "        os.fsync(directory)\n",
        "        pass\n",
        ("tests/install/test_atomic.py",),
    ),
    # Systemd starts a wrong configuration again and again.
    # Systemd starts a wrong configuration, a missing source, wrong weights again and again.
    *(
        Sabotage(
            f"exit-code-{name}",
            "agent/errors.py",
            f"{last}\n\n    exit_code = 2\n",
            f"{last}\n\n    exit_code = 1\n",
            ("tests/cli/test_errors.py",),
        )
        for name, last in (
            ("configuration", '`problems` has one sentence for each."""'),
            ("source", 'recording or camera that can\'t be read at all."""'),
            ("weights", 'cut off, or not the ones the manifest names."""'),
            ("busy", 'Another agent already runs with this event log."""'),
        )
    ),
    # The watchdog is fed though no frame goes through.
    Sabotage(
        "watchdog-fed-without-frames",
        "agent/app/run.py",
        "        elif self._systemd.is_ready:\n            self._systemd.no_frame()\n",
        "        elif self._systemd.is_ready:\n            self._systemd.frame_went_through()\n",
        ("tests/app/test_watchdog.py",),
    ),
    # A second signal does not end what hangs.
    Sabotage(
        "second-signal",
        "agent/device/signals.py",
        "            os._exit(128 + number)\n",
        "            pass\n",
        ("tests/device/test_signals.py",),
    ),
]

# --- health ------------------------------------------------------------------------------------------

_HEALTH = [
    # Figures that never change, one at a time: what they are in the payload, and what they become.
    *(
        Sabotage(
            f"health-{field.replace('_', '-')}",
            "agent/health/monitor.py",
            f"            {field}={value},\n",
            f"            {field}={constant},\n",
            ("tests/health/test_rates.py",),
        )
        for field, value, constant in (
            ("uptime_s", "int(time.monotonic() - self._begin_s)", "0"),
            ("fps_captured", "speed.frames_per_s", "10.0"),
            ("fps_looked_at", "speed.looks_per_s", "speed.frames_per_s"),
            ("inference_p50_ms", "speed.inference_ms[0]", "speed.inference_ms[1]"),
            ("inference_p95_ms", "speed.inference_ms[1]", "speed.inference_ms[0]"),
            ("event_latency_p95_ms", "speed.latency_p95_ms", "None"),
            ("motion_ratio", "speed.motion_ratio", "0.0"),
            ("camera", '(self._cause or "ok") if self._at else None', '"ok"'),
            ("stalls", "stalls.stalls if stalls else None", "0"),
            ("recoveries", "stalls.recoveries if stalls else None", "stalls.stalls if stalls else None"),
            ("first_seq", "log.first_seq", "1"),
            ("last_seq", "log.last_seq", "log.first_seq"),
            ("pending", "facts.pending", "0"),
            ("log_mb", "round(log.size_bytes / 1e6, 1)", "round(log.size_bytes / 1e9, 1)"),
            ("log_volatile", "self.volatile", "False"),
            ("no_subscriber", "facts.no_subscriber", "0"),
            ("clock", '"synced" if at.synced else "unsynced"', '"synced"'),
        )
    ),
    # The same for those of the machine.
    *(
        Sabotage(
            f"health-{field.replace('_', '-')}",
            "agent/health/monitor.py",
            "    return figures | {",
            f'    figures["{field}"] = {constant}\n    return figures | {{',
            ("tests/health/test_rates.py",),
        )
        for field, constant in (
            ("temp_c", "None"),
            ("under_voltage", "False"),
            ("mem_free_mb", "found.disk_free_mb"),
            ("disk_free_mb", "found.mem_free_mb"),
        )
    ),
    Sabotage(
        "health-rss-mb",
        "agent/wire/health.py",
        'Figure(121, read="agent.device.machine:rss_mb")',
        'Figure(121, read="agent.device.machine:mem_free_mb")',
        ("tests/health/test_monitor.py",),
    ),
    # Faults that are never found.
    *(
        Sabotage(
            f"health-reason-{reason.replace('_', '-')}",
            "agent/health/monitor.py",
            f'            "{reason}": {found},\n',
            f'            "{reason}": False,\n',
            ("tests/health/test_monitor.py", "tests/health/test_rates.py"),
        )
        for reason, found in (
            ("clock_unsynced", "not at.synced"),
            ("log_volatile", "self.volatile"),
            ("disk_low", "beyond(now.disk_free_mb, *_DISK_FREE_MB)"),
            ("memory_low", "beyond(now.mem_free_mb, *_MEM_FREE_MB)"),
            ("broker_lost", "self._is_cut_off()"),
            ("broker_refuses", "self._refused"),
            ("refusals_unseen", "not self._refusals_seen"),
            ("too_slow", "self._is_slow()"),
            ("too_hot", "beyond(now.temp_c, *_TEMP_C)"),
            ("throttled", "now.throttled is not None and machine.slowed_now(now.throttled)"),
            ("under_voltage", "bool(now.under_voltage)"),
            ("card_errors", "bool(now.card_errors)"),
        )
    ),
    # A camera that gives nothing is merely degraded.
    Sabotage(
        "health-lost-camera-is-degraded",
        "agent/health/reasons.py",
        'frozenset({"camera_lost", "camera_frozen"})',
        'frozenset({"camera_frozen"})',
        ("tests/health/test_monitor.py",),
    ),
    Sabotage(
        "health-covered-camera-is-fine",
        "agent/health/monitor.py",
        '    "covered": "camera_covered",\n',
        '    "covered": "camera_dark",\n',
        ("tests/health/test_rates.py",),
    ),
    Sabotage(
        "health-moved-camera-is-fine",
        "agent/health/monitor.py",
        '    "moved": "camera_moved",\n',
        '    "moved": "camera_blurred",\n',
        ("tests/health/test_rates.py",),
    ),
]

# --- the sandbox -------------------------------------------------------------------------------------


def _lines_of(unit: str) -> list[Sabotage]:
    """Each line between the service's head and its end that keeps it in its place, taken away."""
    file = f"systemd/{unit}.service"
    text = (ROOT / file).read_text()
    found = [line for line in text.splitlines() if line.partition("=")[0] in _WALLS]
    return [
        Sabotage(
            f"unit {unit.removeprefix('presence-')} {line}",
            file,
            f"\n{line}\n",
            "\n",
            ("tests/systemd/test_sandbox.py",),
        )
        for line in found
    ]


_WALLS = frozenset(
    {
        "AmbientCapabilities",
        "CapabilityBoundingSet",
        "DevicePolicy",
        "IPAddressDeny",
        "CoredumpFilter",
        "KeyringMode",
        "LockPersonality",
        "MemoryDenyWriteExecute",
        "MemoryMax",
        "NoNewPrivileges",
        "PrivateDevices",
        "PrivateMounts",
        "PrivateNetwork",
        "PrivateTmp",
        "PrivateUsers",
        "ProtectClock",
        "ProtectControlGroups",
        "ProtectHome",
        "ProtectHostname",
        "ProtectKernelLogs",
        "ProtectKernelModules",
        "ProtectKernelTunables",
        "ProtectProc",
        "ProtectSystem",
        "RemoveIPC",
        "RestartPreventExitStatus",
        "RestrictAddressFamilies",
        "RestrictNamespaces",
        "RestrictRealtime",
        "RestrictSUIDSGID",
        "RuntimeDirectoryMode",
        "StateDirectoryMode",
        "SystemCallArchitectures",
        "SystemCallErrorNumber",
        "SystemCallFilter",
        "TasksMax",
        "User",
        "WatchdogSec",
    }
)

_SANDBOX = [
    sabotage
    for unit in ("presence-agent", "presence-agent-check", "presence-agent-credentials")
    for sabotage in _lines_of(unit)
]

SABOTAGES = [
    *_FOUND,
    *_PRIVACY,
    *_BLINDNESS,
    *_COUNTS,
    *_WAITS,
    *_TIME,
    *_DELIVERY,
    *_KEEPING,
    *_TRUST,
    *_HEALTH,
    *_SANDBOX,
]
