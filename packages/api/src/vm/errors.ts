import { errorArea } from '../errors/area.ts'

/** Errors about VMs. */
export const vmArea = errorArea('vm', {
  not_found: {
    status: 404,
    text: (p: { id: string }) => `There is no VM ${p.id}, or you may not see it.`,
    example: { id: 'vm.k3f9x2ab.6f1c2b1e-0d5f-4d0c-9a5b-1c9f6c8b3e7a' },
  },
  bad_power_state: {
    status: 409,
    text: (p: { id: string; name?: string; expected: readonly string[]; actual: string }) =>
      `The VM ${p.name ?? p.id} is ${p.actual}; it would have to be ${p.expected.join(' or ')}.`,
    example: { id: 'vm.k3f9x2ab.1', expected: ['halted', 'suspended'], actual: 'running' },
  },
  blocked: {
    status: 409,
    text: (p: { id: string; name?: string; action: string; reason: string }) =>
      `${p.action} of the VM ${p.name ?? p.id} is blocked: ${p.reason}`,
    example: { id: 'vm.k3f9x2ab.1', action: 'shutdown', reason: 'payroll runs until Friday.' },
  },
  busy: {
    status: 409,
    retryable: true,
    text: (p: { id: string; name?: string; action: string }) =>
      `The VM ${p.name ?? p.id} is busy: ${p.action}. Wait until that is done.`,
    example: { id: 'vm.k3f9x2ab.1', action: 'migrate' },
  },
  no_drivers: {
    status: 409,
    text: (p: { id: string; name?: string }) =>
      `The VM ${p.name ?? p.id} has no guest drivers. Install the guest tools first.`,
    example: { id: 'vm.k3f9x2ab.1' },
  },
  immobile: {
    status: 409,
    text: (p: { id: string; name?: string; reason: string }) =>
      `The VM ${p.name ?? p.id} cannot leave its host while it runs: ${p.reason}`,
    example: { id: 'vm.k3f9x2ab.1', reason: 'a PCI device is passed through.' },
  },
})
export const vmErrors = vmArea.make
