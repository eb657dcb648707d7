#!/usr/bin/env bash
# Packages of both plugins for krew, in steps that a release takes one by one:
#   krew/dist.sh build          archives and SBOMs of the platforms in PLATFORMS
#   krew/dist.sh manifests      krew's manifests and the checksums of what is in OUT
#   krew/dist.sh all            both
#   krew/dist.sh again          the archives once more, from nothing and in another folder: they must be those in OUT
#   krew/dist.sh pack PLATFORM FOLDER
#                               archives and manifests of the plugins compiled in FOLDER: to try, not to release
# By environment: VERSION (v1.2.3), OUT, PLATFORMS, BASE_URL; without git also COMMIT and SOURCE_DATE_EPOCH.
# Made so that it runs in bash 3.2, which macOS has.
set -euo pipefail
cd "$(dirname "$0")/.."

. krew/tools.sh

: "${MESHLAB_CACHE:?make sets it: the folder of what is compiled once}"
plugins="mesh-mc mesh-failover"
# What enterprise distributions of 2014 have; krew's own programs need no libc at all.
glibc=2.17
limit=$((15 * 1024 * 1024))
# How much archives are compressed, to gzip.
level=9
target_dir=${DIST_TARGET_DIR:-$MESHLAB_CACHE/dist/target}

fail() {
    printf 'error: %s\n' "$1" >&2
    shift
    (($# == 0)) || printf '  %s\n' "$@" >&2
    exit 1
}

# What goes into every package, and therefore nowhere without a check.
settle() {
    VERSION=${VERSION:-$(cargo_version)}
    [[ $VERSION =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] ||
        fail "VERSION=$VERSION is no version that krew takes" "such as: make dist VERSION=v1.2.3"
    OUT=${OUT:-$PWD/dist}
    BASE_URL=${BASE_URL:-https://github.com/kubectl-mesh/kubectl-mesh/releases/download/$VERSION}
    [[ $BASE_URL =~ ^https?://[A-Za-z0-9._~:/%-]+$ ]] || fail "BASE_URL=$BASE_URL is no address"
    mkdir -p "$OUT"
    OUT=$(cd "$OUT" && pwd)
}

# The commit, and its time as the time of everything: two builds of one commit are the same to the byte.
commit() {
    if [ -z "${COMMIT:-}" ] && git rev-parse --git-dir >/dev/null 2>&1; then
        COMMIT=$(git rev-parse HEAD)
        [ -z "$(git status --porcelain)" ] || COMMIT=$COMMIT-dirty
    fi
    if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
        SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null) ||
            fail "this folder is no git repository" "set COMMIT and SOURCE_DATE_EPOCH to those of the sources"
    fi
    export SOURCE_DATE_EPOCH
}

# The platforms that this machine can build.
platforms() {
    case "$(uname -s)/$(uname -m)" in
        Linux/x86_64) echo "linux-amd64 linux-arm64" ;;
        Darwin/*) echo "darwin-amd64 darwin-arm64" ;;
        *) fail "packages are built on Linux on x86-64, and on macOS for macOS" ;;
    esac
}

triple() {
    case $1 in
        linux-amd64) echo x86_64-unknown-linux-gnu ;;
        linux-arm64) echo aarch64-unknown-linux-gnu ;;
        darwin-amd64) echo x86_64-apple-darwin ;;
        darwin-arm64) echo aarch64-apple-darwin ;;
        *) fail "PLATFORMS names $1, which is not built" "Windows is left out: the plugins rely on Unix signals and file modes" ;;
    esac
}

# Our own crates are compiled from the sources that are here: cargo looks at the times of files alone, and takes what another
# folder left in the same target folder for theirs. What we depend on stays.
forget_other_folder() {
    local mark=$target_dir/$1/built-in
    if [ "$(cat "$mark" 2>/dev/null)" != "$PWD" ] && [ -d "$target_dir/$1" ]; then
        cargo clean --quiet --release --target "$1" --target-dir "$target_dir" \
            --package mesh-shared --package mesh-probe --package kubectl-mesh-mc --package kubectl-mesh-failover
    fi
    mkdir -p "$(dirname "$mark")"
    printf '%s\n' "$PWD" >"$mark"
}

# Paths of this machine that panics would name; the sources' own are relative already.
remap() {
    local registry flags=()
    for registry in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
        flags+=("--remap-path-prefix=$registry=/registry")
    done
    flags+=("--remap-path-prefix=$target_dir=/target")
    # With the component rust-src the standard library's paths lead to it; without, they are these.
    flags+=("--remap-path-prefix=$(rustc --print sysroot)/lib/rustlib/src/rust=/rustc/$(rustc -vV | sed -n 's/^commit-hash: //p')")
    (IFS=$'\x1f' && printf '%s' "${flags[*]}")
}

# compile TRIPLE: both plugins, with the list of what is in them inside.
compile() {
    local builder=(build --target "$1")
    case $1 in
        *-linux-gnu)
            builder=(zigbuild --target "$1.$glibc")
            zig_environment
            ;;
    esac
    rustup target list --installed 2>/dev/null | grep -qx "$1" || rustup target add "$1"
    # Before the paths of the registry are looked for.
    cargo fetch --quiet --locked
    forget_other_folder "$1"
    # C compilers get a time that never changes: if it did, cargo would recompile all C and everything built on it.
    env -u RUSTFLAGS CARGO_ENCODED_RUSTFLAGS="$(remap)" MESH_VERSION="$VERSION" MESH_COMMIT="${COMMIT:-}" \
        SOURCE_DATE_EPOCH=0 MACOSX_DEPLOYMENT_TARGET=11.0 CARGO_INCREMENTAL=0 \
        cargo auditable "${builder[@]}" --locked --release --target-dir "$target_dir" \
        --package kubectl-mesh-mc --package kubectl-mesh-failover
}

# check_binary FILE: what would keep a person from running it is found here.
check_binary() {
    local size newest
    size=$(wc -c <"$1")
    ((size < limit)) || fail "$(basename "$1") has $size bytes, and may have $limit"
    printf '   %s: %s MiB' "$(basename "$1")" "$(awk -v size="$size" 'BEGIN { printf "%.1f", size / 1048576 }')"
    case $2 in
        linux-*)
            newest=$(readelf --wide --version-info "$1" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
            printf ', wants %s' "$newest"
            [ "$(printf '%s\n' "GLIBC_$glibc" "$newest" | sort -V | tail -n 1)" = "GLIBC_$glibc" ] ||
                fail "$(basename "$1") wants $newest, which is newer than GLIBC_$glibc"
            ;;
    esac
    printf '\n'
}

# What a plugin's program is called, by kubectl's rule.
program() { echo "kubectl-${1/-/_}"; }

# archive PLUGIN PLATFORM FOLDER: of the program in the folder.
archive() {
    local name=$1-$VERSION-$2 folder page
    folder=$(mktemp -d)
    install -m 755 "$3/$(program "$1")" "$folder/"
    install -m 644 LICENSE "$folder/"
    for page in docs/man/kubectl-"$1"*.1; do
        [ -e "$page" ] || continue
        mkdir -p "$folder/man"
        install -m 644 "$page" "$folder/man/"
    done
    (cd "$folder" && "$(gnu_tar)" --create --format=ustar --sort=name --owner=0 --group=0 --numeric-owner \
        --mode=u=rwX,go=rX --mtime="@$SOURCE_DATE_EPOCH" -- *) | gzip -n -$level >"$OUT/$name.tar.gz"
    rm -r "$folder"
    printf '   %s\n' "$OUT/$name.tar.gz"
}

# Who builds in another folder waits until these programs are packed: both have one target folder. macOS has no flock.
alone() {
    mkdir -p "$target_dir"
    if command -v flock >/dev/null; then
        exec 9>"$target_dir/.packaging"
        flock 9
    fi
}

build() {
    local platform target plugin folder begun
    commit
    tools
    alone
    for platform in ${PLATFORMS:-$(platforms)}; do
        target=$(triple "$platform")
        printf '== %s of %s for %s\n' "$VERSION" "${COMMIT:-no known commit}" "$platform"
        begun=$SECONDS
        compile "$target"
        printf '   compiled in %d s\n' $((SECONDS - begun))
        folder=$target_dir/$target/release
        for plugin in $plugins; do
            check_binary "$folder/$(program "$plugin")" "$platform"
            archive "$plugin" "$platform" "$folder"
            sbom "$plugin" "$target" >"$OUT/$plugin-$VERSION-$platform.cdx.json"
        done
    done
}

# From a copy without git, and with nothing compiled before.
again() {
    local file
    commit
    # Not local: it is removed when this function has ended.
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    mkdir "$folder/sources"
    git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
        [ ! -f "$file" ] || printf '%s\0' "$file"
    done | "$(gnu_tar)" --create --null --files-from=- | tar -x -C "$folder/sources"
    COMMIT=${COMMIT:-} OUT=$folder/out DIST_TARGET_DIR=$folder/target "$folder/sources/krew/dist.sh" build
    for file in "$folder/out"/*; do
        cmp "$file" "$OUT/${file##*/}" || fail "${file##*/} is another in another folder"
        printf '   %s is the same\n' "${file##*/}"
    done
}

# sum FILE: its SHA-256 in lower-case hexadecimal.
sum() {
    { sha256sum "$1" 2>/dev/null || shasum -a 256 "$1"; } | cut -d ' ' -f 1
}

# manifest PLUGIN: the template, with its last part, the platform, once for each archive.
manifest() {
    local template platform archive found="" file=krew/$1.template.yaml
    template=$(sed '/^  - selector:/,$d' "$file")
    platform=$(sed -n '/^  - selector:/,$p' "$file")
    printf '%s\n' "${template//@VERSION@/$VERSION}"
    for archive in "$OUT/$1-$VERSION"-*.tar.gz; do
        [[ ${archive##*/} =~ ^$1-$VERSION-(linux|darwin)-(amd64|arm64)\.tar\.gz$ ]] || continue
        found=yes
        template=${platform//@OS@/${BASH_REMATCH[1]}}
        template=${template//@ARCH@/${BASH_REMATCH[2]}}
        template=${template//@URI@/$BASE_URL/${archive##*/}}
        printf '%s\n' "${template//@SHA256@/$(sum "$archive")}"
    done
    [ -n "$found" ] || fail "there is no archive of $1 $VERSION in $OUT" "make dist-build VERSION=$VERSION makes them"
}

write_manifests() {
    local plugin
    printf '== manifests of %s for %s\n' "$VERSION" "$BASE_URL"
    for plugin in $plugins; do
        manifest "$plugin" >"$OUT/$plugin.yaml.part"
        mv "$OUT/$plugin.yaml.part" "$OUT/$plugin.yaml"
        printf '   %s\n' "$OUT/$plugin.yaml"
    done
}

manifests() {
    local file
    write_manifests
    (
        cd "$OUT"
        for file in *-"$VERSION"-*.tar.gz *-"$VERSION"-*.cdx.json; do
            printf '%s  %s\n' "$(sum "$file")" "$file"
        done
    ) >"$OUT/sha256sums.txt"
    printf '   %s\n' "$OUT/sha256sums.txt"
}

# pack PLATFORM FOLDER: compiles nothing and fetches nothing.
pack() {
    local plugin
    (($# == 2)) || fail "usage: krew/dist.sh pack PLATFORM FOLDER"
    triple "$1" >/dev/null
    SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(date +%s)}
    # They are unpacked where they are made.
    level=1
    for plugin in $plugins; do
        archive "$plugin" "$1" "$2"
    done
    write_manifests
}

settle
case ${1:-} in
    build | manifests | again) "$1" ;;
    pack) "$@" ;;
    all)
        build
        manifests
        ;;
    *) fail "usage: krew/dist.sh build|manifests|all|again|pack" ;;
esac
