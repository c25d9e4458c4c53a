import { connectionErrors } from '@nixen/api'

type Refused<R> = { readonly [K in keyof R]: () => Promise<never> }

/** Actions that libvirt has nothing for, each with the sentence that says why. */
export function refuse<const R extends Readonly<Record<string, string>>>(group: string, reasons: R): Refused<R> {
  const entries = Object.entries(reasons).map(([name, reason]) => [
    name,
    async () => await Promise.reject(connectionErrors.unsupported({ action: `${group} ${name}`, reason })),
  ])
  // A function for each key of `reasons`.
  return Object.fromEntries(entries) as Refused<R>
}

const oneHost = 'A libvirt connection has one host.'
const elsewhere = 'libvirt has nothing for it; do it on the host itself.'

/** Reasons by group and action: also what the connection tells that it cannot do. */
export const refusals = {
  vm: {
    recover: 'Set the boot order to CD first, then start it.',
    migrate: oneHost,
    setVirtualization: 'The type of a domain is chosen when it is made.',
    setSecureBoot: 'Firmware and its keys are chosen by the definition of the domain; choose UEFI when it is made.',
    updateDrive: 'Detach the disk and attach it again as it should be.',
    attachGpu: 'Pass the PCI device through instead.',
    detachGpu: 'Detach the PCI device instead.',
  },
  snapshot: {
    update: 'libvirt keeps the name and description of a snapshot as they were made.',
    clone: 'libvirt makes no VM from a snapshot inside an image. Revert to it, then clone the VM.',
    copy: 'libvirt makes no VM from a snapshot inside an image. Revert to it, then copy the VM.',
  },
  disk: {
    update: 'A volume is called like its file.',
    snapshot: 'Snapshots are of whole VMs here.',
    migrate: 'Copy the disk while its VM is off, and attach the copy.',
    trackChanges: 'Backups turn it on by themselves for qcow2 disks.',
  },
  storage: {
    update: 'A pool keeps the name that it was made with.',
    enterMaintenance: oneHost,
    leaveMaintenance: oneHost,
    makeDefault: 'New disks go to the pool called "default".',
    reclaim: 'Guests that discard give room back by themselves.',
  },
  network: { update: 'Change the network with virsh net-edit; it is told here.' },
  nic: { setAddress: elsewhere, makeManagement: elsewhere },
  host: {
    update: elsewhere,
    enterMaintenance: oneHost,
    leaveMaintenance: oneHost,
    evacuate: oneHost,
    shutdown: elsewhere,
    reboot: elsewhere,
    smartReboot: elsewhere,
    emergencyShutdown: elsewhere,
    scanNics: 'They are told as they come and go.',
    powerOn: elsewhere,
    restartToolstack: elsewhere,
    installPatches: elsewhere,
    installCertificate: elsewhere,
    resetCertificate: elsewhere,
    makeMaster: oneHost,
    eject: oneHost,
    forget: oneHost,
    hidePci: 'libvirt takes a device from its host when a VM starts with it.',
  },
  pool: {
    update: oneHost,
    setSdnController: elsewhere,
    addHost: oneHost,
    enableHa: oneHost,
    disableHa: oneHost,
    rollingReboot: oneHost,
    rollingUpdate: oneHost,
    resumeRolling: oneHost,
    abandonRolling: oneHost,
  },
} as const

/** As the connection tells it: `vm:migrate`. */
export const unsupported: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(refusals).flatMap(([group, reasons]) =>
    Object.entries(reasons).map(([name, reason]) => [`${group}:${name}`, reason]),
  ),
)
