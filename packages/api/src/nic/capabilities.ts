import { capabilities, type Rule } from '../capability/capabilities.ts'
import type { Nic } from './nic.ts'

const isOfVm: Rule<Nic> = { when: (nic) => nic.vm !== undefined, otherwise: 'That works with NICs of VMs only.' }
const isOfHost: Rule<Nic> = { when: (nic) => nic.host !== undefined, otherwise: 'That works with NICs of hosts only.' }
const isFree: Rule<Nic> = {
  when: (nic) => (nic.busy ?? []).length === 0,
  otherwise: 'The NIC is busy. Wait until that is done.',
}

/** What may be done with a NIC, and why not. Whether the VM it belongs to allows it is in `vmCan.addNic`. */
export const nicCan = capabilities<Nic>()({
  update: [isFree],
  connect: [{ when: (nic) => !nic.attached, otherwise: 'It is connected already.' }, isFree],
  disconnect: [
    { when: (nic) => nic.attached, otherwise: 'It is not connected.' },
    { when: (nic) => nic.management !== true, otherwise: 'The host is managed through it.' },
    isFree,
  ],
  limitTraffic: [isOfVm, isFree],
  setAddress: [isOfHost, isFree],
  makeManagement: [
    isOfHost,
    { when: (nic) => nic.management !== true, otherwise: 'The host is managed through it already.' },
    { when: (nic) => nic.ips.length > 0, otherwise: 'Give it an address first.' },
  ],
  remove: [isOfVm, isFree],
})
export type NicAction = keyof typeof nicCan
