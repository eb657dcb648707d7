#!/usr/bin/env bash
# Tests in tiers, each with what it took: tests/tiers.sh [--all] lint|unit|lab…
set -uo pipefail
cd "$(dirname "$0")/.." || exit

: "${CARGO_TARGET_DIR:?make sets it: the folder that cargo builds into}"
: "${MESHLAB_CACHE:?make sets it: the folder of what is compiled once}"
export CARGO_TARGET_DIR MESHLAB_CACHE
meshlab=$CARGO_TARGET_DIR/debug/meshlab
# A clone that lives for one run gains nothing by it, and all clones share the folder.
[ -z "${CI:-}" ] || export CARGO_INCREMENTAL=0

passed=0 failed=0 skipped=0
output=$(mktemp)
trap 'rm -f "$output"' EXIT

# Runs a command, shows what it says, and counts the tests in it. A command that fails without one counts as one.
check() {
    local code one two three
    printf '\n== %s\n' "$*"
    "$@" 2>&1 | tee "$output"
    code=${PIPESTATUS[0]}
    read -r one two three < <(awk '/^test result: / { p += $4; f += $6; i += $8 } END { print p + 0, f + 0, i + 0 }' "$output")
    ((code == 0 || two > 0)) || two=1
    ((passed += one, failed += two, skipped += three))
    return "$code"
}

# cargo-deny by its version, built once.
cargo_deny() {
    local version=0.20.2
    local root=$MESHLAB_CACHE/tools/cargo-deny-$version
    if [ ! -x "$root/bin/cargo-deny" ]; then
        echo "building cargo-deny $version, once" >&2
        env -u CARGO_TARGET_DIR cargo install --quiet --locked --debug cargo-deny --version $version --root "$root" || return
    fi
    "$root/bin/cargo-deny" "$@"
}

lint() {
    check cargo fmt --all --check &&
        check cargo clippy --workspace --all-targets -- -D warnings &&
        check cargo_deny check bans licenses sources
}

# Everything that needs no cluster. One selection of packages for all of cargo's runs: another would have other features, and
# compile what we depend on a second time.
unit() {
    local tests=() file
    for file in kubectl-mesh-*/tests/*.rs shared/tests/*.rs; do
        tests+=(--test "$(basename "$file" .rs)")
    done
    check cargo test --workspace --lib --bins "${tests[@]}"
}

# What runs in clusters. Each file of tests/e2e has a lab of its own, but for the one that brings labs up itself.
lab() {
    ran=() code=0
    if ! { cargo build --workspace --bins && cargo test --workspace --no-run && "$meshlab" build; }; then
        ((failed += 1))
        return 1
    fi
    e2e lab_leaves_nothing
    e2e stand_in meshlab with --clusters east
    e2e refused meshlab with --clusters east,west,bare --api-only --no-operator=bare
    if [ -n "${SAIL_CRDS:-}" ]; then
        e2e contract meshlab with --clusters today,preview --api-only --sail-versions preview=v1alpha1
    else
        skip contract 'SAIL_CRDS names no folder that holds the operator'"'"'s own CRDs in v1/ and v1alpha1/'
    fi
    e2e join meshlab with --clusters east,west --balancer east=hostname
    e2e expose meshlab with --clusters east,west
    e2e locality meshlab with --clusters east,west
    e2e stopped meshlab with --clusters east,west --balancer west=pending
    e2e three meshlab with --clusters east,west,north
    e2e killed meshlab with --clusters east,west
    e2e drill meshlab with --clusters east,west
    e2e permissions meshlab with --clusters east,west
    nothing_forgotten
    return $code
}

# e2e NAME [meshlab with …]: the tests of tests/e2e/NAME.rs, in a lab where one is named.
e2e() {
    local name=$1 lab=()
    shift
    if (($# > 0)); then
        # What hangs is ended, and its lab with it.
        lab=(timeout --foreground "$patience" "$CARGO_TARGET_DIR/debug/$1" "${@:2}" --)
    fi
    ran+=("$name")
    check "${lab[@]}" cargo test --workspace --test "$name" -- --test-threads 1 || code=1
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
if [ "${1:-}" = --all ]; then
    patience=60m
    export MESH_TEST_EVERY_KILL=1
    shift
fi
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
