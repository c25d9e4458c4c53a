import { catalogue } from '@nixen/core'

/** Wrong use of the command that only shows when it runs. */
export const cliErrors = catalogue('cli', {
  bad_address: {
    status: 400,
    text: (p: { text: string }) => `"${p.text}" is not HOST:PORT. Write it like 127.0.0.1:10809 or [::1]:10809.`,
  },
  serve_where: {
    status: 400,
    text: () => 'Say where to listen: --socket PATH for a unix socket, or --listen HOST:PORT.',
  },
  serve_open: {
    status: 400,
    text: (p: { host: string }) =>
      `Serving a disk on ${p.host} without TLS would show it to the whole network. Give --tls-cert and --tls-key, or listen on 127.0.0.1 or a unix socket.`,
  },
  toolstack_open: {
    status: 400,
    text: (p: { address: string }) =>
      `A toolstack with the well-known password does not listen on ${p.address}, where others can reach it. Give --password.`,
  },
  bad_role: {
    status: 400,
    text: (p: { role: string }) =>
      `"${p.role}" is no role. Roles are pool-admin, pool-operator, vm-power-admin, vm-admin, vm-operator and read-only.`,
  },
  tls_pair: { status: 400, text: () => '--tls-cert and --tls-key go together.' },
  no_state: {
    status: 404,
    text: (p: { location: string }) =>
      `The repository ${p.location} holds no state of Nixen: no metadata job with own=true stored one there. Add the repository to a new Nixen with "nixen repository create … --mode existing" instead.`,
  },
  no_repository: {
    status: 400,
    text: () => 'Say which repository: --repo DIR (or s3://BUCKET/PREFIX?endpoint=…), or set NIXEN_REPO.',
  },
  no_password: {
    status: 400,
    text: () =>
      'Give the password of the repository by --password-file FILE or NIXEN_REPO_PASSWORD. There is no terminal to ask on.',
  },
  no_xapi_password: {
    status: 400,
    text: () =>
      'Give the password of the pool by --password-file FILE or NIXEN_XAPI_PASSWORD. There is no terminal to ask on.',
  },
  empty_password: { status: 400, text: (p: { source: string }) => `The password from ${p.source} is empty.` },
  passwords_differ: { status: 400, text: () => 'The two passwords are not the same. Nothing was done.' },
  same_name: {
    status: 400,
    text: (p: { file: string }) =>
      `Two images would both become ${p.file} in the restore point. Back them up one at a time, or rename one.`,
  },
  which_disk: {
    status: 400,
    text: (p: { disks: readonly string[] }) =>
      `The restore point has several disks: ${p.disks.join(', ')}. Say which one with --disk, or all of them with --all.`,
  },
  no_disk: {
    status: 404,
    text: (p: { disk: string; disks: readonly string[] }) =>
      `The restore point has no ${p.disk}. It has: ${p.disks.join(', ') || 'no disk'}.`,
  },
  no_latest: {
    status: 404,
    text: (p: { host: string | undefined; tags: readonly string[] }) =>
      `There is no restore point${p.host === undefined ? '' : ` of ${p.host}`}${p.tags.length > 0 ? ` with the tags ${p.tags.join(', ')}` : ''}. "nixen repo snapshots" lists those there are.`,
  },
  no_policy: {
    status: 400,
    text: () => 'Say what to keep (--keep-last, --keep-daily, …) or name the restore points to forget.',
  },
  bad_json: { status: 400, text: (p: { path: string }) => `${p.path} is not JSON.` },
  cannot_write: {
    status: 400,
    text: (p: { path: string; reason: string }) =>
      p.reason === 'EEXIST'
        ? `${p.path} is there already and is left as it is. Choose another name.`
        : `${p.path} cannot be written (${p.reason}).`,
  },
  which_key: {
    status: 400,
    text: (p: { key: string; found: number }) =>
      `${p.found === 0 ? 'No key begins' : `${p.found} keys begin`} with "${p.key}". List them with "nixen repo key list".`,
  },
  file_exists: {
    status: 409,
    text: (p: { path: string }) => `${p.path} is there already. Say another name with --out, or remove it.`,
  },
  ambiguous_backup: {
    status: 422,
    text: (p: { name: string; candidates: readonly string[] }) =>
      `There are several backups called ${p.name}: ${p.candidates.join(', ')}. Give the whole name.`,
  },
  which_backup_disk: {
    status: 422,
    text: (p: { backup: string; disks: readonly string[] }) =>
      `Say with --disk which disk of ${p.backup}. It has: ${p.disks.join(', ') || 'none'}.`,
  },
  cannot_read: {
    status: 400,
    text: (p: { path: string; reason: string }) => `${p.path} cannot be read (${p.reason}).`,
  },
  untrusted_certificate: {
    text: (p: { url: string; reason: string }) =>
      `The certificate of ${p.url} is not signed by a known authority for that name (${p.reason}). Log in with "nixen login ${p.url}", which asks about it once, or set NIXEN_FINGERPRINT.`,
  },
  certificate_changed: {
    text: (p: { host: string; pinned: string; found: string }) =>
      `The certificate of ${p.host} is not the one that was pinned (${p.pinned}) but ${p.found}. If it was renewed on purpose, log in again; otherwise somebody may be listening. Nothing was sent.`,
  },
  bad_profiles: {
    text: (p: { path: string }) => `${p.path} is damaged. Move it away and log in again.`,
  },
  no_profile: {
    status: 404,
    text: (p: { name: string; known: readonly string[] }) =>
      `There is no profile ${p.name}. ${p.known.length > 0 ? `There are: ${p.known.join(', ')}.` : 'Make one with "nixen login URL".'}`,
  },
  no_server: {
    text: (p: { directory: string }) =>
      `No server runs on this machine with the state directory ${p.directory}. Start one with "nixen serve", or log in to another with "nixen login URL".`,
  },
  not_yours: {
    text: (p: { directory: string }) =>
      `The server of ${p.directory} belongs to another user of this machine. Run the command as that user, or log in with "nixen login URL".`,
  },
  no_token: {
    status: 400,
    text: (p: { url: string }) =>
      `NIXEN_URL is ${p.url}, and NIXEN_TOKEN is not set. Make a token with "nixen token create", or unset NIXEN_URL.`,
  },
  bad_url: {
    status: 400,
    text: (p: { text: string }) =>
      `"${p.text}" is not the address of a server. Write it like https://nixen.example.net:8443.`,
  },
  not_found: {
    status: 404,
    text: (p: { type: string; name: string; near: readonly string[] }) =>
      `There is no ${p.type} called "${p.name}".${p.near.length > 0 ? ` Did you mean ${p.near.join(', ')}?` : ` "nixen ${p.type} list" shows those there are.`}`,
  },
  ambiguous: {
    status: 409,
    text: (p: { type: string; name: string; candidates: readonly string[] }) =>
      `There are ${p.candidates.length} ${p.type}s called "${p.name}". Say which:\n${p.candidates.map((line) => `  ${line}`).join('\n')}`,
  },
  no_secret: {
    status: 400,
    text: (p: { flag: string }) => `Give ${p.flag} FILE (- for standard input). There is no terminal to ask on.`,
  },
  bad_column: {
    status: 400,
    text: (p: { column: string; known: readonly string[] }) =>
      `There is no column ${p.column}. There are: ${p.known.join(', ')}.`,
  },
  not_confirmed: { status: 400, text: () => 'Nothing was done.' },
  task_gone: {
    text: (p: { task: string }) => `The task ${p.task} is gone, and nobody says how it ended. Look at what it was for.`,
  },
  no_link: {
    status: 400,
    text: (p: { text: string }) =>
      `"${p.text}" is not a set-up link. It looks like https://HOST:8443/setup#TOKEN, and the server prints it when it starts.`,
  },
  local_name: { status: 400, text: () => '"local" is the name of the server on this machine. Choose another.' },
  which_certificate: {
    status: 400,
    text: (p: { url: string; fingerprint: string }) =>
      `No known authority signed the certificate of ${p.url}. If its fingerprint is ${p.fingerprint}, say so with --fingerprint. There is no terminal to ask on.`,
  },
  bad_fingerprint: {
    status: 400,
    text: (p: { text: string }) => `"${p.text}" is not a SHA-256 fingerprint: 32 bytes in hexadecimal.`,
  },
  no_username: { status: 400, text: () => 'Give --username. There is no terminal to ask on.' },
  setup_first: {
    status: 409,
    text: () => 'This server has no administrator yet. Run the "nixen setup" command that it printed when it started.',
  },
  not_logged_in: { status: 400, text: () => 'You are not logged in anywhere. "nixen profile list" shows where.' },
  no_local_socket: {
    text: (p: { directory: string }) =>
      `The path of the state directory ${p.directory} is too long for the socket that a simulated pool is connected by. Choose another --state.`,
  },
})
