#!/usr/bin/env bash
# After an update that was taken back: if the newer Nixen has changed the state so that this one does not start with it, the copy from before the
# update takes its place. What was there is moved aside, not removed. Run as root; nothing is done for a database that is not the file.
set -euo pipefail
: "${NIXEN:?}" "${NIXEN_STATE_DIR:?}" "${NIXEN_BACKUP_DIRECTORY:?}"

copy=$(find "$NIXEN_BACKUP_DIRECTORY" -mindepth 1 -maxdepth 1 -type d -name 'pre-update-*Z' | sort | tail -n 1)
if [[ -z $copy || ! -f $copy/nixen-state.json ]]; then
  echo "There is no copy of the state from before the update in $NIXEN_BACKUP_DIRECTORY. The state is left as it is." >&2
  exit 1
fi
fresh=$NIXEN_STATE_DIR.restored
aside=$NIXEN_STATE_DIR.after-update-$(date -u +%Y-%m-%dT%H%M%SZ)
rm -rf "$fresh"
# Checked as it is made: a copy that is damaged takes nobody's place.
"$NIXEN" state restore "$copy" --state "$fresh"
chown -R --reference="$NIXEN_STATE_DIR" "$fresh"
chmod --reference="$NIXEN_STATE_DIR" "$fresh"
systemctl stop nixen.service
mv -T "$NIXEN_STATE_DIR" "$aside"
mv -T "$fresh" "$NIXEN_STATE_DIR"
sync "$(dirname "$NIXEN_STATE_DIR")"
systemctl reset-failed nixen.service 2> /dev/null || true
systemctl start nixen.service
echo "The state from before the update ($copy) is in $NIXEN_STATE_DIR; what the newer Nixen made of it is in $aside."
