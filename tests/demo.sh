#!/usr/bin/env bash
# The main job, to be seen: two real clusters, one command, and a pod of one answered by a pod of the other.
#   tests/demo.sh up|down
set -euo pipefail
cd "$(dirname "$0")/.."

: "${CARGO_TARGET_DIR:?make sets it: the folder that cargo builds into}"
: "${MESHLAB_CACHE:?make sets it: the folder of what is compiled once}"
# A lab of its own: whatever else you run on this machine is left alone.
export MESHLAB_ID=${MESHLAB_ID:-demo}
programs=$CARGO_TARGET_DIR/debug
# The mesh's root is worth as little as its clusters, and goes with them.
data=$MESHLAB_CACHE/$MESHLAB_ID-data
report=$data/drill.html
# krew's folder, as ~/.krew is for a user.
export KREW_ROOT=$data/krew

say() { printf '\n== %s\n' "$*"; }

# step WHAT COMMAND…: says what is done, does it, and says how long it took.
step() {
    local what=$1 begun
    shift
    say "$what"
    begun=$(date +%s%N)
    "$@"
    printf '   %d.%d s\n' $((($(date +%s%N) - begun) / 1000000000)) $((($(date +%s%N) - begun) / 100000000 % 10))
}

down() {
    if [ -x "$programs/meshlab" ]; then
        "$programs/meshlab" down
    fi
    rm -rf "$data"
}

build() {
    tests/prepare.sh cargo
    cargo build --workspace --bins
    "$programs/meshlab" build 2>&1 | tee "$output"
    lab_programs=$(sed -n 's/^programs *//p' "$output")
}

# The plugins as a user gets them, but for how they were compiled: archives and manifests for krew, of what cargo has just built.
packages() {
    OUT=$data/packages krew/dist.sh pack linux-amd64 "$programs"
}

install() {
    local plugin
    # krew wants its own index first; this empty one takes its place, so that nothing is fetched from the internet.
    export KREW_DEFAULT_INDEX_URI=$data/index KREW_NO_UPGRADE_CHECK=1
    mkdir -p "$data/index/plugins"
    quiet git -C "$data/index" init --initial-branch main
    quiet git -C "$data/index" -c user.name=demo -c user.email=demo@localhost commit --allow-empty --message empty
    quiet kubectl krew update
    for plugin in mesh-mc mesh-failover; do
        run kubectl krew install --manifest="$data/packages/$plugin.yaml" \
            --archive="$(echo "$data/packages/$plugin"-v*.tar.gz)" >"$output" 2>&1 || {
            cat "$output" >&2
            return 1
        }
        grep --extended-regexp '^ *\$ |^Installed plugin' "$output"
    done
    run kubectl mesh-mc version
}

clusters() {
    "$programs/meshlab" up --clusters east,west
}

# run COMMAND…: shows the command as a user types it, and runs it.
run() {
    local word line=
    for word in "$@"; do
        [[ $word =~ ^[A-Za-z0-9_@%+=:,./~-]+$ ]] || word=${word@Q}
        line+=" $word"
    done
    printf '   $%s\n' "$line"
    "$@"
}

join() {
    run kubectl mesh-mc join --contexts east,west --yes --ca-dir "$data/mesh-mc/mesh1"
}

# What a program says matters where it fails.
quiet() {
    "$@" >"$output" 2>&1 || {
        cat "$output" >&2
        return 1
    }
}

# apply CONTEXT FILE…
apply() {
    local files=("${@:2}")
    quiet kubectl --context "$1" apply "${files[@]/#/--filename=tests/demo/}"
}

applications() {
    apply east client.yaml helloworld-v1.yaml peer-log.yaml
    apply west client.yaml helloworld-v2.yaml peer-log.yaml
    ready east helloworld-v1 curl
    ready west helloworld-v2 curl
}

ready() {
    local name
    for name in "${@:2}"; do
        quiet kubectl --context "$1" --namespace sample rollout status "deployment/$name" --timeout 120s
    done
}

expose() {
    run kubectl mesh-failover expose helloworld.sample --contexts east,west --yes
}

locality() {
    run kubectl mesh-failover locality apply helloworld.sample --contexts east,west \
        --failover east-region=west-region,west-region=east-region --yes
}

drill() {
    run kubectl mesh-failover drill helloworld.sample --contexts east,west --cluster east --fault scale-to-zero \
        --from deploy/curl --path /hello --match 'version: v[0-9]' --report "$report" --yes
}

# hello NAME: one request from a pod of east, by a name that the access logs show.
hello() {
    kubectl --context east --namespace sample exec deployment/curl --container curl -- \
        curl --silent --show-error --max-time 5 --user-agent "$1" http://helloworld.sample:5000/hello || echo 'no answer'
}

# ten VERSION…: asks ten times from a pod of east, again and again until these versions and no others have answered.
ten() {
    local end=$((SECONDS + 60)) wanted="$*" number answers seen
    while ((SECONDS < end)); do
        answers=$(for number in 1 2 3 4 5 6 7 8 9 10; do hello "ten-$number"; done)
        seen=$(grep -o 'version: v[0-9]' <<<"$answers" | sort | uniq --count)
        if [ "$(awk '{ printf "%s%s", sep, $3; sep = " " }' <<<"$seen")" = "$wanted" ]; then
            awk '{ printf "   %d of 10 answers from %s\n", $1, $3 }' <<<"$seen"
            return 0
        fi
        sleep 0.5
    done
    printf 'error: for 60 s it was not %s that answered; last seen:\n%s\n' "$wanted" "$answers" >&2
    return 1
}

# Asks from a pod of east until a pod of west answers; `asked` is then the name that this request goes by.
request() {
    local end=$((SECONDS + 60)) number=0 answer
    while ((SECONDS < end)); do
        ((number += 1))
        asked=demo-$number
        answer=$(hello "$asked")
        printf '   %s: %s\n' "$asked" "$answer"
        [[ $answer != *"version: v2"* ]] || return 0
    done
    echo "error: no answer came from west within 60 s" >&2
    return 1
}

# Shows what the proxy before west's pod wrote of that request: who asked, by the certificate that it had to show.
identity() {
    local end=$((SECONDS + 30)) line
    while ((SECONDS < end)); do
        line=$(kubectl --context west --namespace sample logs deployment/helloworld-v2 --container istio-proxy |
            grep -m 1 " as $asked by spiffe://" || true)
        if [ -n "$line" ]; then
            printf '   west, proxy of helloworld-v2: %s\n' "$line"
            return 0
        fi
        sleep 0.5
    done
    echo "error: the proxy of helloworld-v2 tells of no peer that asked as $asked" >&2
    return 1
}

ended() {
    local code=$?
    rm -f "$output"
    ((code == 0)) || echo "The demo did not come to its end. What it brought up stays to be looked at; make down ends it." >&2
}

up() {
    output=$(mktemp)
    trap ended EXIT
    local begun=$SECONDS
    [ -d "$MESHLAB_CACHE/build" ] || {
        say "The first run compiles both plugins, Kubernetes and Istio: usually 19 min on 2 cores, some 3 from then on"
        echo "   What was compiled is kept in $MESHLAB_CACHE and $CARGO_TARGET_DIR."
    }
    step "Build the plugins and what clusters are made of" build
    step "Make room: an earlier demo goes with its mesh" down
    step "Bring up clusters east and west, with no route between their pods" clusters
    KUBECONFIG=$("$programs/meshlab" kubeconfig)
    export KUBECONFIG XDG_DATA_HOME=$data PATH=$KREW_ROOT/bin:$lab_programs:$PATH
    step "Pack both plugins for krew" packages
    step "Install them by krew, as a user does" install
    step "Make them one mesh, whose root is kept in $XDG_DATA_HOME" join
    step "Run helloworld v1 in east, v2 in west, and a client in each" applications
    step "Nothing is exposed yet: a pod of east asks helloworld" ten v1
    step "Expose helloworld, and nothing else, to the other cluster" expose
    step "Now both versions answer" ten v1 v2
    step "Ask until a pod of west answers" request
    step "Who asked, as the proxy in west saw it" identity
    step "Keep traffic in its own region as long as that works" locality
    step "Only the near version answers" ten v1
    step "Drill: east fails, west answers, east comes back" drill
    printf '\nThe drill as a page: %s\n' "$report"
    printf 'All of it took %d s. The lab stays up until you say: make down\n' $((SECONDS - begun))
    printf 'This points kubectl at it, and brings its own kubectl with both plugins:\n\n'
    printf '  export KUBECONFIG=%q XDG_DATA_HOME=%q MESHLAB_ID=%q\n' "$KUBECONFIG" "$data" "$MESHLAB_ID"
    printf "  export PATH=%q:%q:\$PATH\n" "$KREW_ROOT/bin" "$lab_programs"
}

case ${1:-} in
    up | down) "$1" ;;
    *)
        echo "usage: tests/demo.sh up|down" >&2
        exit 2
        ;;
esac
