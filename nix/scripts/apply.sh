#!/usr/bin/env bash
# apply.sh [--yes] [-m MESSAGE] [FOLDER]: builds, shows what changes, asks, commits, and switches. On a machine that updates itself the switch is
# an update like any other: kept only if Nixen answers then.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=nix/scripts/lib.sh
. "$here/lib.sh"
message='configuration: change' yes='' named=''
while (($# > 0)); do
  case $1 in
    --yes) export yes=1 ;;
    -m)
      message=${2:?"-m wants a message"}
      shift
      ;;
    -*) fail "There is no flag $1. Usage: apply [--yes] [-m MESSAGE] [FOLDER]" ;;
    *) named=$1 ;;
  esac
  shift
done
folder=$(config_folder "$named")
host=$(host_name)

# A file that git does not know is no part of a flake: say so before somebody wonders.
if in_git "$folder"; then git -C "$folder" add --intent-to-add -- '*.nix' '*.toml' 2> /dev/null || true; fi
bash "$here/diff.sh" "$folder"
ask "Switch $host to it?" || fail "Nothing was changed."
if in_git "$folder" && ! git -C "$folder" diff --quiet HEAD 2> /dev/null; then
  git -C "$folder" add --update
  git -C "$folder" commit -q -m "$message"
fi
if [[ -e ${NIXEN_APPLIANCE:-/etc/nixen/appliance.json} ]] && command -v nixen > /dev/null; then
  as_root nixen appliance update configuration
else
  as_root nixos-rebuild switch --flake "$folder#$host"
fi
