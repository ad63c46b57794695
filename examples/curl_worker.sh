#!/usr/bin/env bash
# A worker in curl and bash: JOBSTREAM_URL=… JOBSTREAM_TOKEN=… curl_worker.sh QUEUE. A kind of job is a function do_KIND:
# it reads the lease, prints the result (JSON), and may fail with an error on stderr. LEASE: seconds (30).
set -muo pipefail
queue=${1:?usage: curl_worker.sh QUEUE} lease=${LEASE:-30} worker=${HOSTNAME:-bash}/$$ job='' stopping=''
scratch=$(mktemp -d) && trap 'rm -rf "$scratch"' EXIT
trap 'stopping=1; [[ $job ]] && kill -- -"$job" 2>/dev/null' TERM INT

do_nap() { [[ $(cat) =~ \"seconds\":\ *([0-9.]+) ]]; sleep "${BASH_REMATCH[1]:-0.05}"; }
do_checksum() { # {"path": …}
    [[ $(cat) =~ \"path\":\ *\"([^\"]+)\" ]] && progress 0 1 reading && sum=$(sha256sum <"${BASH_REMATCH[1]}") && echo "\"${sum%% *}\""
}

post() { # PATH BODY: prints the answer; 22 is a refusal
    curl -sS --fail-with-body --retry 9 --retry-max-time 60 --retry-connrefused "$JOBSTREAM_URL/api/v1/$1" -d "@-" <<<"$2" \
        -H "Authorization: Bearer ${JOBSTREAM_TOKEN:-}" -H 'Content-Type: application/json'
}
verb() { post "jobs/$id/$1" "{\"attempt\": $attempt${2:+, $2}}"; }
progress() { verb progress "\"current\": $1, \"total\": $2, \"step\": \"$3\"" >/dev/null; }
quoted() { iconv -c -f utf-8 -t utf-8 | sed 's/[\\"]/\\&/g' | tr -s '[:cntrl:]' ' '; }
renew() { # until it is ended, or should end the job: cancelled, or no longer ours
    while sleep "$((lease / 3)).3"; do
        answer=$(verb heartbeat "\"lease_seconds\": $lease"); (($? == 22)) || [[ $answer == *'requested":true'* ]] && kill -- -"$1"
    done
}

until [[ $stopping ]]; do
    found=$(post leases "{\"queues\": [\"$queue\"], \"worker\": \"$worker\", \"lease_seconds\": $lease, \"wait\": 5}") || sleep 1
    [[ $found =~ ^.\"leases\":..\"job\":.\"id\":\"([0-9A-Z]{26})\" ]] || continue; id=${BASH_REMATCH[1]}
    [[ $found =~ \"attempt\":([0-9]+),\"lease_until\":\"[^\"]*\".]}$ ]]; attempt=${BASH_REMATCH[1]}
    [[ $found =~ \"spec\":.\"kind\":\"([^\"]+)\" ]]; kind=${BASH_REMATCH[1]}
    [[ ! $stopping ]] && declare -F "do_$kind" >/dev/null || { verb release "\"delay_seconds\": $((stopping ? 0 : 10))"; continue; }
    "do_$kind" <<<"$found" >"$scratch/result" 2>"$scratch/error" & job=$!
    renew "$job" & keeper=$!
    wait "$job"; code=$?; job=''; kill -- -"$keeper"
    if ((code == 0)); then result=$(<"$scratch/result"); verb complete "\"result\": ${result:-null}"
    elif [[ $stopping ]]; then verb release
    else verb fail "\"error\": \"exit $code: $(tail -c 2000 "$scratch/error" | quoted)\""; fi; echo " $id $kind"
done
