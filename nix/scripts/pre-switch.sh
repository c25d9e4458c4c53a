#!/usr/bin/env bash
# Before a machine is switched: what would keep Nixen from starting. Nothing has been changed yet when this refuses.
# $NIXEN_FILES: lines "OPTION PATH" of files that must be there. $NIXEN_PORTS: lines "OPTION PORT" that must be free, or Nixen's.
# The lines come by environment, as one text each; arguments (the new system, the action) are not needed.
set -euo pipefail

failed=0
complain() {
  echo "nixen: $*" >&2
  failed=1
}

while read -r option path; do
  [[ -n $option ]] || continue
  if [[ ! -e $path ]]; then
    complain "$option is $path, and there is no such file. Put it there, or change the option."
  elif [[ ! -s $path ]]; then
    complain "$option is $path, and that file is empty."
  fi
done <<< "${NIXEN_FILES:-}"

if ! systemctl is-active --quiet nixen.service; then
  while read -r option port; do
    [[ -n $option ]] || continue
    # A socket of systemd's is the redirection of the running system.
    holder=$(ss -Hltnp "sport = :$port" | grep -v '"systemd"' | head -n 1 || true)
    if [[ -n $holder ]]; then
      complain "$option wants port $port, which is in use: $holder. Stop that program, or change the option."
    fi
  done <<< "${NIXEN_PORTS:-}"
fi

exit "$failed"
