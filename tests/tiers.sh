#!/usr/bin/env bash
# Tests in tiers, each with what it took: tests/tiers.sh [--all] lint|unit|lab|contexts|advisories…
set -uo pipefail
cd "$(dirname "$0")/.." || exit

: "${CARGO_TARGET_DIR:?make sets it: the folder that cargo builds into}"
: "${MESHLAB_CACHE:?make sets it: the folder of what is compiled once}"
export CARGO_TARGET_DIR MESHLAB_CACHE
meshlab=$CARGO_TARGET_DIR/debug/meshlab
# A clone that lives for one run gains nothing by it, and all clones share the folder.
[ -z "${CI:-}" ] || export CARGO_INCREMENTAL=0

passed=0 failed=0 skipped=0
# What each command said, while it is being counted.
outputs=$(mktemp --directory)

# Nothing that was started outlives this: a lab takes itself down when its command is asked to end.
ended() {
    local running
    running=$(jobs -p)
    if [ -n "$running" ]; then
        # shellcheck disable=SC2086 # one word for each process
        kill $running 2>/dev/null
        wait
    fi
    rm -rf "$outputs"
}
trap ended EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# count CODE FILE: adds up the tests in what a command said. A command that fails without one counts as one. A test that says that
# it was not run has not passed, whatever its harness counts; a part that was not run is one that was skipped.
count() {
    local one two three
    read -r one two three < <(awk '
        / in part not run: |^in part not run: / { i += 1; next }
        / not run: |^not run: / { p -= 1; i += 1 }
        /^test result: / { p += $4; f += $6; i += $8 }
        END { print p + 0, f + 0, i + 0 }' "$2")
    (($1 == 0 || two > 0)) || two=1
    ((passed += one, failed += two, skipped += three))
}

# Runs a command, shows what it says, and counts the tests in it.
check() {
    local code
    printf '\n== %s\n' "$*"
    "$@" 2>&1 | tee "$outputs/check"
    code=${PIPESTATUS[0]}
    count "$code" "$outputs/check"
    return "$code"
}

# cargo-deny by its version, built once.
cargo_deny() {
    (
        . krew/tools.sh
        cargo_tool cargo-deny 0.20.2 && cargo-deny "$@"
    )
}

# actionlint by the version in its go.mod, built once.
actionlint() {
    local module=tests/tools/actionlint key program
    key=$(cat $module/go.mod $module/go.sum | sha256sum | cut -c 1-20)
    program=$MESHLAB_CACHE/tools/actionlint-$key
    if [ ! -x "$program" ]; then
        echo "building actionlint, once" >&2
        go build -C $module -o "$program" github.com/rhysd/actionlint/cmd/actionlint || return
    fi
    "$program" "$@"
}

scripts() {
    git ls-files '*.sh' .ci/run | xargs shellcheck --external-sources --source-path SCRIPTDIR
}

lint() {
    check tests/prepare.sh lint &&
        check cargo fmt --all --check &&
        check cargo clippy --workspace --all-targets -- -D warnings &&
        check cargo_deny check bans licenses sources &&
        check scripts &&
        check actionlint
}

advisories() {
    check cargo_deny check advisories
}

# Everything that needs no cluster. One selection of packages for all of cargo's runs: another would have other features, and
# compile what we depend on a second time.
unit() {
    local tests=() file
    for file in kubectl-mesh-*/tests/*.rs shared/probe/tests/*.rs; do
        tests+=(--test "$(basename "$file" .rs)")
    done
    check cargo test --workspace --lib --bins "${tests[@]}" &&
        # How worlds are read and judged: the worlds themselves need clusters.
        check cargo test --workspace --test worlds ::tests:: &&
        check cargo test --workspace --test tidy
}

# What runs in clusters. Each file of tests/e2e has a lab of its own, but for the one that brings labs up itself. Mostly they wait
# for clusters: two run at a time, what takes longest first.
lab() {
    ran=() code=0 lanes=1
    if ! { cargo build --workspace --bins && cargo test --workspace --no-run && "$meshlab" build; }; then
        ((failed += 1))
        return 1
    fi
    tests/prepare.sh shells || true
    # Compares what is on the machine before and after.
    e2e lab_leaves_nothing
    await 0
    lanes=$(($(nproc) > 1 ? 2 : 1))
    e2e killed meshlab with --clusters east,west
    e2e stopped meshlab with --clusters east,west --balancer west=pending
    e2e drill meshlab with --clusters east,west
    e2e permissions meshlab with --clusters east,west
    e2e documented meshlab with --clusters east,west
    e2e contexts meshlab with --clusters one,two
    e2e refused meshlab with --clusters east,west,bare --api-only --no-operator=bare
    e2e expose meshlab with --clusters east,west
    e2e three meshlab with --clusters east,west,north
    e2e join meshlab with --clusters east,west --balancer east=hostname
    e2e worlds meshlab with --clusters east,west --external-ip
    e2e worlds:recorded meshlab with --clusters east,west --recorded
    e2e locality meshlab with --clusters east,west
    e2e lab_installs meshlab with --clusters east,west --no-operator --external-ip=west --cluster-domain west=corp.example
    e2e lab_knobs meshlab with --clusters plain,recorded,front,proxied --api-only --no-operator=plain --recorded=recorded \
        --tls-front=front --connect-proxy=proxied
    e2e stand_in meshlab with --clusters east
    e2e completion meshlab with --clusters east,west --api-only
    # It compiles, which would disturb the timing of anything beside it.
    e2e krew
    if [ -n "${MESH_TEST_EVERY_KILL:-}" ]; then
        # They use the machine up while they start.
        await 0
        e2e worlds:domain meshlab with --clusters east,west --cluster-domain corp.example
        await 0
        e2e lab_twenty meshlab with --clusters "$(seq --separator , --format 'c%g' 20)" --api-only --no-operator --timeout 300
    else
        skip lab_twenty 'twenty clusters take a minute of the whole machine (make test-all)'
    fi
    if [ -n "${SAIL_CRDS:-}" ]; then
        e2e contract meshlab with --clusters today,preview --api-only --sail-versions preview=v1alpha1
    else
        skip contract 'SAIL_CRDS names no folder that holds the operator'"'"'s own CRDs in v1/ and v1alpha1/'
    fi
    await 0
    nothing_forgotten
    return $code
}

# The same tests on clusters that exist already: two contexts of $KUBECONFIG or three, which MESH_E2E_CONTEXTS names.
contexts() {
    ran=() code=0 lanes=1
    # What is refused is said once, and soon.
    check cargo build --workspace --bins && check "$CARGO_TARGET_DIR/debug/mesh-e2e" -- true &&
        check cargo test --workspace --no-run || return
    local name
    for name in ${MESH_E2E_TESTS:-join expose locality drill refused three}; do
        e2e "$name" mesh-e2e
    done
    await 0
    if ((passed == 0)); then
        printf '\nerror: nothing was proved\n'
        code=1
        ((failed += 1))
    fi
    skip 'lab_leaves_nothing, lab_installs, lab_knobs, lab_twenty, stand_in' 'they test the lab itself'
    skip krew 'it wants no cluster'
    skip documented 'what the docs say to type names the lab'"'"'s regions'
    skip contract 'clusters of both versions of the Sail API are the lab'"'"'s'
    skip worlds 'they are made on the lab alone'
    skip permissions 'what users need is told by audit logs, and those are read on the lab alone'
    skip completion 'it completes what stands in the lab'
    skip killed 'a join is killed by what audit logs say, and those are read on the lab alone'
    skip stopped 'balancers, operators and networks that fail are made on the lab alone'
    return $code
}

# e2e NAME[:LAB] [meshlab with …|mesh-e2e]: starts the tests of tests/e2e/NAME.rs, in a lab or on other clusters where that is said,
# once a lane is free. LAB tells two labs of the same tests apart.
e2e() {
    local name=${1%%:*} run=$1 lab=() words
    shift
    if (($# > 0)); then
        # What hangs is ended, and its lab with it.
        lab=(timeout --foreground "$patience" "$CARGO_TARGET_DIR/debug/$1" "${@:2}" --)
    fi
    ran+=("$name")
    words=("${lab[@]}" cargo test --workspace --test "$name" -- --test-threads 1 --nocapture)
    await $((lanes - 1))
    printf '\n== %s is begun\n' "$run"
    {
        begun=$SECONDS
        printf '\n== %s\n' "${words[*]}"
        "${words[@]}"
        ended=$?
        printf '== %s took %d s\n' "$run" $((SECONDS - begun))
        exit $ended
    } >"$outputs/$run" 2>&1 </dev/null &
    running[$!]=$run
}

# await N: until no more than so many run; shows and counts what came to its end.
await() {
    local pid ended name
    while ((${#running[@]} > $1)); do
        wait -n -p pid "${!running[@]}"
        ended=$?
        name=${running[$pid]}
        unset "running[$pid]"
        cat "$outputs/$name"
        count $ended "$outputs/$name"
        ((ended == 0)) || code=1
    done
}

# skip NAME WHY
skip() {
    printf '\n== %s is not run: %s\n' "$1" "$2"
    ran+=("$1")
    ((skipped += 1))
}

nothing_forgotten() {
    local file name
    for file in tests/e2e/*.rs; do
        name=$(basename "$file" .rs)
        if [[ " ${ran[*]} " != *" $name "* ]]; then
            printf '\nerror: tests/e2e/%s.rs is run by no tier of tests/tiers.sh\n' "$name"
            code=1
            ((failed += 1))
        fi
    done
}

took=() patience=15m
running=()
if [ "${1:-}" = --all ]; then
    patience=60m
    export MESH_TEST_EVERY_KILL=1 MESH_TEST_EVERY_WORLD=1
    shift
fi
tests/prepare.sh cargo
for tier in "$@"; do
    begun=$SECONDS
    $tier
    code=$?
    took+=("$(printf '%-5s %3d min %02d s' "$tier" $(((SECONDS - begun) / 60)) $(((SECONDS - begun) % 60)))")
    # What does not hold on its own is not looked for in clusters.
    ((code == 0)) || break
done
printf '\n'
printf '%s\n' "${took[@]}"
printf '%d passed, %d failed, %d skipped\n' $passed $failed $skipped
((failed == 0))
