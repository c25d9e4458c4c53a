import { z } from 'zod'
import { action } from '../action/action.ts'
import { HostId, VmId } from '../ids/resource-id.ts'
import { flag } from '../schema/fields.ts'
import { vmCan } from './capabilities.ts'

const vm = { type: 'vm', id: VmId, plural: 'vms' } as const
const host = HostId.optional().meta({ description: 'Where it shall run; the pool chooses when left out.' })
const needs = { host: 'host:read' } as const

/** Switching VMs on and off. */
export const vmPowerActions = {
  start: action({
    ...vm,
    name: 'start',
    title: 'Start NAME',
    summary: 'Start a VM',
    input: z.strictObject({ host, paused: flag('Start it paused.').default(false) }),
    needs,
    permission: 'vm:start',
    can: vmCan.start,
  }),
  recover: action({
    ...vm,
    name: 'recover',
    title: 'Start NAME from its installation media',
    summary: 'Start a VM once from its installation media',
    permission: 'vm:start',
    can: vmCan.recover,
  }),
  shutdown: action({
    ...vm,
    name: 'shutdown',
    title: 'Shut down NAME',
    summary: 'Shut a VM down',
    description: 'Asks the guest. For a guest that does not listen there is `vm hard-shutdown`.',
    permission: 'vm:shutdown',
    can: vmCan.shutdown,
  }),
  hardShutdown: action({
    ...vm,
    name: 'hard-shutdown',
    title: 'Switch off NAME',
    summary: 'Switch a VM off, like pulling the plug',
    description: 'What the guest has not written is lost.',
    permission: 'vm:shutdown',
    can: vmCan.hardShutdown,
  }),
  reboot: action({
    ...vm,
    name: 'reboot',
    title: 'Reboot NAME',
    summary: 'Reboot a VM',
    permission: 'vm:reboot',
    can: vmCan.reboot,
  }),
  hardReboot: action({
    ...vm,
    name: 'hard-reboot',
    title: 'Reset NAME',
    summary: 'Reset a VM, like its reset button',
    description: 'What the guest has not written is lost.',
    permission: 'vm:reboot',
    can: vmCan.hardReboot,
  }),
  pause: action({
    ...vm,
    name: 'pause',
    title: 'Pause NAME',
    summary: 'Pause a VM, keeping its memory',
    permission: 'vm:pause',
    can: vmCan.pause,
  }),
  unpause: action({
    ...vm,
    name: 'unpause',
    title: 'Go on with NAME',
    summary: 'Let a paused VM go on',
    permission: 'vm:pause',
    can: vmCan.unpause,
  }),
  suspend: action({
    ...vm,
    name: 'suspend',
    title: 'Suspend NAME',
    summary: 'Suspend a VM to disk',
    permission: 'vm:suspend',
    can: vmCan.suspend,
  }),
  resume: action({
    ...vm,
    name: 'resume',
    title: 'Resume NAME',
    summary: 'Resume a suspended VM',
    input: z.strictObject({ host }),
    needs,
    permission: 'vm:suspend',
    can: vmCan.resume,
  }),
} as const
