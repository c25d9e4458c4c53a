import { capabilities, type Rule } from '../capability/capabilities.ts'
import type { Host } from './host.ts'

const isUp: Rule<Host> = {
  when: (host) => host.power === 'running',
  otherwise: (host) => `The host must run; it is ${host.power}.`,
}
const isFree: Rule<Host> = {
  when: (host) => (host.busy ?? []).length === 0,
  otherwise: (host) => `The host is busy (${(host.busy ?? []).join(', ')}). Wait until that is done.`,
}
const isEmpty: Rule<Host> = {
  when: (host) => host.vms === 0,
  otherwise: (host) => `${host.vms} VMs run on it. Move them away or shut them down first.`,
}
const inMaintenance: Rule<Host> = { when: (host) => !host.enabled, otherwise: 'Put the host in maintenance first.' }

/** What may be done with a host, and why not. */
export const hostCan = capabilities<Host>()({
  update: [],
  console: [isUp],
  /** No new VMs; those on it may be moved away. */
  enterMaintenance: [isUp, { when: (host) => host.enabled, otherwise: 'The host is in maintenance already.' }, isFree],
  leaveMaintenance: [isUp, { when: (host) => !host.enabled, otherwise: 'The host is not in maintenance.' }, isFree],
  evacuate: [isUp, { when: (host) => host.vms > 0, otherwise: 'No VM runs on it.' }, isFree],
  shutdown: [isUp, inMaintenance, isEmpty, isFree],
  reboot: [isUp, inMaintenance, isEmpty, isFree],
  /** Suspends the VMs on it, reboots, resumes them. */
  smartReboot: [isUp, isFree],
  powerOn: [{ when: (host) => host.power !== 'running', otherwise: 'The host runs already.' }],
  restartToolstack: [isUp, isFree],
  installPatches: [
    isUp,
    { when: (host) => host.missingPatches !== 0, otherwise: 'All updates are installed.' },
    isFree,
  ],
  makeMaster: [
    isUp,
    { when: (host) => !host.master, otherwise: 'The host leads the pool already.' },
    { when: (host) => host.enabled, otherwise: 'A host in maintenance cannot lead the pool.' },
    isFree,
  ],
  eject: [
    isUp,
    { when: (host) => !host.master, otherwise: 'The host leads the pool. Let another one lead first.' },
    isEmpty,
    isFree,
  ],
  forget: [
    {
      when: (host) => host.power !== 'running',
      otherwise: 'Only a host that is gone can be forgotten; eject this one.',
    },
    { when: (host) => !host.master, otherwise: 'The host leads the pool.' },
  ],
  hidePci: [
    isUp,
    { when: (host) => host.iommu !== false, otherwise: 'The host has no IOMMU, or it is off in the firmware.' },
  ],
})
export type HostAction = keyof typeof hostCan
