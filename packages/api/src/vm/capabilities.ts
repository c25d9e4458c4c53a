import { capabilities, type Capability, type Rule } from '../capability/capabilities.ts'
import type { Vm } from './vm.ts'

/** States in which an action makes sense, as a rule. */
function inPower(states: readonly Vm['power'][], otherwise: string): Rule<Vm> {
  return { when: (vm) => states.includes(vm.power), otherwise: (vm) => `${otherwise} This one is ${vm.power}.` }
}

/** Nobody forbade the action, and nothing else is done to the VM that it cannot go together with. */
function free(action: string, besides: readonly string[] = []): readonly Rule<Vm>[] {
  return [
    {
      when: (vm) => vm.blocked?.[action] === undefined,
      otherwise: (vm) => `Somebody has blocked it: ${vm.blocked?.[action] || 'no reason was given'}.`,
    },
    {
      when: (vm) => (vm.busy ?? []).every((other) => besides.includes(other)),
      otherwise: (vm) => `The VM is busy (${(vm.busy ?? []).join(', ')}). Wait until that is done.`,
    },
  ]
}

const hasDrivers: Rule<Vm> = {
  when: (vm) => vm.agent?.drivers === true,
  otherwise: 'The VM must have guest drivers. Install the guest tools.',
}
const isMobile: Rule<Vm> = {
  when: (vm) => vm.immobile === undefined,
  otherwise: (vm) => `The VM cannot leave its host while it runs: ${vm.immobile}`,
}
const live = ['running', 'paused'] as const
const off = ['halted'] as const
const mayPlug: Rule<Vm> = {
  when: (vm) => vm.power === 'halted' || (vm.power === 'running' && vm.agent?.drivers !== false),
  otherwise: 'The VM must be halted, or run with guest drivers.',
}
/** Work that copies or reads the VM and goes together with itself. */
const copying = ['clone', 'copy', 'export']

/**
 * What may be done with a VM, and why not. What the other end cannot do at all is in the connection's `unsupported`; who may do it is a
 * matter of permissions. The states follow XAPI's `allowed_operations`; libvirt and Proxmox VE agree or are more patient.
 */
export const vmCan = capabilities<Vm>()({
  start: [inPower(['halted', 'suspended', 'crashed'], 'Only a halted or suspended VM can start.'), ...free('start')],
  startOn: [inPower(['halted', 'suspended'], 'Only a halted or suspended VM can start.'), ...free('start')],
  /** Asks the guest; needs somebody in it who listens: drivers, an agent or ACPI. */
  shutdown: [inPower(['running'], 'Only a running VM can shut down.'), ...free('shutdown')],
  hardShutdown: [
    inPower(['running', 'paused', 'suspended', 'crashed'], 'The VM is off already.'),
    ...free('shutdown', ['shutdown', 'reboot', 'start']),
  ],
  reboot: [inPower(['running'], 'Only a running VM can reboot.'), ...free('reboot')],
  hardReboot: [
    inPower(['running', 'paused', 'crashed'], 'Only a running or paused VM can be reset.'),
    ...free('reboot', ['shutdown', 'reboot']),
  ],
  pause: [inPower(['running'], 'Only a running VM can be paused.'), ...free('pause')],
  unpause: [inPower(['paused'], 'Only a paused VM can go on.'), ...free('unpause')],
  suspend: [inPower(['running'], 'Only a running VM can be suspended.'), hasDrivers, isMobile, ...free('suspend')],
  resume: [inPower(['suspended'], 'Only a suspended VM can resume.'), ...free('resume')],
  /** Boots from the installation media once. */
  recover: [inPower(off, 'Only a halted VM can be recovered.'), ...free('start')],
  console: [inPower(live, 'A console needs a running VM.')],
  sendKeys: [inPower(['running'], 'Keys go to a running VM only.')],
  insertMedia: [
    { when: (vm) => vm.drives.some(({ kind }) => kind === 'cd'), otherwise: 'The VM has no CD drive. Add one first.' },
    ...free('insertMedia', copying),
  ],
  ejectMedia: [
    {
      when: (vm) => vm.drives.some(({ kind, disk }) => kind === 'cd' && disk !== undefined),
      otherwise: 'There is nothing in its CD drive.',
    },
    ...free('ejectMedia', copying),
  ],
  snapshot: [...free('snapshot', ['snapshot'])],
  snapshotWithMemory: [
    inPower(['running'], 'A snapshot with memory needs a running VM.'),
    hasDrivers,
    isMobile,
    ...free('snapshot'),
  ],
  revert: [{ when: (vm) => vm.snapshots > 0, otherwise: 'The VM has no snapshots.' }, ...free('revert')],
  clone: [
    inPower(['halted', 'suspended'], 'Only a halted or suspended VM can be cloned; take a snapshot and clone that.'),
    ...free('clone', copying),
  ],
  copy: [
    inPower(['halted', 'suspended'], 'Only a halted or suspended VM can be copied; take a snapshot and copy that.'),
    ...free('copy', copying),
  ],
  export: [
    inPower(['halted', 'suspended'], 'Only a halted or suspended VM can be exported; take a snapshot and export that.'),
    ...free('export', copying),
  ],
  convertToTemplate: [inPower(off, 'Only a halted VM can become a template.'), ...free('convertToTemplate')],
  /** Within its pool, from host to host. */
  migrate: [
    inPower(live, 'Only a running or paused VM moves to another host; a halted one can start there.'),
    hasDriversOrPv(),
    isMobile,
    ...free('migrate'),
  ],
  /** To another pool or storage, with its disks. */
  migrateStorage: [
    inPower(['running', 'paused', 'halted', 'suspended'], 'The state of the VM is not known.'),
    isMobileIfLive(),
    ...free('migrate'),
  ],
  update: [],
  setCpus: [
    {
      when: (vm) =>
        vm.power === 'halted' || (vm.power === 'running' && vm.vcpusMax !== undefined && vm.vcpusMax > vm.vcpus),
      otherwise: 'The VM must be halted, or run with fewer virtual processors than its maximum.',
    },
    ...free('setCpus'),
  ],
  setMemory: [
    {
      when: (vm) =>
        vm.power === 'halted' || (vm.power === 'running' && vm.memoryMin !== undefined && vm.agent?.drivers === true),
      otherwise: 'The VM must be halted, or run with guest drivers and a range for its memory.',
    },
    ...free('setMemory'),
  ],
  setFirmware: [inPower(off, 'The firmware changes only while the VM is halted.'), ...free('setFirmware')],
  setSecureBoot: [
    { when: (vm) => vm.firmware === 'uefi', otherwise: 'Secure boot needs UEFI firmware.' },
    inPower(off, 'Secure boot changes only while the VM is halted.'),
    ...free('setSecureBoot'),
  ],
  setVirtualization: [
    inPower(off, 'The way of virtualization changes only while the VM is halted.'),
    ...free('setVirtualization'),
  ],
  setBootOrder: [],
  addTpm: [
    { when: (vm) => vm.tpm !== true, otherwise: 'The VM has a TPM already.' },
    { when: (vm) => vm.firmware !== 'bios', otherwise: 'A TPM needs UEFI firmware.' },
    inPower(off, 'A TPM is added only while the VM is halted.'),
    ...free('addTpm'),
  ],
  removeTpm: [
    { when: (vm) => vm.tpm === true, otherwise: 'The VM has no TPM.' },
    inPower(off, 'A TPM is removed only while the VM is halted.'),
    ...free('removeTpm'),
  ],
  attachDisk: [mayPlug, ...free('attachDisk', copying)],
  detachDisk: [
    { when: (vm) => vm.drives.some(({ kind }) => kind === 'disk'), otherwise: 'The VM has no disk.' },
    mayPlug,
    ...free('detachDisk'),
  ],
  addNic: [mayPlug, ...free('addNic', copying)],
  removeNic: [
    { when: (vm) => vm.nics.length > 0, otherwise: 'The VM has no NIC.' },
    mayPlug,
    ...free('removeNic', copying),
  ],
  attachPci: [inPower(off, 'PCI devices are attached only while the VM is halted.'), ...free('attachPci')],
  attachUsb: [inPower(off, 'USB devices are attached only while the VM is halted.'), ...free('attachUsb')],
  delete: [inPower(['halted', 'suspended', 'crashed'], 'Shut the VM down before it is deleted.'), ...free('delete')],
})
export type VmAction = keyof typeof vmCan

/** XAPI moves PV guests without an agent; all others need drivers that give their devices back. Unknown is let through: the host decides. */
function hasDriversOrPv(): Rule<Vm> {
  return {
    when: (vm) => vm.virtualization === 'pv' || vm.virtualization === 'kvm' || vm.agent?.drivers !== false,
    otherwise: 'The VM must have guest drivers to move while it runs. Install the guest tools.',
  }
}

function isMobileIfLive(): Rule<Vm> {
  return { when: (vm) => vm.power === 'halted' || isMobile.when(vm), otherwise: isMobile.otherwise }
}

/** All actions of VMs that make sense now, for menus and bulk bars. */
export function vmActions(vm: Vm): readonly VmAction[] {
  // One capability per action.
  return (Object.keys(vmCan) as VmAction[]).filter((action) => isAllowed(vmCan[action], vm))
}

function isAllowed(capability: Capability<Vm>, vm: Vm): boolean {
  return capability.check(vm).allowed
}
