/** What a sheet is made of. */
export interface SheetFacts {
  readonly name: string
  readonly location: string
  readonly uuid: string | undefined
  readonly accessKeyId: string | undefined
  /** Absent: a line is left free for it. */
  readonly password: string | undefined
  /** Epoch milliseconds. */
  readonly printed: number
}

/** Text for paper: how to restore with restic alone. Holds the secrets that it is given and no others. */
export function recoverySheet({ name, location, uuid, accessKeyId, password, printed }: SheetFacts): string {
  const s3 = location.startsWith('s3://')
  const address = resticAddress(location)
  const line = '_'.repeat(48)
  return `RECOVERY SHEET OF THE REPOSITORY "${name}"
Printed ${new Date(printed).toISOString().slice(0, 16).replace('T', ' ')} UTC by Nixen. Keep it where the machine that runs Nixen is not.

Where it is   ${address}
Its id        ${uuid ?? line}
Password      ${password ?? line}
${s3 ? `Access key    ${accessKeyId ?? line}\nSecret key    ${line}\n` : ''}
Whoever has the password ${s3 ? 'and the keys ' : ''}can read every backup. Without the password nobody can, not even its makers.

The backups are a plain restic repository. Nixen is not needed to read them, only restic 0.14 or newer (https://restic.net).

1. Say where the repository is, and its password:

   export RESTIC_REPOSITORY='${address}'
   export RESTIC_PASSWORD='${password === undefined ? '…' : password.replaceAll("'", String.raw`'\''`)}'
${s3 ? `   export AWS_ACCESS_KEY_ID='${accessKeyId ?? '…'}'\n   export AWS_SECRET_ACCESS_KEY='…'\n` : ''}
2. List the restore points. "Host" is the name of the VM:

   restic snapshots
   restic snapshots --host web-01

3. Look into one; each disk is a raw image, vm.json says how the VM was set up:

   restic ls SNAPSHOT

4. Get everything of it, or one disk straight to a device or file:

   restic restore SNAPSHOT --target /somewhere --sparse
   restic dump SNAPSHOT /disk-NAME.raw > /dev/TARGET

5. Make of it what a hypervisor wants:

   qemu-img convert -p -O qcow2 disk-NAME.raw disk.qcow2
   qemu-img convert -p -O vpc -o subformat=dynamic disk-NAME.raw disk.vhd

Check now and then that this works, from another machine:

   restic check --read-data-subset=5%
`
}

/** The address as restic writes it. */
export function resticAddress(location: string): string {
  if (!location.startsWith('s3://')) return location.replace(/^file:\/\//, '')
  const url = new URL(location)
  const endpoint = url.searchParams.get('endpoint') ?? 'https://s3.amazonaws.com'
  const path = [url.hostname, decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, '')].filter((part) => part !== '')
  return `s3:${endpoint.replace(/\/$/, '')}/${path.join('/')}`
}
