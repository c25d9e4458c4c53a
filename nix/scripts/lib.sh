# Shared by install.sh, apply.sh, diff.sh and history.sh; sourced, not run.
# shellcheck shell=bash
set -euo pipefail

fail() {
  echo "nixen: $*" >&2
  exit 1
}

# Yes or no, from a terminal; no without one, unless --yes was given.
ask() {
  local answer
  if [[ ${yes:-} == 1 ]]; then return 0; fi
  if [[ ! -t 0 && ${NIXEN_ASK_STDIN:-} != 1 ]]; then
    echo "$1 There is no terminal to ask on: give --yes to agree." >&2
    return 1
  fi
  read -r -p "$1 [y/N] " answer || answer=n
  [[ $answer == [yY] || $answer == [yY][eE][sS] ]]
}

# The folder of the configuration: an argument, $NIXEN_CONFIG, the folder one is in, /etc/nixos.
config_folder() {
  local folder
  for folder in "${1:-}" "${NIXEN_CONFIG:-}" "$PWD" /etc/nixos; do
    if [[ -n $folder && -f $folder/flake.nix ]]; then
      (cd "$folder" && pwd -P)
      return
    fi
    # One that was named and is not there is not made up for by another.
    if [[ -n $folder && ($folder == "${1:-}" || $folder == "${NIXEN_CONFIG:-}") ]]; then
      fail "There is no flake.nix in $folder. Name the folder of the configuration, or make one: nix run .#install"
    fi
  done
  fail "There is no flake.nix here, nor in /etc/nixos. Name the folder of the configuration, or make one: nix run .#install"
}

host_name() { echo "${NIXEN_HOST:-$(cat /proc/sys/kernel/hostname)}"; }
as_root() { if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi; }
in_git() { git -C "$1" rev-parse --is-inside-work-tree > /dev/null 2>&1; }
