#!/usr/bin/env bash
# A jobstream worker in bash and psql alone: it claims the jobs of one queue one by one, renews their leases, reports
# progress, completes or fails them, and gives back what it holds when it is told to stop.
#
#     JOBSTREAM_DATABASE_URL=postgresql://… examples/worker.sh QUEUE
#
# The login needs the role jobstream_work and nothing else. LEASE is the lease in seconds (30).
#
# Each kind of job is a function do_KIND, run in a process of its own. `arg NAME` gives it an argument, `progress CURRENT
# TOTAL STEP` says how far it is. What it prints is the result, JSON; if it returns anything but 0, the attempt has failed,
# and what it wrote to stderr is the error. It must expect to be killed: when its lease is lost, when a cancel was asked.
set -uo pipefail

queue=${1:?usage: worker.sh QUEUE}
lease=${LEASE:-30}
worker=${HOSTNAME:-bash}/$$
export PGAPPNAME=worker.sh
scratch=$(mktemp -d)
export scratch
trap 'rm -rf "$scratch"' EXIT
id='' attempt=0 kind='' handler='' stopping=''

# {"path": …}: the SHA-256 of a file.
do_checksum() {
    local path sum
    path=$(arg path) || return
    progress 0 1 "reading $path" || return
    sum=$(sha256sum <"$path") || return
    printf '"%s"' "${sum%% *}"
}

# {"seconds": 60}: nothing, for that long.
do_nap() {
    local seconds second
    seconds=$(arg seconds) || return
    for ((second = 1; second <= seconds; second++)); do
        sleep 1
        progress "$second" "$seconds" || return
    done
}

# Runs the SQL on stdin; prints rows, columns parted by tabs. Ends with 3 if it was refused (stderr names the code), with 2
# if the server is gone. :'id', :'attempt' and the like stand for values; -v NAME=VALUE adds some.
sql() {
    psql ${JOBSTREAM_DATABASE_URL:+"$JOBSTREAM_DATABASE_URL"} -XAtq -F $'\t' -v ON_ERROR_STOP=1 -v VERBOSITY=sqlstate \
        -v queue="$queue" -v worker="$worker" -v lease="$lease seconds" -v id="$id" -v attempt="$attempt" "$@" -f -
}

CLAIM="select id, attempt, kind, args from jobstream.claim(array[:'queue'], 1, :'worker', :'lease')"
RENEW="select lost or cancel_requested from jobstream.heartbeat(array[:'id'], array[:'attempt']::integer[], :'lease')"
PROGRESS="select from jobstream.report_progress(:'id', :'attempt', :'current', :'total', nullif(:'step', ''))"
RELEASE="select jobstream.release(:'id', :'attempt', :'delay')"
# Values of any length come out of files: the length of an argument is limited.
ARG="\\set args \`cat \"\$scratch/args\"\`
select :'args'::jsonb ->> :'name'"
COMPLETE="\\set result \`cat \"\$scratch/result\"\`
select jobstream.complete(:'id', :'attempt', nullif(:'result', '')::jsonb)"
FAIL="\\set error \`tail -n 20 \"\$scratch/error\"\`
select jobstream.fail(:'id', :'attempt', jsonb_build_object('type', 'Exit', 'message', :'error'))"
# That this worker is there; and what is due, in case that nobody else sees to it.
LOOK_AROUND="select from jobstream.register_worker(:'worker', :'host', :'pid', 'bash', array[:'queue'], null, 1);
select from jobstream.maintain()"

arg() { sql -v name="$1" <<<"$ARG"; }
progress() { sql -v current="$1" -v total="$2" -v step="${3:-}" <<<"$PROGRESS"; }
say() { printf '%s\n' "$*" >&2; }

# Ends process groups, if there is anything of them left.
end() { kill -TERM -- "${@/#/-}" 2>/dev/null; }

# Renews the lease as long as the handler runs, and ends the handler if it should run no more.
keep_lease() {
    while sleep $((lease / 3 + 1)); do
        [[ $(sql <<<"$RENEW") == t ]] && end "$handler"
    done
}

# Ends the attempt by a verb, which may be said again if nobody answered. A lease that was lost meanwhile (JS410) is no
# error here: somebody else has the job, and what this attempt says counts no more.
finish() {
    local said code
    until said=$(sql -v delay="${2:-0}" <<<"$1" 2>&1); code=$?; ((code != 2)); do sleep 1; done
    if [[ $said == *JS410* ]]; then
        said="lease lost" code=0
    elif ((code)); then
        printf '%s\n' "$said" >>"$scratch/error"
    fi
    say "$id $kind: $said"
    return "$code"
}

work() {
    local code renewer
    if ! declare -F "do_$kind" >/dev/null; then
        finish "$RELEASE" "10 s"
        return
    fi
    set -m # a process group each, so that all of it can be ended
    "do_$kind" >"$scratch/result" 2>"$scratch/error" </dev/null &
    handler=$!
    keep_lease &
    renewer=$!
    set +m
    [[ $stopping ]] && end "$handler"
    wait "$handler"
    code=$?
    end "$renewer" "$handler"
    wait
    if ((code == 0)) && finish "$COMPLETE"; then
        return
    elif [[ $stopping ]]; then
        finish "$RELEASE"
    else
        finish "$FAIL"
    fi
}

trap 'stopping=yes; [[ $handler ]] && end "$handler"' TERM INT
say "serves $queue as $worker"
until [[ $stopping ]]; do
    id='' attempt='' handler=''
    IFS=$'\t' read -r id attempt kind args <<<"$(sql <<<"$CLAIM")"
    if [[ $id ]]; then
        printf '%s' "$args" >"$scratch/args"
        work
    else
        sql -v host="${HOSTNAME:-}" -v pid=$$ <<<"$LOOK_AROUND" >/dev/null
        sleep 1
    fi
done
sql <<<"select from jobstream.remove_worker(:'worker')"
