#!/usr/bin/env bash
# The agent at work, without a camera: it watches a recording of a campus crossroads, and its events are printed as a
# central system would receive them from the broker. Brings what it needs, ends by itself after two minutes, and needs
# no rights beyond an ordinary user's.
#
#   bash deploy/demo.sh
#   bash deploy/demo.sh --keep              plays the recording again and again until Ctrl-C
#   bash deploy/demo.sh --broker embedded   does without mosquitto, also where it is installed
set -euo pipefail
# shellcheck source=deploy/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

keep=false
broker=mosquitto
while (($#)); do
    case $1 in
        --keep) keep=true ;;
        --broker=mosquitto | --broker=embedded) broker=${1#*=} ;;
        --broker)
            broker=${2-}
            [[ $broker == mosquitto || $broker == embedded ]] || stop "--broker takes mosquitto or embedded."
            shift
            ;;
        *)
            echo "usage: bash deploy/demo.sh [--keep] [--broker mosquitto|embedded]" >&2
            exit 2
            ;;
    esac
    shift
done

# ---- what is needed ------------------------------------------------------------------------------------------------

make_environment .venv-run @ build-@
python=$ROOT/.venv-run/bin/python
agent=$ROOT/.venv-run/bin/presence-agent
models=$(realpath "${PRESENCE_AGENT_MODELS:-$ROOT/models}")

say "Weights and recording:"
"$agent" models fetch yolox_nano yunet vtest

if [[ $broker == mosquitto ]] && ! command -v mosquitto >/dev/null && ! install_mosquitto; then
    say "mosquitto is not here and may not be installed: a broker written in Python takes its place."
    broker=embedded
fi
if [[ $broker == embedded ]]; then make_environment --alone .venv-broker broker-@; fi

# ---- what is started is ended, whatever happens ----------------------------------------------------------------------

folder=$(mktemp -d "${TMPDIR:-/tmp}/presence-demo-XXXXXX")
started=() # process ids, in the order of their start

# Ends our own processes, the youngest first, and waits for each.
end_all() {
    local i
    for ((i = ${#started[@]} - 1; i >= 0; i--)); do
        kill -TERM "${started[i]}" 2>/dev/null || true
        wait "${started[i]}" 2>/dev/null || true
    done
    started=()
}
trap 'end_all; rm -f "$folder/frame.png"' EXIT
interrupted=false
trap 'interrupted=true' INT TERM HUP

# begin COMMAND...: in the background, and out of the reach of Ctrl-C, which would otherwise end all at once and so
# lose the agent's last words; they are ended here, in order.
begin() {
    setsid "$@" &
    started+=($!)
}

# wait_until SECONDS COMMAND...
wait_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        if $interrupted; then exit 130; fi
        if ((SECONDS >= end)); then return 1; fi
        sleep 0.1
    done
}

# ---- the broker ------------------------------------------------------------------------------------------------------

port=$("$python" -P -c 'import socket
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    print(free.getsockname()[1])')
listening() { (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }

if [[ $broker == mosquitto ]]; then
    protocol=5
    cat >"$folder/broker.conf" <<CONF
listener $port 127.0.0.1
allow_anonymous true
persistence false
CONF
    begin mosquitto -c "$folder/broker.conf" >"$folder/broker.log" 2>&1
else
    protocol=311 # all that amqtt speaks
    cat >"$folder/broker.yaml" <<CONF
listeners:
  default:
    type: tcp
    bind: 127.0.0.1:$port
plugins:
  amqtt.plugins.authentication.AnonymousAuthPlugin:
    allow_anonymous: true
CONF
    begin "$ROOT/.venv-broker/bin/amqtt" -c "$folder/broker.yaml" >"$folder/broker.log" 2>&1
fi
wait_until 60 listening || stop "The broker did not start; $folder/broker.log says why."
say "Broker: $broker on 127.0.0.1:$port, only for this demonstration."

# ---- the agent and its subscribers -----------------------------------------------------------------------------------

cat >"$folder/agent.toml" <<CONF
[device]
site = "demo"
name = "crossroads"
place = "Ngã tư · crossroads"
timezone = "Asia/Ho_Chi_Minh"

[camera]
source = '$models/vtest.avi'
masks = [[[0.03, 0.18], [0.07, 0.18], [0.07, 0.25], [0.03, 0.25]]]   # a board that looks like a person

[[line]]
id = "road"                         # from the lamp post's side to the car park's
start = [0.651, 0.0]
end = [0.651, 1.0]
inside = [0.9, 0.5]

[[zone]]
id = "walkway"                      # the path between the lawns
polygon = [[0.0, 0.31], [0.5, 0.34], [0.5, 0.61], [0.28, 0.48], [0.0, 0.42]]
min_dwell_s = 1.0

[[zone]]
id = "square"                       # where the path meets the road
polygon = [[0.56, 0.33], [0.86, 0.33], [0.98, 0.52], [0.98, 0.82], [0.56, 0.64]]
min_dwell_s = 1.0

[mqtt]
host = "127.0.0.1"
port = $port
tls = false
protocol = $protocol

[log]
path = '$folder/events.db'
CONF

# Both are given the time to subscribe: what was published before is not theirs to see.
watch=("$agent" watch --broker "mqtt://127.0.0.1:$port" --protocol "$protocol")
begin "${watch[@]}" 2>"$folder/watch.log"
begin "${watch[@]}" --json >"$folder/events.jsonl" 2>"$folder/watch-json.log"
subscribed() { grep -q connected "$folder/watch.log" && grep -q connected "$folder/watch-json.log"; }
if ! wait_until 60 subscribed; then
    cat "$folder/watch.log" >&2
    stop "The subscribers did not reach the broker; the lines above and $folder/broker.log say why."
fi

say "The agent watches $models/vtest.avi at its own pace, 80 seconds. What a subscriber receives:"
$keep && say "It starts again at the end; Ctrl-C ends it."
say ""
plays=0
status=0
heard_the_end() { (($(grep -c '"agent.stopped"' "$folder/events.jsonl") >= plays)); }
while :; do
    begin "$agent" run --config "$folder/agent.toml" >>"$folder/agent.log" 2>&1
    running=${started[-1]}
    # `wait` also returns when we are told to end.
    wait "$running" || status=$?
    if $interrupted; then
        kill -TERM "$running" 2>/dev/null || true
        status=0
        wait "$running" || status=$?
    fi
    unset 'started[-1]'
    plays=$((plays + 1))
    if ((status)) || $interrupted || ! $keep; then break; fi
done
was_interrupted=$interrupted
interrupted=false # from here a second Ctrl-C ends us at once
trap - INT TERM HUP
wait_until 30 heard_the_end || true
end_all

if ((status)); then
    tail -n 5 "$folder/agent.log" >&2
    stop "The agent ended with $status; $folder/agent.log has all that it said."
fi

# ---- what there was to see -------------------------------------------------------------------------------------------

say ""
"$python" -P - "$folder/events.jsonl" <<'PYTHON' || status=$?
import collections, json, sys

with open(sys.argv[1], encoding="utf-8") as lines:
    events = [json.loads(line) for line in lines]
numbers = {event["seq"] for event in events}
missing = max(numbers, default=0) - len(numbers)
print(f"{len(events)} events were received; of the agent's numbers {missing} are missing.")
for kind, count in sorted(collections.Counter(event["type"] for event in events).items()):
    print(f"  {kind:<18} {count:>4}")
ways = collections.Counter((event["rule"], event["direction"]) for event in events if event["type"] == "line.crossed")
for rule in sorted({rule for rule, _ in ways}):
    print(f"  line {rule}: {ways[rule, 'in']} in, {ways[rule, 'out']} out")
# The agent's own beginning and end are not what the demonstration is about.
sys.exit(not any(event["rule"] != "agent" for event in events))
PYTHON

"$python" -P - "$models/vtest.avi" "$folder/frame.png" <<'PYTHON'
import sys, cv2

recording = cv2.VideoCapture(sys.argv[1])
recording.set(cv2.CAP_PROP_POS_FRAMES, 385)
cv2.imwrite(sys.argv[2], recording.read()[1])
PYTHON
"$agent" detect "$folder/frame.png" --config "$folder/agent.toml" --draw "$folder/drawn" >"$folder/frame.json"
rm -f "$folder/frame.png" # the one that is kept has the persons blurred
say "A frame with what the agent saw in it, persons blurred: $(echo "$folder"/drawn/*)"
"$agent" log plot --config "$folder/agent.toml" --events "$folder/events.jsonl" --out "$folder/events.png"
say "What happened, as a picture: $folder/events.png"
say "Configuration, events and logs of this demonstration: $folder"

if $was_interrupted; then
    $keep || exit 130
elif ((status)); then
    stop "No events were received; $folder/agent.log says what the agent did."
fi
