import { failedNow, later, no, type Refusals } from './spec.ts'

/** Codes that the contract has errors of its own for, where the object that they are about is not known. */
export const stateRefusals = {
  VM_BAD_POWER_STATE: no('The VM is {2}; it would have to be {1}.'),
  VM_MISSING_PV_DRIVERS: no('{vm 0} has no guest drivers. Install the guest tools first.'),
  VM_IS_IMMOBILE: no('{vm 0} cannot leave its host while it runs. Detach its devices of the host, or shut it down.'),
  OPERATION_BLOCKED: no('Somebody has blocked this operation of {any 0}: {1}. Allow it again first.'),
  OTHER_OPERATION_IN_PROGRESS: later('{any 1} is busy with something else ({2}). Wait until that is done.'),
  HOST_NOT_ENOUGH_FREE_MEMORY: no(
    'The host has too little free memory: {0} bytes are needed, {1} are free. Choose another host, or shut a VM down.',
  ),
  HOST_DISABLED: no('{host 0} is in maintenance and takes no VMs.'),
  HOST_OFFLINE: failedNow('{host 0} is off, or cut off from its pool. Check its power and network.'),
  HOST_NOT_LIVE: failedNow('The host does not answer its pool. Check its power and network, then try again.'),
  NO_HOSTS_AVAILABLE: no('No host that is on and enabled has all that the VM needs.'),
  OUT_OF_SPACE: no('There is no room left on {0}. Free some first.'),
  SR_FULL: no('The storage is full: {0} bytes are needed, {1} are free.'),
  SR_NOT_ATTACHED: no('{sr 0} is not attached to the host. Connect it first.'),
  SR_HAS_NO_PBDS: no('{sr 0} is not connected to any host. Attach it again.'),
  VDI_IN_USE: no('{vdi 0} is in use ({1}). Shut down or detach what uses it.'),
  VDI_READONLY: no('{vdi 0} cannot be written to.'),
  MISSING_CONNECTION_DETAILS: no('The user name or password of the other end is missing.'),
} as const satisfies Refusals
