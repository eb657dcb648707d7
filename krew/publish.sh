#!/usr/bin/env bash
# What a release publishes, one step a call. The release workflow makes these calls; a person can too.
#   krew/publish.sh version VERSION            whether a tag may be released: Cargo.toml and the changelog have its version
#   krew/publish.sh image ARCHIVE [TO]         the probe's image, under its own name or as TO
#   krew/publish.sh release VERSION DIR        archives, checksums and SBOMs of DIR, with the changelog's words
#   krew/publish.sh index VERSION MANIFESTS    this repository's own krew index: plugins/ of the branch that is checked out
set -euo pipefail
cd "$(dirname "$0")/.."

. krew/tools.sh

fail() {
    { printf 'error: %s\n' "$1" && shift && printf '%s\n' "$@"; } >&2
    exit 1
}

# The name that an archive gives to the image in it.
name_of() {
    tar --extract --to-stdout --file "$1" index.json |
        grep --only-matching '"io.containerd.image.name":"[^"]*"' | cut --delimiter '"' --fields 4
}

# raw_digest REFERENCE [OPTION…]: the digest of what is there, as a registry computes it.
raw_digest() {
    skopeo inspect --raw "${@:2}" "$1" | sha256sum | sed 's/ .*//; s/^/sha256:/'
}

# A name that already refers to another image is left alone: whoever installed a release keeps its image for ever.
image() {
    local archive=$1 to=${2:-} options=() sources=() public=() digest there why
    to=${to:-$(name_of "$archive")}
    # What runs on this machine has no certificate.
    [[ $to != 127.0.0.1:* ]] || options+=(tls-verify=false) public+=(--tls-verify=false)
    [ -z "${REGISTRY_PASSWORD:-}" ] || options+=("creds=${REGISTRY_USER:?}:$REGISTRY_PASSWORD")
    sources=("${options[@]/#/--}")
    digest=$(raw_digest "oci-archive:$archive")
    why=$(mktemp)
    if there=$(raw_digest "docker://$to" --retry-times 3 "${sources[@]}" 2>"$why"); then
        [ "$there" = "$digest" ] ||
            fail "$to stands for another image already" "  it is $there, this one is $digest" \
                "  do: raise the version in Cargo.toml, from which the image takes its name"
        echo "$to is there already"
    elif ! grep --quiet --ignore-case 'manifest unknown\|name unknown\|not found\|denied' "$why"; then
        # What cannot be read may well exist.
        fail "cannot tell whether $to already exists" "  $(cat "$why")" "  do: try again"
    else
        skopeo copy --all --preserve-digests "${options[@]/#/--dest-}" "oci-archive:$archive" "docker://$to"
    fi
    rm -f "$why"
    # Everybody's clusters pull it without a password.
    skopeo inspect --raw --no-creds "${public[@]}" "docker://${to%:*}@$digest" >/dev/null ||
        fail "$to cannot be pulled by everybody" "  do: make the package public in the registry's settings"
    printf 'name=%s\ndigest=%s\n' "${to%:*}" "$digest" | tee --append "${DIGEST_TO:-/dev/null}"
}

# The words of CHANGELOG.md on one version.
notes() {
    awk -v "version=${1#v}" '
        /^## / { inside = index($0, "## [" version "]") == 1 }
        inside && !/^## / { print; found = found || /[^ ]/ }
        END { exit !found }
    ' CHANGELOG.md || fail "CHANGELOG.md says nothing of ${1#v}" "  do: call what stands under Unreleased ## [${1#v}] - DATE"
}

# The programs name their version, and the probe's image is called by that of Cargo.toml.
version() {
    local ours
    ours=$(cargo_version)
    [ "$1" = "$ours" ] || fail "the tag is $1, and Cargo.toml has $ours" "  do: raise the version in Cargo.toml, or tag it $ours"
    notes "$1" >/dev/null
    echo "$1 is the version of Cargo.toml, and the changelog tells of it"
}

release() {
    local version=$1 folder=$2 options=() words
    # What has a dash is no release yet: 1.2.3-rc.1.
    [[ $version != *-* ]] || options+=(--prerelease)
    words=$(mktemp)
    notes "$version" >"$words"
    # A release that an earlier try left gets what it lacks.
    if gh release view "$version" >/dev/null 2>&1; then
        gh release upload "$version" --clobber "$folder"/*.tar.gz "$folder"/sha256sums.txt "$folder"/*.json
    else
        gh release create "$version" --verify-tag --title "$version" --notes-file "$words" "${options[@]}" \
            "$folder"/*.tar.gz "$folder"/sha256sums.txt "$folder"/*.json
    fi
    rm -f "$words"
}

index() {
    local version=$1 manifests=$2 plugin offered
    for plugin in mesh-mc mesh-failover; do
        grep --quiet --line-regexp --fixed-strings "  version: \"$version\"" "$manifests/$plugin.yaml" ||
            fail "$manifests/$plugin.yaml is not the manifest of $version"
        offered=$(sed -n 's/^  version: "\(.*\)"$/\1/p' "plugins/$plugin.yaml" 2>/dev/null || true)
        [ "$(printf '%s\n' "$offered" "$version" | sort --version-sort | tail -n 1)" = "$version" ] ||
            fail "the index offers $offered of $plugin already, which is newer than $version"
        cp "$manifests/$plugin.yaml" plugins/
    done
    git add plugins
    if git diff --cached --quiet; then
        echo "the index has $version already"
        return
    fi
    git -c user.name=release -c user.email=release@users.noreply.github.com commit --quiet \
        --message "Offer $version in the custom krew index"
    # Someone may have pushed in the meantime.
    git push --quiet origin HEAD || { git pull --quiet --rebase && git push --quiet origin HEAD; }
    echo "the index has $version now"
}

case ${1:-} in
    version | image | release | index | notes) "$@" ;;
    *)
        sed -n '2,6s/^# //p' "$0" >&2
        exit 2
        ;;
esac
