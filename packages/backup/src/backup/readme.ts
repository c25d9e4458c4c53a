/** The text that lies beside the disks, for somebody who has only restic and the password. */
export function restoreReadme(host: string, files: readonly { name: string; size: number }[]): string {
  const list = files.map(({ name, size }) => `  ${name}  (${size} bytes)`).join('\n')
  const first = files[0]?.name ?? 'disk.raw'
  return `Restore point of the VM "${host}".

This is a snapshot in a restic repository (https://restic.net, format version 2). Nixen is not needed to get the disks back, only restic 0.14 or
newer, the repository, and its password.

Virtual disks, byte for byte as the VM saw them (raw images):
${list}
vm.json describes the VM: memory, processors, network cards, and the hypervisor's own record.

List the restore points:
  restic -r REPOSITORY snapshots

Restore everything of this point into a directory (holes stay holes with --sparse, restic 0.15 or newer):
  restic -r REPOSITORY restore SNAPSHOT --target DIRECTORY --sparse

Write one disk straight to a block device or file:
  restic -r REPOSITORY dump SNAPSHOT /${first} > /dev/TARGET

Check that all data is there and undamaged:
  restic -r REPOSITORY check --read-data

Convert for a hypervisor:
  qemu-img convert -O qcow2 ${first} disk.qcow2
`
}
