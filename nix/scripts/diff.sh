#!/usr/bin/env bash
# diff.sh [FOLDER]: what the configuration would change: in files since the last commit, and in the system that runs.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=nix/scripts/lib.sh
. "$here/lib.sh"
folder=$(config_folder "${1:-}")
host=$(host_name)

if in_git "$folder"; then
  echo "Files since the last commit:"
  git -C "$folder" --no-pager diff --stat HEAD
  git -C "$folder" ls-files --others --exclude-standard | sed 's/^/  not in git, so not used: /'
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && nixos-rebuild build --flake "$folder#$host")
built=$(readlink -f "$work/result")
running=$(readlink -f "${NIXEN_CURRENT:-/run/current-system}")
if [[ $built == "$running" ]]; then
  echo "The machine runs this already: $built"
else
  echo "The machine would go from $running to $built:"
  nix --extra-experimental-features nix-command store diff-closures "$running" "$built"
fi
