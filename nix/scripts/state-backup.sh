#!/usr/bin/env bash
# A checked copy of Nixen's own state in $NIXEN_BACKUP_DIRECTORY, of which the newest $NIXEN_BACKUP_KEEP stay. An older one goes only after a new
# one is whole. Arguments are handed to "nixen state backup". $NIXEN_BACKUP_LABEL names copies that are not of the schedule; they are kept apart.
# With $NIXEN_BACKUP_POSTGRES the database is the one of that name on this machine, and is dumped beside the keys.
set -euo pipefail

: "${NIXEN:?}" "${NIXEN_STATE_DIR:?}" "${NIXEN_BACKUP_DIRECTORY:?}" "${NIXEN_BACKUP_KEEP:?}"
label=${NIXEN_BACKUP_LABEL:-nixen}
if [[ ! $NIXEN_BACKUP_KEEP =~ ^[1-9][0-9]*$ ]]; then
  echo "NIXEN_BACKUP_KEEP is \"$NIXEN_BACKUP_KEEP\", which is not a number above 0." >&2
  exit 1
fi
mkdir -p "$NIXEN_BACKUP_DIRECTORY"

# What a run that was killed has left is not a copy.
find "$NIXEN_BACKUP_DIRECTORY" -mindepth 1 -maxdepth 1 -type d -name "$label-*.new" -exec rm -rf {} +

to=$NIXEN_BACKUP_DIRECTORY/$label-$(date -u +%Y-%m-%dT%H%M%SZ)
if [[ -e $to ]]; then
  echo "$to is there already; it is less than a second old." >&2
  exit 1
fi
if [[ -n ${NIXEN_BACKUP_POSTGRES:-} ]]; then
  mkdir -m 0700 "$to.new"
  pg_dump --host /run/postgresql --format custom --file "$to.new/nixen.pgdump" "$NIXEN_BACKUP_POSTGRES"
  # A dump that cannot be listed cannot be restored.
  pg_restore --list "$to.new/nixen.pgdump" > /dev/null
  cp -a "$NIXEN_STATE_DIR/keys" "$to.new/keys"
else
  "$NIXEN" state backup "$to.new" "$@"
fi
sync -f "$to.new"
mv -T "$to.new" "$to"
sync "$NIXEN_BACKUP_DIRECTORY"

mapfile -t copies < <(
  find "$NIXEN_BACKUP_DIRECTORY" -mindepth 1 -maxdepth 1 -type d -name "$label-*Z" -printf '%f\n' | sort -r
)
for old in "${copies[@]:NIXEN_BACKUP_KEEP}"; do
  rm -rf "${NIXEN_BACKUP_DIRECTORY:?}/$old"
  echo "Removed $old: $NIXEN_BACKUP_KEEP newer copies are there."
done
