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
  cannot_read: {
    status: 400,
    text: (p: { path: string; reason: string }) => `${p.path} cannot be read (${p.reason}).`,
  },
})
