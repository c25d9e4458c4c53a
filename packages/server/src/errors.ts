import { errorArea } from '@nixen/api'

/** What keeps the server from starting, or its own state from being read. */
export const serverArea = errorArea('server', {
  state_in_use: {
    text: (p: { directory: string }) =>
      `Another Nixen uses ${p.directory}. Stop it first, or start this one with another --state.`,
    example: { directory: '/var/lib/nixen' },
  },
  state_unusable: {
    text: (p: { path: string; reason: string }) =>
      `${p.path} cannot be used (${p.reason}). Check the owner, the mode and the room on its file system.`,
    example: { path: '/var/lib/nixen/db.sqlite', reason: 'permission denied' },
  },
  state_full: {
    status: 507,
    retryable: true,
    text: (p: { reason: string }) =>
      `Nixen cannot write its own state (${p.reason}). Make room where --state is, then look whether what was asked for was done.`,
    example: { reason: 'database or disk is full' },
  },
  bad_database: {
    text: (p: { place: string; reason: string }) =>
      `The database ${p.place} cannot be used (${p.reason}). Check database.url, and that the server there runs and lets this user in.`,
    example: { place: 'db.example.net/nixen', reason: 'connect ECONNREFUSED 192.0.2.7:5432' },
  },
  database_in_use: {
    text: (p: { place: string }) =>
      `Another Nixen uses the database ${p.place}. Stop it first, or give this one a database of its own.`,
    example: { place: 'db.example.net/nixen' },
  },
  database_not_empty: {
    text: (p: { place: string; table: string }) =>
      `The database ${p.place} has a state already (there are rows in ${p.table}). Nothing was copied; give an empty database.`,
    example: { place: 'db.example.net/nixen', table: 'users' },
  },
  move_damaged: {
    text: (p: { place: string; what: string }) =>
      `What was to be copied to ${p.place} is not what arrived, or is damaged: ${p.what}. Nothing was kept there; the state is where it was.`,
    example: { place: 'db.example.net/nixen', what: 'the audit log, from entry 7 on' },
  },
  moved_already: {
    text: (p: { place: string }) =>
      `The state is in the database ${p.place} already, which database.url names. Leave that out to copy the one in the state directory.`,
    example: { place: 'db.example.net/nixen' },
  },
  backup_exists: {
    text: (p: { path: string }) =>
      `${p.path} exists already. Give a name that is not taken; a backup replaces nothing.`,
    example: { path: '/backup/nixen' },
  },
  backup_elsewhere: {
    text: (p: { place: string; keys: string }) =>
      `The state is in the database ${p.place}. Back that up with pg_dump, and keep a copy of ${p.keys} with it: its secrets open with nothing else.`,
    example: { place: 'db.example.net/nixen', keys: '/var/lib/nixen/keys' },
  },
  backup_damaged: {
    text: (p: { path: string; reason: string }) =>
      `The backup of the state is damaged: ${p.path} (${p.reason}). Use another one.`,
    example: { path: '/backup/nixen/db.sqlite', reason: 'it was changed' },
  },
  state_exists: {
    text: (p: { path: string }) =>
      `There is a state in ${p.path} already. Restore to a new directory, or move that one away.`,
    example: { path: '/var/lib/nixen' },
  },
  newer_schema: {
    text: (p: { path: string; found: number; known: number }) =>
      `${p.path} was written by a newer Nixen (schema ${p.found}, this one knows ${p.known}). Install that version again, or restore the copy made before the upgrade.`,
    example: { path: '/var/lib/nixen/db.sqlite', found: 9, known: 8 },
  },
  key_missing: {
    text: (p: { path: string; key: string }) =>
      `A stored secret is encrypted with the key ${p.key}, which is not in ${p.path}. Restore that file from its backup.`,
    example: { path: '/var/lib/nixen/keys/master.key', key: '5b1f09c2' },
  },
  key_damaged: {
    text: (p: { path: string; reason: string }) => `${p.path} is damaged: ${p.reason}. Restore it from its backup.`,
    example: { path: '/var/lib/nixen/keys/master.key', reason: 'line 2 is not a key' },
  },
  secret_damaged: {
    text: (p: { what: string }) => `The stored secret of ${p.what} was changed or is damaged. Enter it again.`,
    example: { what: 'connection:k3f9x2ab7m1q:password' },
  },
  bad_setting: {
    text: (p: { key: string; origin: string; reason: string }) => `${p.key} (${p.origin}): ${p.reason}`,
    example: { key: 'server.port', origin: '--set server.port', reason: 'Too big: expected number to be <=65535' },
  },
  bad_file: {
    text: (p: { path: string; reason: string }) => `${p.path} cannot be read as configuration: ${p.reason}`,
    example: { path: '/etc/nixen.toml', reason: 'unexpected character (line 3)' },
  },
  bad_certificate: {
    text: (p: { path: string; reason: string }) => `The certificate ${p.path} cannot be used: ${p.reason}`,
    example: { path: '/etc/nixen/cert.pem', reason: 'the key in /etc/nixen/key.pem is not its key' },
  },
  cannot_listen: {
    text: (p: { address: string; reason: string }) =>
      `${p.address} cannot be listened on (${p.reason}). Choose another with server.port or server.listen.`,
    example: { address: '0.0.0.0:443', reason: 'permission denied' },
  },
})
export const serverErrors = serverArea.make
