#!/usr/bin/env bash
# history.sh [FOLDER]: commits of the configuration, generations of the system, and how updates ended.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=nix/scripts/lib.sh
. "$here/lib.sh"
folder=$(config_folder "${1:-}")

if in_git "$folder"; then
  echo "Configuration ($folder):"
  git -C "$folder" --no-pager log -n 15 --date=format:'%Y-%m-%d %H:%M' --format='  %h %ad %an: %s'
else
  echo "$folder is no git repository: there is no history of the configuration. Make it one: git -C $folder init"
fi
echo "Generations of this machine:"
nixos-rebuild list-generations | head -n 16 | sed 's/^/  /'
if [[ -e ${NIXEN_APPLIANCE:-/etc/nixen/appliance.json} ]] && command -v nixen > /dev/null; then
  echo "Updates:"
  as_root nixen appliance history --last 10 | sed 's/^/  /'
fi
